//! A journal that goes back becomes another one: its epoch changes, followers start anew, and nothing that is kept in
//! memory survives. Otherwise it stays the same.

use std::{fs, path::Path};

use clowder_accounts::ProfilePatch;
use clowder_core::{Actor, Ctx, Input, PageRequest, Role, Timestamp, Via};
use clowder_infra::{DatabaseUrl, Followed, Follower, Options, Store};
use clowder_messaging::{ChatFilter, Message, NewChat, NewMessage};
use clowder_tests::Database;
use serde_json::json;
use uuid::Uuid;

use crate::{
    activity::{counted, edit},
    following::heads,
    privacy::system,
    readers::read_all,
    world::{Person, World, on_both},
};

async fn epoch(store: &Store) -> Uuid {
    store.journal.extent().await.unwrap().epoch
}

async fn catch_up(store: &Store, follower: &mut Follower) {
    let heads = store.journal.extent().await.unwrap().heads;
    while *follower.known() != heads {
        follower.step().await.unwrap();
    }
}

async fn rename(world: &World, person: &Person, name: &str) {
    let patch = ProfilePatch::from_json(json!({"display_name": name})).unwrap();
    world.store.accounts.edit_me(&world.ctx(person), None, patch).await.unwrap();
}

on_both! {
    async fn a_restore_under_a_running_node_is_followed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&ada, chat, "kept").await;
        rename(&world, &ada, "Ada").await;
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup");
        world.database.back_up(&backup);
        let (before, kept) = (epoch(&world.store).await, heads(&world).await);
        let other = world.another_node().await;
        let mut followers = [world.store.follow().await.unwrap(), other.follow().await.unwrap()];

        // What is lost stands in all caches.
        world.say(&ada, chat, "lost").await;
        rename(&world, &ada, "Lost").await;
        let Actor::User { via: Via::Session(session), .. } = bob.actor else { panic!("a session") };
        world.store.accounts.end_session(&world.ctx(&bob), session).await.unwrap();
        world.store.staff.set_role(&system(&world), bob.id, Role::Admin).await.unwrap();
        let nodes = [&world.store, &other];
        for (store, follower) in nodes.iter().zip(&mut followers) {
            catch_up(store, follower).await;
            assert_eq!(seen(&world, store, &ada).await, ("lost".to_owned(), "Lost".to_owned()));
            assert!(store.accounts.is_ended(session));
            assert_eq!(store.staff.standing(bob.id, world.now()).role, Role::Admin);
        }
        let lost = heads(&world).await;

        world.database.restore(&backup);
        // The same positions and versions are given out again before anybody has looked.
        world.say(&ada, chat, "new").await;
        rename(&world, &ada, "New").await;
        let now = epoch(&world.store).await;
        assert_ne!(now, before);
        for (store, follower) in nodes.iter().zip(&mut followers) {
            let renewed = loop {
                if let Followed::Renewed { epoch, heads } = follower.step().await.unwrap() {
                    break (epoch, heads);
                }
            };
            assert_eq!(renewed.0, now);
            assert_eq!((follower.epoch(), follower.known()), (renewed.0, &renewed.1));
            assert!(renewed.1.reach(&kept) && !renewed.1.reach(&lost));
            assert_eq!(seen(&world, store, &ada).await, ("new".to_owned(), "New".to_owned()));
            assert!(!store.accounts.is_ended(session));
            assert_eq!(store.staff.standing(bob.id, world.now()).role, Role::User);
        }

        // From there on nothing is missed, although the positions have been there before.
        for (n, (store, follower)) in nodes.iter().zip(&mut followers).enumerate() {
            let text = format!("after {n}");
            world.say(&ada, chat, &text).await;
            loop {
                let change = follower.next().await.unwrap();
                if serde_json::from_str::<Message>(change.data.get()).is_ok_and(|said| said.content == Some(text.clone())) {
                    break;
                }
            }
            assert_eq!(epoch(store).await, now, "once is enough");
        }
    }

    async fn another_node_and_a_restart_change_nothing(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let before = epoch(&world.store).await;
        for n in 0..3 {
            let node = world.another_node().await;
            world.say(&ada, chat, &format!("{n}")).await;
            assert_eq!(epoch(&node).await, before);
        }
        assert_eq!(epoch(&world.store).await, before);
    }
}

