//! The guarantees of `ActivityLog`.

pub mod domain;

use std::time::Duration;

use clowder_accounts::{
    NewApiKey,
    activity::{Activity, ActivityType, KEPT_FOR},
    model::{ProfilePatch, SettingsPatch},
};
use clowder_core::{Actor, Ctx, Input, PageRequest, Role, Timestamp};
use clowder_messaging::NewChat;
use serde_json::json;

use crate::{
    privacy::{system, work},
    readers::read_all,
    stress::of,
    world::{PASSWORD, Person, World, on_both},
};

pub async fn edit(world: &World, person: &Person, theme: &str) {
    let patch = SettingsPatch::from_json(json!({"theme": theme})).unwrap();
    world.store.preferences.edit_settings(&world.ctx(person), None, patch).await.unwrap();
}

/// Somebody's items, the latest first.
async fn items(world: &World, person: &Person) -> Vec<Activity> {
    let page = PageRequest { limit: 200, cursor: None };
    world.store.activity.activity(&world.ctx(person), None, page).await.unwrap().items
}

/// The counts of somebody's items of a type.
pub async fn counted(world: &World, person: &Person, kind: &str) -> Vec<i64> {
    let page = PageRequest { limit: 200, cursor: None };
    let kind = ActivityType::parse(kind);
    assert!(kind.is_some());
    let items = world.store.activity.activity(&world.ctx(person), kind, page).await.unwrap().items;
    items.iter().map(|item| item.data.count).collect()
}

/// Types and targets, the earliest first.
fn told(items: &[Activity]) -> Vec<(&str, &str)> {
    items.iter().rev().map(|item| (item.kind.as_str(), item.target.kind.as_str())).collect()
}

fn sorted<'t>(mut told: Vec<(&'t str, &'t str)>) -> Vec<(&'t str, &'t str)> {
    told.sort_unstable();
    told
}

