//! Deleted content leaves no copy: not in stored answers, the journal, jobs or files.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clowder_accounts::{
    NewAccount, NewApiKey,
    model::{ChangeEmail, Forgot, NewSuspension, ProfilePatch, Resend},
};
use clowder_core::{Ctx, Error, IdempotencyKey, Input, PageRequest, Topic, UserId, journal::Chunk};
use clowder_infra::DatabaseUrl;
use clowder_messaging::{MessagePatch, NewChat};
use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};
use serde_json::json;

use crate::{
    domains::DOMAINS,
    privacy::{system, work},
    world::{World, account, code, entries_after, on_both},
};

/// A call with an idempotency key.
pub fn once(ctx: Ctx, key: &str) -> Ctx {
    Ctx { idempotency_key: Some(IdempotencyKey::new(key, [1; 32])), ..ctx }
}

fn group(title: &str, others: &[UserId]) -> NewChat {
    NewChat::from_json(json!({"type": "group", "title": title, "participant_ids": others})).unwrap()
}

on_both! {
    async fn a_repeated_call_gets_the_thing_as_it_is_now(world: World) {
        let ada = world.person("ada").await;
        for domain in DOMAINS {
            (domain.repeats)(&world, &ada).await.unwrap();
        }
    }

    async fn a_deletion_rewrites_what_shows_the_text_and_nothing_else(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let said = world.say(&ada, chat.id, "first wording").await;
        let patch = MessagePatch::from_json(json!({"content": "second wording"})).unwrap();
        world.store.messaging.edit(&world.ctx(&ada), said.id, None, patch).await.unwrap();
        // A later version's change about a message.
        let (stream, position) = { let told = world.changes().await; let last = told.last().unwrap(); (last.stream, last.position) };
        world.meddle(&format!(
            "INSERT INTO journal (stream, position, segment, topic_kind, topic_id, name, subject_id, at, data) \
             SELECT stream, position + 1, segment, topic_kind, topic_id, 'reaction.added', subject_id, at, '{{\"emoji\":\"cat\"}}' \
             FROM journal WHERE stream = {stream} AND position = {position}"
        )).unwrap();
        world.meddle(&format!("UPDATE streams SET head = head + 1 WHERE stream = {stream}")).unwrap();
        world.store.messaging.delete(&world.ctx(&ada), said.id, None).await.unwrap();
        let all = entries_after(&world.store, stream, 0, Chunk::rows(1_000)).await;
        let all: Vec<_> = all.into_iter().filter_map(|entry| entry.change).collect();
        let about: Vec<_> = all.iter().filter(|change| change.subject == Some(said.id.uuid())).collect();
        let names: Vec<_> = about.iter().map(|change| &*change.name).collect();
        assert_eq!(names, ["message.sent", "message.updated", "reaction.added", "message.deleted"]);
        let data: Vec<serde_json::Value> = about.iter().map(|change| serde_json::from_str(change.data.get()).unwrap()).collect();
        assert!(data[..2].iter().all(|data| data["content"].is_null() && !data["deleted_at"].is_null()), "{data:?}");
        assert_eq!(data[2], json!({"emoji": "cat"}));
        assert_eq!(data[3]["message_id"], json!(said.id));
        world.gone(b"wording").await;
    }

    async fn what_is_replaced_or_revoked_is_gone_from_the_journal_too(world: World) {
        let [root, ada] = world.people(["rita", "ada"]).await;
        world.meddle("UPDATE users SET role = 'admin' WHERE username = 'rita'").unwrap();
        let edit = async |bio: &str, status: &str| {
            let patch = ProfilePatch::from_json(json!({"bio": bio, "status_text": status})).unwrap();
            world.store.accounts.edit_me(&world.ctx(&ada), None, patch).await.unwrap();
        };
        edit("the regretted bio", "the regretted status").await;
        edit("another bio", "").await;
        let key = |name: &str| NewApiKey::from_json(json!({"name": name, "scopes": ["messages:read"]})).unwrap();
        let revoked = world.store.api_keys.create_key(&world.ctx(&ada), key("the regretted key")).await.unwrap();
        world.store.api_keys.create_key(&world.ctx(&ada), key("the regretted other key")).await.unwrap();
        world.store.api_keys.revoke_key(&world.ctx(&ada), revoked.api_key.id).await.unwrap();
        let suspension = NewSuspension::from_json(json!({"reason": "the reason"})).unwrap();
        world.store.staff.suspend(&world.ctx(&root), ada.id, suspension).await.unwrap();
        world.store.staff.lift(&world.ctx(&root), ada.id).await.unwrap();
        world.store.accounts.logout_all(&world.ctx(&ada), true).await.unwrap();
        world.gone(b"the regretted").await;
        // Every change is in its place, and says how it is now, or nothing if a later one says it.
        let told: Vec<_> = world.everything().await.into_iter().filter(|change| change.topic == Topic::user(ada.id)).collect();
        let said = |name: &str| -> Vec<serde_json::Value> {
            told.iter().filter(|change| &*change.name == name).map(|change| serde_json::from_str(change.data.get()).unwrap()).collect()
        };
        let profiles = said("user.updated");
        assert!(profiles.len() == 4 && profiles[0].is_null() && !profiles[3].is_null(), "{profiles:?}");
        let mut present = profiles.iter().filter(|own| !own.is_null());
        assert!(present.all(|own| own["bio"] == "another bio" && own["suspension"].is_null()), "{profiles:?}");
        let keys = said("api_key.created");
        assert!(keys.len() == 2 && keys.iter().all(|key| key["name"] == "" && key["id"].is_string()), "{keys:?}");
        assert_eq!(said("user.suspended")[0]["reason"], "the reason", "they may read why, whenever they come back");
    }

    async fn an_erasure_finds_addresses_in_every_spelling(world: World) {
        let [bob] = world.people(["bob"]).await;
        let new = json!({"username": "ada", "email": "Ada@Bücher.example", "password": "correct horse"});
        let new = NewAccount::from_json(new).unwrap();
        let ada = world.store.accounts.register(&world.nobody(), new).await.unwrap().signed_in().unwrap();
        let actor = world.by(&ada.access).actor;
        let change = json!({"email": "ada@straße.example", "password": "correct horse"});
        world.wait(Duration::from_secs(3600));
        world.store.credentials.change_email(&Ctx::new(actor, world.now(), "test"), ChangeEmail::from_json(change).unwrap()).await.unwrap();
        for email in ["ada@xn--bcher-kva.example", "ADA@bücher.example"] {
            let forgot = Forgot::from_json(json!({"email": email})).unwrap();
            world.store.credentials.forgot(&world.nobody(), forgot).await.unwrap();
            let resend = Resend::from_json(json!({"email": email})).unwrap();
            world.store.credentials.resend_to(&world.nobody(), resend).await.unwrap();
        }
        // Somebody else requests the address in its other spelling; its holder is notified.
        let change = json!({"email": "ada@xn--bcher-kva.example", "password": "correct horse"});
        let asked = world.store.credentials.change_email(&world.ctx(&bob), ChangeEmail::from_json(change).unwrap()).await;
        assert_eq!(code(asked), "email.taken");
        // Nobody sends anything.
        world.meddle("UPDATE jobs SET dead_at = created_at, key = NULL").unwrap();
        world.store.privacy.erase_user(&system(&world), ada.user.id, None).await.unwrap();
        work(&world, &world.store).await;
        let left = world.store.jobs.list(&system(&world), None, PageRequest { limit: 200, cursor: None }).await.unwrap().items;
        world.store.jobs.retry_dead(&system(&world)).await.unwrap();
        let taken = world.store.jobs.take(&system(&world), vec!["mail.send", "account.email"], 100).await.unwrap();
        let payloads: Vec<_> = taken.iter().map(|job| String::from_utf8_lossy(&job.payload).to_lowercase()).collect();
        let theirs: Vec<_> = payloads.iter().filter(|payload| ["bücher", "xn--bcher", "straße", "strasse"].iter().any(|name| payload.contains(name))).collect();
        assert_eq!(theirs.len(), 1, "the receipt alone, of {}: {theirs:?}", left.len());
        for trace in ["Bücher", "bücher", "xn--bcher-kva", "straße", "xn--strae-oqa"] {
            world.gone(trace.as_bytes()).await;
        }
    }

    async fn what_a_client_chose_goes_with_whom_it_belongs_to(world: World) {
        let [bob] = world.people(["bob"]).await;
        let odd = |mut ctx: Ctx| { ctx.request_id = "peculiar-request".into(); ctx };
        let ada = world.store.accounts.register(&odd(world.nobody()), account("ada")).await.unwrap().signed_in().unwrap();
        let ctx = || odd(world.by(&ada.access));
        let chat = world.store.messaging.create_chat(&once(ctx(), "peculiar-key"), group("Lunch", &[bob.id])).await.unwrap().into_inner();
        let new = json!({"content": "hello", "client_id": "peculiar-client"});
        let new = clowder_messaging::NewMessage::from_json(new).unwrap();
        world.store.messaging.send(&ctx(), chat.id, new).await.unwrap();
        let records = world.store.audit.records(&system(&world), Default::default(), PageRequest::default()).await.unwrap();
        assert!(records.items.iter().any(|record| record.request_id.as_deref() == Some("peculiar-request")));
        assert!(!world.holds(b"peculiar-request"), "it lies sealed");
        assert!(world.holds(b"peculiar-client"));
        assert!(!world.holds(b"peculiar-key"), "only its hash is kept");
        let seen = world.store.messaging.chat(&world.ctx(&bob), chat.id).await.unwrap().last_message.unwrap();
        assert_eq!(seen.client_id.as_deref(), Some("peculiar-client"));
        world.store.privacy.erase_user(&system(&world), ada.user.id, None).await.unwrap();
        work(&world, &world.store).await;
        let records = world.store.audit.records(&system(&world), Default::default(), PageRequest { limit: 200, cursor: None }).await.unwrap();
        assert!(records.items.iter().all(|record| record.request_id.as_deref() != Some("peculiar-request")));
        world.gone(b"peculiar").await;
        let seen = world.store.messaging.chat(&world.ctx(&bob), chat.id).await.unwrap().last_message.unwrap();
        assert_eq!((seen.client_id, seen.content.as_deref()), (None, Some("hello")), "what was said stays");
        crate::audit::whole(&world.store).await;
    }

    async fn a_value_that_cannot_be_read_hides_nothing_else(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for person in [&ada, &bob] {
            let patch = ProfilePatch::from_json(json!({"bio": "about me"})).unwrap();
            world.store.accounts.edit_me(&world.ctx(person), None, patch).await.unwrap();
        }
        assert_eq!(world.store.audit.chain().await.unwrap().end.position, 6);
        let zero = match &world.options.url { DatabaseUrl::Postgres(_) => "'\\x00'", DatabaseUrl::Sqlite(_) => "x'00'" };
        let drop = match &world.options.url {
            DatabaseUrl::Postgres(_) => "DROP TRIGGER audit_append_only ON audit",
            DatabaseUrl::Sqlite(_) => "DROP TRIGGER audit_no_update",
        };
        world.meddle(drop).unwrap();
        world.meddle(&format!("UPDATE audit SET detail = {zero} WHERE position = (SELECT max(position) FROM audit)")).unwrap();
        let id = ada.id.uuid().simple();
        let is_ada = match &world.options.url { DatabaseUrl::Postgres(_) => format!("'{id}'"), DatabaseUrl::Sqlite(_) => format!("x'{id}'") };
        world.meddle(&format!("UPDATE user_keys SET key = {zero} WHERE user_id = {is_ada}")).unwrap();
        let page = world.store.audit.records(&system(&world), Default::default(), PageRequest::default()).await.unwrap().items;
        let changed: Vec<_> = page.iter().filter(|record| record.action == "profile.changed").collect();
        assert_eq!(changed.len(), 2);
        assert!(changed.iter().all(|record| record.after.is_none()), "{changed:?}");
        assert_eq!(changed[0].request_id.as_deref(), Some("test"), "the rest of the entry is there");
        let opened = page.iter().filter(|record| record.subject_id == Some(bob.id) && record.request_id.is_some()).count();
        assert!(opened >= 3, "what others sealed is shown: {page:?}");
        let own = world.store.audit.security(&world.ctx(&ada), PageRequest::default()).await.unwrap().items;
        assert!(own.iter().any(|event| event.action == "profile.changed"));
    }
}