/// The last message and the person's own name.
async fn seen(world: &World, store: &Store, person: &Person) -> (String, String) {
    let chats = store.messaging.chats(&world.ctx(person), ChatFilter::default(), PageRequest::default()).await.unwrap();
    let last = chats.items.into_iter().next().unwrap().last_message.unwrap();
    (last.content.unwrap(), store.accounts.me(&world.ctx(person)).await.unwrap().display_name)
}

/// A store on a SQLite file, and its epoch. Something is written in it first.
async fn opened(database: &Database, name: &str) -> Uuid {
    let mut options =
        Options::new(DatabaseUrl::parse(&database.url).unwrap(), "a secret for tests, thirty-two characters");
    options.hasher.cost = 4;
    let now = Timestamp::from_micros(1_790_000_000_000_000);
    let store = Store::open(options, now).await.unwrap();
    let epoch = epoch(&store).await;
    let ctx = Ctx::new(Actor::Nobody, now, "test");
    store.accounts.register(&ctx, crate::world::account(name)).await.unwrap();
    drop(store);
    // A connection that is still open could write into the file that takes the place of this one.
    let file = Path::new(database.url.strip_prefix("sqlite:").unwrap());
    let is_open = || {
        fs::read_dir("/proc/self/fd")
            .unwrap()
            .flatten()
            .any(|open| fs::read_link(open.path()).is_ok_and(|of| of == file))
    };
    clowder_tests::until("the file is closed", async || !is_open()).await;
    epoch
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().flatten() {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn an_older_file_that_is_put_back_is_another_journal() {
    let database = Database::sqlite();
    Store::migrate(&DatabaseUrl::parse(&database.url).unwrap()).unwrap();
    let backups = tempfile::tempdir().unwrap();
    let (file, folder) = (backups.path().join("file"), backups.path().join("folder"));
    let first = opened(&database, "ada").await;
    assert_eq!(opened(&database, "bob").await, first, "a restart");
    database.back_up(&file);
    database.put_back(&file);
    assert_eq!(opened(&database, "cleo").await, first, "nothing was lost");
    database.put_back(&file);
    let second = opened(&database, "dora").await;
    assert_ne!(second, first);
    assert_eq!(opened(&database, "emil").await, second);
    // The same backup once more.
    database.put_back(&file);
    let third = opened(&database, "finn").await;
    assert!(third != first && third != second);

    // The whole folder, elsewhere and over the present one.
    copy_folder(database.folder.path(), &folder);
    let elsewhere = Database::sqlite();
    copy_folder(&folder, elsewhere.folder.path());
    let fourth = opened(&elsewhere, "gwen").await;
    assert_ne!(fourth, third);
    assert_eq!(opened(&database, "hugo").await, third);
    copy_folder(&folder, database.folder.path());
    assert_ne!(opened(&database, "ivan").await, third);
}

/// Some managed services refuse the functions that say which server it is.
#[tokio::test]
async fn a_role_that_may_not_ask_for_the_server_can_work() {
    let world = World::postgres().await;
    let role = format!("asks_{}", clowder_tests::unique());
    world.batch(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; \
         REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) FROM PUBLIC"
    ));
    let (_, place) = world.database.url.rsplit_once('@').unwrap();
    let url = DatabaseUrl::parse(&format!("postgres://{role}:p@{place}")).unwrap();
    assert_eq!(Store::refused_functions(&url).unwrap(), ["pg_control_system()", "pg_walfile_name(pg_lsn)"]);
    assert!(Store::refused_functions(&world.options.url).unwrap().is_empty());
    let node = world.node_with(|options| options.url = url).await;
    assert_eq!(epoch(&node).await, epoch(&node).await);
    drop(node);
    world.batch(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'; \
         DROP OWNED BY {role}; DROP ROLE {role}"
    ));
}