on_both! {
    async fn what_somebody_does_is_in_their_log_and_in_nobody_elses(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let private = NewChat::from_json(json!({"type": "private", "participant_ids": [ada.id]})).unwrap();
        world.store.messaging.create_chat(&world.ctx(&bob), private).await.unwrap();
        for text in ["a peculiar text", "and another"] {
            world.say(&ada, chat.id, text).await;
        }
        let patch = ProfilePatch::from_json(json!({"bio": "a peculiar life"})).unwrap();
        world.store.accounts.edit_me(&world.ctx(&ada), None, patch).await.unwrap();
        edit(&world, &ada, "dark").await;
        let key = NewApiKey::from_json(json!({"name": "bot", "scopes": ["messages:read"]})).unwrap();
        world.store.api_keys.create_key(&world.ctx(&ada), key).await.unwrap();
        let block = clowder_social::NewBlock::default();
        world.store.blocks.block(&world.ctx(&ada), bob.id, block).await.unwrap();
        let before = world.everything().await.len();
        read_all(&world.store, &world).await;
        // Other readers tell people of what happened.
        let after = world.everything().await.into_iter().filter(|change| !change.name.starts_with("notification"));
        assert_eq!(after.count(), before, "the log is no change");

        let of_ada = items(&world, &ada).await;
        let expected = [
            ("account.created", "user"), ("api_key.created", "api_key"), ("block.added", "user"), ("chat.created", "chat"),
            ("message.sent", "chat"), ("profile.changed", "user"), ("session.opened", "session"), ("settings.changed", "user"),
        ];
        assert_eq!(sorted(told(&of_ada)), expected);
        let sent = of_ada.iter().find(|item| item.kind == "message.sent").unwrap();
        assert_eq!((sent.target.id, sent.data.count), (chat.id.uuid(), 2));
        assert!(sent.at < sent.data.last_at);
        assert!(!json!(of_ada).to_string().contains("peculiar"), "no texts");
        assert!(of_ada.is_sorted_by(|one, next| one.at >= next.at), "the latest first");
        let of_bob = items(&world, &bob).await;
        assert_eq!(sorted(told(&of_bob)), [("account.created", "user"), ("chat.created", "chat"), ("chat.joined", "chat"), ("session.opened", "session")]);
    }

    async fn what_the_journal_does_not_tell_apart_is_told_apart(world: World) {
        let [ada] = world.people(["ada"]).await;
        let root = world.with_role("rita", Role::Admin).await;
        for patch in [json!({"username": "countess"}), json!({"bio": "counts"})] {
            let patch = ProfilePatch::from_json(patch).unwrap();
            world.store.accounts.edit_me(&world.ctx(&ada), None, patch).await.unwrap();
        }
        for text in [Some("in a meeting"), None] {
            let new = clowder_accounts::presence::NewPresence::from_json(json!({"status": "busy", "text": text})).unwrap();
            world.store.presence.set_presence(&world.ctx(&ada), new).await.unwrap();
        }
        let passwords = json!({"current_password": PASSWORD, "new_password": "another correct horse"});
        let passwords = Input::from_json(passwords).unwrap();
        world.store.credentials.change_password(&world.ctx(&ada), passwords).await.unwrap();
        let note = clowder_social::NewNote::from_json(json!({"text": "private"})).unwrap();
        world.store.blocks.write_note(&world.ctx(&ada), root.id, note).await.unwrap();
        read_all(&world.store, &world).await;
        let expected = [
            ("account.created", "user"), ("password.changed", "user"), ("presence.changed", "user"), ("profile.changed", "user"),
            ("session.opened", "session"), ("username.changed", "user"),
        ];
        assert_eq!(sorted(told(&items(&world, &ada).await)), expected, "and no note");
        let opened = items(&world, &ada).await.into_iter().find(|item| item.kind == "session.opened").unwrap();
        assert!(opened.data.device.is_some(), "the session that changed the password is open");
        // What an administrator does to the account is not hers.
        let patch = clowder_accounts::profiles::UserPatch::from_json(json!({"username": "other", "reason": "x"})).unwrap();
        world.store.profiles.edit_user(&world.ctx(&root), ada.id, None, patch).await.unwrap();
        read_all(&world.store, &world).await;
        assert_eq!(counted(&world, &ada, "username.changed").await, [1]);
    }

    async fn friends_and_members_of_groups_find_it_in_their_logs(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for (one, other) in [(&ada, &bob), (&bob, &ada)] {
            let new = Input::from_json(json!({"user_id": other.id})).unwrap();
            world.store.friends.request(&world.ctx(one), new).await.unwrap();
        }
        world.store.friends.remove(&world.ctx(&bob), ada.id).await.unwrap();
        let new = Input::from_json(json!({"name": "Minka", "species": "cat"})).unwrap();
        let pet = world.store.pets.create(&world.ctx(&ada), new).await.unwrap().id;
        let new = Input::from_json(json!({"user_id": bob.id, "role": "caretaker"})).unwrap();
        world.store.pets.invite(&world.ctx(&ada), pet, new).await.unwrap();
        let answer = Input::from_json(json!({"action": "accept"})).unwrap();
        world.store.pets.answer(&world.ctx(&bob), pet, answer).await.unwrap();
        let owner = Input::from_json(json!({"user_id": bob.id})).unwrap();
        world.store.pets.transfer(&world.ctx(&ada), pet, owner).await.unwrap();
        let new = Input::from_json(json!({"name": "Rowers", "visibility": "public"})).unwrap();
        let group = world.store.groups.create(&world.ctx(&ada), new).await.unwrap().id;
        world.store.groups.join(&world.ctx(&bob), group).await.unwrap();
        world.store.groups.leave(&world.ctx(&bob), group).await.unwrap();
        world.store.groups.delete(&world.ctx(&ada), group, None).await.unwrap();
        read_all(&world.store, &world).await;
        for (person, here, there) in [
            (&ada, &["friend.added", "friend.requested", "group.created", "group.deleted", "pet.transferred"][..], &["friend.removed", "group.joined", "group.left"][..]),
            (&bob, &["friend.added", "friend.removed", "group.joined", "group.left"][..], &["friend.requested", "group.created", "group.deleted", "chat.created", "pet.transferred"][..]),
        ] {
            for (kinds, count) in [(here, &[1_i64][..]), (there, &[][..])] {
                for kind in kinds {
                    assert_eq!(counted(&world, person, kind).await, count, "{kind}");
                }
            }
        }
        let of_ada = items(&world, &ada).await;
        let friend = of_ada.iter().find(|item| item.kind == "friend.added").unwrap();
        assert_eq!((friend.target.kind.as_str(), friend.target.id), ("user", bob.id.uuid()));
    }

    async fn what_somebody_does_to_others_is_in_their_own_log(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let store = &world.store;
        let (of_ada, of_bob, of_eve) = (world.ctx(&ada), world.ctx(&bob), world.ctx(&eve));
        // Friends: asked twice, taken back once and rejected once.
        for action in ["cancel", "reject"] {
            let new = of(json!({"user_id": bob.id}));
            let request = store.friends.request(&of_ada, new).await.unwrap().into_inner().id;
            let by = if action == "cancel" { &of_ada } else { &of_bob };
            store.friends.decide(by, request, of(json!({"action": action}))).await.unwrap();
        }
        // A pet: one comes and leaves, one is invited and taken out.
        let pet = store.pets.create(&of_ada, of(json!({"name": "Minka", "species": "cat"}))).await.unwrap().id;
        for (who, ctx, answer) in [(&bob, &of_bob, true), (&eve, &of_eve, false)] {
            store.pets.invite(&of_ada, pet, of(json!({"user_id": who.id, "role": "caretaker"}))).await.unwrap();
            if answer {
                store.pets.answer(ctx, pet, of(json!({"action": "accept"}))).await.unwrap();
            }
        }
        store.pets.remove(&of_bob, pet, bob.id).await.unwrap();
        store.pets.remove(&of_ada, pet, eve.id).await.unwrap();
        // A group: a request is decided, a role changed, somebody banned, invitations declined and withdrawn; a new owner.
        let group = store.groups.create(&of_ada, of(json!({"name": "Rowers", "visibility": "closed"}))).await.unwrap().id;
        store.groups.join(&of_bob, group).await.unwrap();
        store.groups.decide(&of_ada, group, bob.id, of(json!({"action": "approve"}))).await.unwrap();
        store.groups.set_role(&of_ada, group, bob.id, of(json!({"role": "moderator"}))).await.unwrap();
        store.groups.ban(&of_ada, group, bob.id, of(json!({}))).await.unwrap();
        store.groups.invite(&of_ada, group, of(json!({"user_ids": [eve.id]}))).await.unwrap();
        store.groups.remove(&of_ada, group, eve.id).await.unwrap();
        store.groups.invite(&of_ada, group, of(json!({"user_ids": [eve.id]}))).await.unwrap();
        store.groups.join(&of_eve, group).await.unwrap();
        store.groups.transfer(&of_ada, group, of(json!({"user_id": eve.id}))).await.unwrap();
        // A chat: the same, and a message is edited and deleted.
        let chat = world.group(&ada, &[]).await.id;
        store.invitations.invite(&of_ada, chat, of(json!({"user_ids": [bob.id, eve.id]}))).await.unwrap();
        store.invitations.answer(&of_bob, chat, of(json!({"action": "decline"}))).await.unwrap();
        store.invitations.withdraw(&of_ada, chat, eve.id).await.unwrap();
        let message = world.say(&ada, chat, "a peculiar text").await.id;
        store.messaging.edit(&of_ada, message, None, of(json!({"content": "another"}))).await.unwrap();
        store.messaging.delete(&of_ada, message, None).await.unwrap();
        // People in a chat: two come, one gets a role, both go; one by himself.
        let chat = world.group(&ada, &[]).await.id;
        let people = &store.participants;
        people.add(&of_ada, chat, of(json!({"user_ids": [bob.id, eve.id]}))).await.unwrap();
        people.set_role(&of_ada, chat, bob.id, of(json!({"role": "admin"}))).await.unwrap();
        people.remove(&of_ada, chat, eve.id).await.unwrap();
        people.remove(&of_bob, chat, bob.id).await.unwrap();
        store.privacy.export(&of_ada).await.unwrap();
        read_all(store, &world).await;
        for (person, here, there) in [
            (&ada, &[
                ("friend.cancelled", 1), ("pet.keeper_invited", 2), ("pet.keeper_removed", 1), ("group.decided", 1),
                ("group.role_changed", 1), ("group.member_removed", 1), ("group.invited", 2), ("group.uninvited", 1),
                ("group.transferred", 1), ("chat.invited", 2), ("chat.uninvited", 1), ("message.edited", 1),
                ("message.deleted", 1), ("export.requested", 1), ("chat.member_added", 2), ("chat.role_changed", 1),
                ("chat.member_removed", 1),
            ][..], &["friend.rejected", "pet.joined", "pet.left", "chat.declined"][..]),
            (&bob, &[("friend.rejected", 1), ("pet.joined", 1), ("pet.left", 1), ("group.joined", 1), ("group.left", 1), ("chat.declined", 1)],
             &["chat.member_added", "chat.member_removed", "chat.role_changed", "friend.cancelled", "pet.keeper_removed", "group.decided", "group.role_changed", "group.member_removed"]),
            (&eve, &[("group.joined", 1)], &["pet.joined", "pet.left", "group.invited", "group.transferred", "group.uninvited", "chat.invited"]),
        ] {
            for (kind, count) in here {
                assert_eq!(counted(&world, person, kind).await.iter().sum::<i64>(), *count, "{kind}");
            }
            for kind in there {
                assert!(counted(&world, person, kind).await.is_empty(), "{kind}");
            }
        }
    }

    async fn one_thing_is_one_item_a_day_and_pages_show_each_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for day in 1..=3_i64 {
            for _ in 0..2 {
                let chat = world.group(&ada, &[&bob]).await;
                for _ in 0..day {
                    world.say(&ada, chat.id, "hello").await;
                }
            }
            read_all(&world.store, &world).await;
            world.wait(Duration::from_secs(24 * 3600));
        }
        assert_eq!(counted(&world, &ada, "message.sent").await, [3, 3, 2, 2, 1, 1]);
        let all: Vec<_> = items(&world, &ada).await.into_iter().map(|item| item.id).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit: 2, cursor };
            let page = world.store.activity.activity(&world.ctx(&ada), None, request).await.unwrap();
            seen.extend(page.items.into_iter().map(|item| item.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        let wrong = PageRequest { limit: 2, cursor: Some("x".into()) };
        assert!(world.store.activity.activity(&world.ctx(&ada), None, wrong).await.is_err());
        assert!(counted(&world, &ada, "no.such").await.is_empty());
    }

    async fn what_is_cleared_does_not_come_back(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        edit(&world, &ada, "dark").await;
        read_all(&world.store, &world).await;
        assert!(!items(&world, &ada).await.is_empty());
        // Done before, and not read yet.
        let chat = world.group(&ada, &[&bob]).await;
        world.say(&ada, chat.id, "hello").await;
        world.say(&bob, chat.id, "hello").await;
        world.store.activity.clear_activity(&world.ctx(&ada)).await.unwrap();
        assert!(world.names().await.iter().all(|name| name == "message.sent"), "clearing is no change");
        read_all(&world.store, &world).await;
        assert!(items(&world, &ada).await.is_empty());
        assert_eq!(counted(&world, &bob, "message.sent").await, [1], "others keep theirs");
        world.say(&ada, chat.id, "again").await;
        read_all(&world.store, &world).await;
        assert_eq!(counted(&world, &ada, "message.sent").await, [1]);
        assert_eq!(items(&world, &ada).await.len(), 1);
    }

    async fn clocks_do_not_decide_what_is_cleared(world: World) {
        let ada = world.person("ada").await;
        let hour = Duration::from_secs(3600);
        let at = |now| Ctx { now, ..world.ctx(&ada) };
        let edit = async |ctx: Ctx, theme: &str| {
            let patch = SettingsPatch::from_json(json!({"theme": theme})).unwrap();
            world.store.preferences.edit_settings(&ctx, None, patch).await.unwrap();
        };
        // By a node whose clock is ahead, and cleared by another one.
        edit(at(world.now().plus(hour)), "dark").await;
        world.store.activity.clear_activity(&at(world.now())).await.unwrap();
        read_all(&world.store, &world).await;
        assert!(items(&world, &ada).await.is_empty(), "what was before is gone");
        // Cleared by a node whose clock is ahead.
        world.store.activity.clear_activity(&at(world.now().plus(hour))).await.unwrap();
        edit(at(world.now()), "light").await;
        read_all(&world.store, &world).await;
        assert_eq!(counted(&world, &ada, "settings.changed").await, [1], "what comes after is there");
    }

    async fn the_last_time_is_never_before_the_first(world: World) {
        let ada = world.person("ada").await;
        let day = 24 * 3600 * 1_000_000;
        let noon = Timestamp::from_micros(world.now().as_micros() / day * day + day / 2);
        let mut themes = ["dark", "light"].into_iter().cycle();
        for minutes in [10, 5, 20, 15] {
            let now = noon.plus(Duration::from_secs(60 * minutes));
            let patch = SettingsPatch::from_json(json!({"theme": themes.next()})).unwrap();
            world.store.preferences.edit_settings(&Ctx { now, ..world.ctx(&ada) }, None, patch).await.unwrap();
            read_all(&world.store, &world).await;
        }
        let edited: Vec<_> = items(&world, &ada).await.into_iter().filter(|item| item.kind == "settings.changed").collect();
        let times = |minutes: u64| noon.plus(Duration::from_secs(60 * minutes));
        assert_eq!((edited.len(), edited[0].data.count), (1, 4));
        assert_eq!((edited[0].at, edited[0].data.last_at), (times(5), times(20)));
    }

    async fn a_long_log_is_cleared_whole(world: World) {
        let [ada] = world.people(["ada"]).await;
        read_all(&world.store, &world).await;
        let (numbers, id, at) = if world.is_postgres() {
            ("generate_series(1, 4500) AS s(n)", "gen_random_uuid()", "now()")
        } else {
            ("(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4500) SELECT n FROM t) s", "randomblob(16)", "1")
        };
        world.batch(&format!(
            "INSERT INTO activity (id, user_id, day, kind, target_kind, target_id, at, last_at, count)
               SELECT {id}, u.id, 1, 'message.sent', 'chat', {id}, {at}, {at}, 1 FROM {numbers}, users u WHERE u.username = 'ada'"
        ));
        world.store.activity.clear_activity(&world.ctx(&ada)).await.unwrap();
        assert!(items(&world, &ada).await.is_empty());
    }

    async fn items_are_kept_for_half_a_year(world: World) {
        let [ada] = world.people(["ada"]).await;
        edit(&world, &ada, "dark").await;
        read_all(&world.store, &world).await;
        world.wait(KEPT_FOR - Duration::from_secs(3600));
        let other = world.person("bob").await;
        read_all(&world.store, &world).await;
        let sweep = async || {
            let ctx = Ctx::new(Actor::System, world.now(), "sweep");
            while world.store.upkeep.sweep(&ctx, Duration::MAX).await.unwrap() > 0 {}
        };
        sweep().await;
        assert!(!items(&world, &ada).await.is_empty());
        world.wait(Duration::from_secs(2 * 3600));
        sweep().await;
        assert!(items(&world, &ada).await.is_empty());
        assert!(!items(&world, &other).await.is_empty());
    }

    async fn nothing_is_written_about_the_erased(world: World) {
        let [ada] = world.people(["ada"]).await;
        read_all(&world.store, &world).await;
        edit(&world, &ada, "dark").await;
        world.store.activity.clear_activity(&world.ctx(&ada)).await.unwrap();
        edit(&world, &ada, "light").await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        read_all(&world.store, &world).await;
        let left = |table: &str| {
            let own = format!("DELETE FROM {table} WHERE user_id = (SELECT id FROM users WHERE username LIKE 'deleted-%')");
            world.meddle(&own).unwrap()
        };
        assert_eq!((left("activity"), left("activity_clearings")), (0, 0));
    }
}