/// Triggers see what a transaction deletes, and what it leaves of that in the journal. So a domain that forgets
/// `journal::rewrite` fails every test of its deletions.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_deletion_that_leaves_its_text_in_the_journal_fails() {
    let world = World::sqlite().await;
    let [ada] = world.people(["ada"]).await;
    let chat = world.group(&ada, &[]).await.id;
    let [shown, said] = [world.say(&ada, chat, "seen \"elsewhere\"").await, world.say(&ada, chat, "seen here").await];
    // A change that nobody rewrites, as a domain would make it that shows a message in another place.
    world.scribe().tells(("shelf", chat), &json!({"shows": shown.content})).commit();
    let failed = world.store.messaging.delete(&world.ctx(&ada), shown.id, None).await;
    assert!(
        matches!(&failed, Err(Error::Internal(why)) if why.contains("messages.content") && why.contains("shelf.changed")),
        "{failed:?}"
    );
    assert_eq!(world.store.messaging.message(&world.ctx(&ada), shown.id).await.unwrap().content, shown.content);
    world.store.messaging.delete(&world.ctx(&ada), said.id, None).await.unwrap();
}

fn texts(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    // Of all lengths, so that pages split and cells move.
    numbers.map(|n| format!("planted-{n:05}-{}", "x".repeat([0, 7, 60, 400, 3_000][n % 5]))).collect()
}