/// As if the server had been on an earlier timeline until now.
const PROMOTED: &str = "UPDATE epoch SET timeline = 0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_appends_first_on_another_timeline_notes_what_was_there() {
    let world = World::postgres().await;
    let [ada] = world.people(["ada"]).await;
    let chat = world.group(&ada, &[]).await.id;
    let other = world.another_node().await;
    for round in 0..3 {
        let before = world.store.journal.extent().await.unwrap();
        world.batch(PROMOTED);
        // Both append at once, in the same stream and in others.
        let append = async |store: &Store| {
            for n in 0..10 {
                let new = NewMessage::from_json(json!({"content": format!("{n}")})).unwrap();
                store.messaging.send(&world.ctx(&ada), chat, new).await.unwrap();
                let new = NewChat::from_json(json!({"type": "group", "title": "Lunch"})).unwrap();
                store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap();
            }
        };
        tokio::join!(append(&world.store), append(&other));
        let after = world.store.journal.extent().await.unwrap();
        assert_ne!(after.epoch, before.epoch);
        let former = world.store.journal.former(after.epoch).await.unwrap();
        let [former] = &former[..] else { panic!("{former:?}") };
        assert_eq!(former.heads, before.heads, "in round {round}");
        assert_eq!(other.journal.former(after.epoch).await.unwrap(), std::slice::from_ref(former));
        assert_eq!(epoch(&other).await, after.epoch, "once is enough");
        assert!(world.store.journal.former(before.epoch).await.unwrap().is_empty());
        assert_eq!(world.number("SELECT count(*) FROM former_epochs"), 1, "what leads nowhere is forgotten");
    }
    // A look is enough.
    let before = world.store.journal.extent().await.unwrap();
    world.batch(PROMOTED);
    let after = other.journal.extent().await.unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(world.store.journal.former(after.epoch).await.unwrap()[0].heads, before.heads);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_that_nobody_knew_or_that_goes_back_says_nothing_of_what_was_there() {
    let world = World::postgres().await;
    let [ada] = world.people(["ada"]).await;
    let chat = world.group(&ada, &[]).await.id;
    let first = epoch(&world.store).await;
    // As after the migration, and where the role may not ask.
    world.batch("UPDATE epoch SET timeline = NULL");
    world.say(&ada, chat, "noted").await;
    assert_eq!(epoch(&world.store).await, first);
    assert_eq!(world.number("SELECT timeline FROM epoch"), 1);
    world.batch("UPDATE epoch SET timeline = NULL");
    assert_eq!(epoch(&world.another_node().await).await, first);
    assert_eq!(world.number("SELECT timeline FROM epoch"), 1);
    // As in a dump of a server that was promoted more often.
    world.batch("UPDATE epoch SET timeline = 7");
    world.say(&ada, chat, "moved").await;
    let second = epoch(&world.store).await;
    assert_ne!(second, first);
    assert!(world.store.journal.former(second).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_go_on_after_a_promotion() {
    let world = World::postgres().await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let chat = world.group(&ada, &[&bob]).await.id;
    read_all(&world.store, &world).await;
    // Not read yet, and one of them has cleared it.
    for person in [&ada, &bob] {
        edit(&world, person, "dark").await;
        world.say(person, chat, "hello").await;
    }
    world.store.activity.clear_activity(&world.ctx(&bob)).await.unwrap();
    // As if all this had happened on the server before.
    let moved = "UPDATE readers SET epoch = (SELECT epoch FROM former_epochs); \
                 UPDATE activity_clearings SET epoch = (SELECT epoch FROM former_epochs)";
    world.batch(PROMOTED);
    epoch(&world.store).await;
    world.batch(moved);
    read_all(&world.store, &world).await;
    assert_eq!(counted(&world, &ada, "message.sent").await, [1]);
    assert_eq!(counted(&world, &ada, "settings.changed").await, [1]);
    assert_eq!(counted(&world, &bob, "message.sent").await, [0_i64; 0], "what was cleared does not come back");
    // A reader that has read what was lost goes back to what is there.
    world.batch(PROMOTED);
    epoch(&world.store).await;
    world.batch(moved);
    world.batch("UPDATE reader_positions SET position = position + 1000 WHERE stream >= 0");
    world.say(&ada, chat, "again").await;
    read_all(&world.store, &world).await;
    assert_eq!(counted(&world, &ada, "message.sent").await, [2]);
}