/// Deleted text disappears from the files within 10 s while the server runs, others read and write, and a reader keeps
/// a snapshot for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_files_hold_no_deleted_text_after_ten_seconds() {
    let world = World::sqlite().await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let ada = Arc::new(ada);
    let mut chats = Vec::new();
    for _ in 0..8 {
        chats.push(world.group(&ada, &[&bob]).await.id);
    }
    let mut said = Vec::new();
    for some in texts(0..1_600).chunks(100) {
        let sent = some.iter().enumerate().map(|(n, text)| world.say(&ada, chats[(n * 7) % 8], text));
        said.extend(futures_util::future::join_all(sent).await);
    }
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("sqlite") };
    let mut reader = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    reader.batch_execute("BEGIN; SELECT count(*) FROM messages").unwrap();
    // Other readers and writers.
    let stop = Arc::new(AtomicBool::new(false));
    let busy = {
        let (world, ada, stop, chat) = (Arc::clone(&world), Arc::clone(&ada), Arc::clone(&stop), chats[0]);
        tokio::spawn(async move {
            let (mut slowest, mut n) = (Duration::ZERO, 0);
            while !stop.load(Ordering::Relaxed) {
                let began = std::time::Instant::now();
                world.say(&ada, chat, &format!("goes on {n}")).await;
                slowest = slowest.max(began.elapsed());
                world
                    .store
                    .messaging
                    .messages(&world.ctx(&ada), chat, clowder_messaging::Window::After(0), 50)
                    .await
                    .unwrap();
                n += 1;
            }
            (slowest, n)
        })
    };
    let deleted: Vec<_> = said.iter().filter(|message| message.seq % 3 == 0).collect();
    for message in &deleted {
        world.store.messaging.delete(&world.ctx(&ada), message.id, None).await.unwrap();
    }
    let began = std::time::Instant::now();
    let planted: BTreeSet<String> =
        deleted.iter().map(|message| message.content.as_ref().unwrap().chars().take(13).collect()).collect();
    let found = |world: &World| -> usize {
        let dump = world.dump();
        let text = String::from_utf8_lossy(&dump);
        let places = text.match_indices("planted-").filter_map(|(at, _)| text.get(at..at + 13));
        places.filter(|found| planted.contains(*found)).count()
    };
    assert!(found(&world) > 0, "the log still has it: this test can fail");
    let mut reader = Some(reader);
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    loop {
        let (asked, left) = (began.elapsed(), found(&world));
        if left == 0 {
            break;
        }
        // The reader of the snapshot keeps the text, too, and lets go after the first tries.
        if began.elapsed() > Duration::from_secs(3) {
            drop(reader.take());
        }
        assert!(asked < Duration::from_secs(10), "{left} copies are left after {asked:?}");
        tick.tick().await;
    }
    stop.store(true, Ordering::Relaxed);
    let (slowest, writes) = busy.await.unwrap();
    assert!(slowest < Duration::from_secs(2), "a write waited for {slowest:?}");
    assert!(writes > 20, "{writes} writes went on");
    // Nothing else was lost.
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    #[derive(diesel::QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let whole: Vec<Line> = sql_query("PRAGMA integrity_check").load(&mut conn).unwrap();
    assert_eq!(whole.iter().map(|line| line.integrity_check.as_str()).collect::<Vec<_>>(), ["ok"]);
    let kept = said.iter().find(|message| message.seq % 3 == 1).unwrap();
    let kept = world.store.messaging.message(&world.ctx(&ada), kept.id).await.unwrap();
    assert!(kept.content.unwrap().starts_with("planted-"));
}
