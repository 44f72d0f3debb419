//! The guarantees of `ChatImports`: every message once and in order, or refused with its place, and nobody sees half a chat.

pub mod domain;
mod ends;

use std::{sync::Arc, time::Duration};

use clowder_core::{ChatId, Ctx, Error, PageRequest, export::ExportStatus, job::Verdict};
use clowder_messaging::{
    Message, MessageType, NewMessage, SystemAction, Window,
    chat_exports::NewExport,
    chat_imports::{AuthorsBy, ChatImport, ChatImportId, ImportStatus, PIECE, Refused},
};
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    search::found,
    stress::of,
    world::{Person, World, code, on_both},
};

/// A file that has arrived.
async fn bring(world: &World, who: &Person, file: &str, by: AuthorsBy) -> ChatImport {
    let (ctx, imports) = (world.ctx(who), &world.store.chat_imports);
    let import = imports.begin_import(&ctx).await.unwrap();
    for (number, piece) in file.as_bytes().chunks(PIECE).enumerate() {
        imports.add_to_import(&ctx, import, number as i32, piece).await.unwrap();
    }
    imports.start_import(&ctx, import, by).await.unwrap()
}

async fn now(world: &World, who: &Person, import: ChatImportId) -> ChatImport {
    world.store.chat_imports.chat_import(&world.ctx(who), import).await.unwrap()
}

/// What it has become.
async fn brought(world: &World, who: &Person, file: &str, by: AuthorsBy) -> ChatImport {
    let import = bring(world, who, file, by).await;
    assert_eq!((import.status, import.progress, import.chat_id), (ImportStatus::Queued, 0.0, None));
    work(world, &world.store).await;
    now(world, who, import.id).await
}

async fn messages(world: &World, who: &Person, chat: ChatId) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let after = Window::After(all.last().map_or(0, |last| last.seq));
        let page = world.store.messaging.messages(&world.ctx(who), chat, after, 200).await.unwrap().items;
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// How many people are in the new chat.
async fn participants(world: &World, who: &Person, import: &ChatImport) -> i64 {
    let chat = world.store.messaging.chat(&world.ctx(who), import.chat_id.unwrap()).await.unwrap();
    chat.participant_count
}

async fn refused(world: &World, who: &Person, import: ChatImportId) -> Vec<Refused> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 2, cursor };
        let page = world.store.chat_imports.refused_imports(&world.ctx(who), import, page).await.unwrap();
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

fn document(messages: &[Value]) -> String {
    let chat = json!({ "type": "group", "title": "Brought", "description": "From elsewhere" });
    json!({ "format": "clowder.chat", "version": 1, "chat": chat, "messages": messages }).to_string()
}

/// A message of somebody, who is called like that in capitals.
fn line(seq: i64, username: &str, content: &str) -> Value {
    json!({
        "id": uuid::Uuid::from_u128(seq as u128), "seq": seq, "type": "text", "content": content,
        "sender": { "username": username, "display_name": username.to_uppercase() },
        "created_at": format!("2020-01-{:02}T12:00:00Z", 1 + seq % 28),
    })
}

/// What a job does, until it is stopped.
async fn work_for(world: &World, patience: Duration) -> bool {
    let jobs = &world.store.jobs;
    let job = jobs.take(&system(world), vec!["chat.import"], 1).await.unwrap().pop().unwrap();
    let worker = world.store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
    match tokio::time::timeout(patience, worker.work(&system(world), &job)).await {
        Ok(Ok(())) => {
            jobs.settle(&system(world), &job, Verdict::Done).await.unwrap();
            true
        }
        // What the last one was writing when it died may come late.
        Err(_) | Ok(Err(Error::Unavailable(_))) => {
            jobs.give_back(&system(world), &job).await.unwrap();
            false
        }
        Ok(Err(error)) => panic!("{error}"),
    }
}

/// One whose worker was stopped between the first message and the last.
async fn stopped_halfway(world: &World, who: &Person, file: &str) -> ChatImportId {
    loop {
        let import = bring(world, who, file, AuthorsBy::Username).await;
        let mut patience = Duration::from_millis(5);
        while !work_for(world, patience).await {
            if now(world, who, import.id).await.messages > 0 {
                return import.id;
            }
            patience += Duration::from_millis(2);
        }
        let chat = now(world, who, import.id).await.chat_id.unwrap();
        world.store.chats.delete_chat(&world.ctx(who), chat, None).await.unwrap();
        while work(world, &world.store).await > 0 {}
    }
}

/// Erases somebody, while everything else waits.
async fn erase(world: &World, who: &Person) {
    world.store.privacy.erase_user(&system(world), who.id, None).await.unwrap();
    while let Some(job) = world.store.jobs.take(&system(world), vec!["account.erase"], 1).await.unwrap().pop() {
        let worker = world.store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
        worker.work(&system(world), &job).await.unwrap();
        world.store.jobs.settle(&system(world), &job, Verdict::Done).await.unwrap();
    }
}

async fn sweep(world: &Arc<World>) {
    let ctx = Ctx { now: world.now(), ..system(world) };
    while world.store.upkeep.sweep(&ctx, Duration::MAX).await.unwrap() > 0 {}
}

on_both! {
    async fn what_was_exported_comes_back(world: World) {
        let [ada, bob, eve, root] = world.people(["ada", "bob", "eve", "gwen"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let first = world.say(&ada, chat, "first, see https://example.org").await;
        let reply = of::<NewMessage>(json!({"content": "and a reply", "reply_to": first.id}));
        world.store.messaging.send(&world.ctx(&bob), chat, reply).await.unwrap();
        let answer = of::<NewMessage>(json!({"content": "in a thread", "thread_of": first.id}));
        world.store.messaging.send(&world.ctx(&eve), chat, answer).await.unwrap();
        let deleted = world.say(&ada, chat, "zqgone").await;
        world.store.messaging.delete(&world.ctx(&ada), deleted.id, None).await.unwrap();
        let again = of::<NewMessage>(json!({"content": "to the last", "reply_to": first.id}));
        world.store.messaging.send(&world.ctx(&ada), chat, again).await.unwrap();
        let exports = &world.store.chat_exports;
        let export = exports.export_chat(&world.ctx(&ada), chat, NewExport::default()).await.unwrap();
        work(&world, &world.store).await;
        let file = exports.chat_export_file(&world.ctx(&ada), export.id).await.unwrap();
        assert_eq!(exports.chat_export(&world.ctx(&ada), export.id).await.unwrap().status, ExportStatus::Ready);
        let file = exports.chat_export_piece(&world.ctx(&ada), &file, 0).await.unwrap().unwrap();
        let import = brought(&world, &root, std::str::from_utf8(&file).unwrap(), AuthorsBy::Username).await;
        assert_eq!((import.status, import.progress), (ImportStatus::Done, 1.0), "{import:?}");
        assert_eq!((import.messages, import.skipped, import.refused), (4, 1, 0), "{import:?}");
        assert_eq!(found(&world, &root, "thread").await, ["in a thread"], "without a word in the journal");
        let new = import.chat_id.unwrap();
        let facts = |all: Vec<Message>| {
            let kept = all.into_iter().filter(|message| message.kind == MessageType::Text && message.deleted_at.is_none());
            kept.map(|message| {
                let quoted = message.reply_to.map(|quoted| quoted.excerpt);
                let thread = message.thread.map(|thread| thread.count);
                (message.sender.id, message.content, message.created_at, message.entities.len(), quoted, thread)
            })
            .collect::<Vec<_>>()
        };
        let seen = messages(&world, &bob, new).await;
        assert_eq!(facts(seen.clone()), facts(messages(&world, &bob, chat).await));
        assert_eq!(seen.iter().map(|message| message.seq).collect::<Vec<_>>(), (1..=seen.len() as i64).collect::<Vec<_>>());
        let last = seen.last().unwrap();
        assert_eq!((last.kind, last.sender.id), (MessageType::System, root.id));
        assert_eq!(last.system.as_ref().unwrap().action, SystemAction::Imported);
        assert!(world.store.messaging.messages(&world.ctx(&root), new, Window::After(0), 10).await.is_ok());
        let shown = world.store.messaging.chat(&world.ctx(&root), new).await.unwrap();
        assert_eq!((shown.title.as_deref(), shown.participant_count), (Some("Lunch"), 4));
        assert_eq!(json!(shown)["my_role"], "owner");
        let next = world.say(&bob, new, "it goes on").await;
        assert_eq!(next.seq, seen.last().unwrap().seq + 1);
        world.store.messaging.delete(&world.ctx(&bob), seen[1].id, None).await.unwrap();
    }

    async fn people_without_an_account_are_names(world: World) {
        let [ada, root] = world.people(["ada", "gwen"]).await;
        let lines = [line(1, "ada", "from ada"), line(2, "stranger", "from a stranger"), line(3, "ADA", "from ada again")];
        let import = brought(&world, &root, &document(&lines), AuthorsBy::Username).await;
        let chat = import.chat_id.unwrap();
        let seen = messages(&world, &ada, chat).await;
        assert_eq!((seen[0].sender.id, seen[2].sender.id), (ada.id, ada.id));
        let stranger = &seen[1].sender;
        assert_eq!(stranger.display_name, "STRANGER");
        assert!(stranger.username.starts_with("deleted-"), "nobody finds them: {stranger:?}");
        let shown = world.store.messaging.chat(&world.ctx(&root), chat).await.unwrap();
        assert_eq!(shown.participant_count, 2);
        let import = brought(&world, &root, &document(&lines), AuthorsBy::Name).await;
        let seen = messages(&world, &root, import.chat_id.unwrap()).await;
        assert_eq!(seen[..3].iter().map(|it| it.sender.display_name.as_str()).collect::<Vec<_>>(), ["ADA", "STRANGER", "ADA"]);
        assert!(seen[..3].iter().all(|message| message.sender.id != ada.id), "only by name");
        assert_eq!(code(world.store.messaging.chat(&world.ctx(&ada), import.chat_id.unwrap()).await), "chat.unknown");
        // The names go with the chat.
        assert!(world.holds(b"STRANGER"));
        for chat in [chat, import.chat_id.unwrap()] {
            world.store.chats.delete_chat(&world.ctx(&root), chat, None).await.unwrap();
        }
        while work(&world, &world.store).await > 0 {}
        sweep(&world).await;
        assert_eq!(world.meddle("DELETE FROM chat_import_authors").unwrap(), 0);
        assert_eq!(world.meddle("UPDATE users SET version = version WHERE display_name = 'STRANGER'").unwrap(), 0);
    }

    async fn each_line_that_is_refused_is_told(world: World) {
        let [root, eve] = world.people(["gwen", "eve"]).await;
        let mut lines: Vec<Value> = (1..=7).map(|seq| line(seq, "stranger", "fine")).collect();
        lines[1]["content"] = json!("");
        lines[2]["created_at"] = json!("yesterday");
        lines[3]["seq"] = json!(1);
        lines[4] = json!("no message");
        lines[5]["type"] = json!("system");
        let import = brought(&world, &root, &document(&lines), AuthorsBy::Username).await;
        assert_eq!((import.status, import.messages, import.skipped, import.refused), (ImportStatus::Done, 2, 1, 4));
        let told = refused(&world, &root, import.id).await;
        let told: Vec<_> = told.iter().map(|it| (it.number, it.error.pointer.as_str(), &*it.error.code)).collect();
        let expected =
            [(2, "/content", "required"), (3, "/created_at", "time"), (4, "/seq", "order"), (5, "", "type")];
        assert_eq!(told, expected);
        let imports = &world.store.chat_imports;
        let page = PageRequest::default();
        assert_eq!(code(imports.refused_imports(&world.ctx(&eve), import.id, page).await), "chat.import_unknown");
        assert_eq!(code(imports.chat_import(&world.ctx(&eve), import.id).await), "chat.import_unknown");
        let wrong = PageRequest { limit: 2, cursor: Some("x".into()) };
        assert!(imports.refused_imports(&world.ctx(&root), import.id, wrong).await.is_err());
    }

    async fn what_is_no_export_makes_no_chat(world: World) {
        let [root] = world.people(["gwen"]).await;
        let other = document(&[]).replace("clowder.chat", "other.chat");
        let newer = document(&[]).replace("\"version\":1", "\"version\":2");
        for file in ["{", "[]", "PK\u{3}\u{4}", r#"{"messages":[]}"#, &other, &newer, &format!("{}x", document(&[]))] {
            let failed = brought(&world, &root, file, AuthorsBy::Username).await;
            let why = failed.problem.map(|problem| problem.code);
            assert_eq!((failed.status, why.as_deref()), (ImportStatus::Failed, Some("chat.import_broken")), "{file}");
            assert_eq!(failed.chat_id, None);
        }
        let empty = brought(&world, &root, &document(&[]), AuthorsBy::Username).await;
        assert_eq!((empty.status, empty.messages), (ImportStatus::Done, 0));
        let many: Vec<_> = (1..=5_001).map(|seq| line(seq, &format!("person{seq}"), "x")).collect();
        let failed = brought(&world, &root, &document(&many), AuthorsBy::Username).await;
        assert_eq!(failed.problem.unwrap().code, "chat.import_authors");
        let many: Vec<_> = (1..=10_001).map(|_| json!({})).collect();
        let failed = brought(&world, &root, &document(&many), AuthorsBy::Username).await;
        assert_eq!(failed.problem.unwrap().code, "chat.import_refused");
        assert_eq!(world.meddle("DELETE FROM chat_import_authors").unwrap(), 0);
    }

    async fn it_goes_on_where_it_was_however_often_workers_die(world: World) {
        let [ada, root] = world.people(["ada", "gwen"]).await;
        let lines: Vec<_> = (1..=1_500)
            .map(|seq| {
                let mut line = line(2 * seq, ["ada", "stranger"][seq as usize % 2], &format!("{seq} {}", "x".repeat(500)));
                if seq % 10 == 0 {
                    line["reply_to"] = json!({ "seq": 2 * (seq / 2) });
                } else if seq == 3 {
                    line["thread"] = json!({});
                } else if seq % 7 == 0 {
                    line["thread_of"] = json!(uuid::Uuid::from_u128(6));
                } else if seq % 11 == 0 {
                    line["created_at"] = json!("broken");
                }
                line
            })
            .collect();
        let import = bring(&world, &root, &document(&lines), AuthorsBy::Username).await;
        let (mut deaths, mut patience, mut progress) = (0, Duration::from_millis(20), 0.0);
        loop {
            let done = work_for(&world, patience).await;
            let seen = now(&world, &root, import.id).await;
            assert!(seen.progress >= progress, "it never goes back");
            progress = seen.progress;
            if done {
                break;
            }
            // Its last write may have come late.
            assert_eq!(seen.chat_id.is_some(), seen.status == ImportStatus::Done, "nobody sees half of it");
            deaths += 1;
            // Whoever has gone on has gained something; the machine may be slow.
            patience += Duration::from_millis(20);
        }
        assert!(deaths > 0, "a worker died on the way");
        let done = now(&world, &root, import.id).await;
        let wrong = |seq: &i64| seq % 10 != 0 && *seq != 3 && seq % 7 != 0 && seq % 11 == 0;
        let kept: Vec<i64> = (1..=1_500).filter(|seq| !wrong(seq)).collect();
        assert_eq!((done.status, done.messages, done.refused), (ImportStatus::Done, kept.len() as i64, 1_500 - kept.len() as i64));
        assert_eq!(refused(&world, &root, import.id).await.len() as i64, done.refused);
        let seen = messages(&world, &ada, done.chat_id.unwrap()).await;
        let texts = seen.iter().filter(|message| message.kind == MessageType::Text);
        let number = |text: &str| text.split(' ').next().unwrap().parse::<i64>().unwrap();
        assert_eq!(texts.clone().map(|it| number(it.content.as_deref().unwrap())).collect::<Vec<_>>(), kept, "each once");
        for (message, place) in texts.zip(&kept) {
            let quoted = message.reply_to.as_ref().and_then(|quoted| quoted.excerpt.as_deref()).map(number);
            let expected = Some(place / 2).filter(|_| place % 10 == 0 && kept.contains(&(place / 2)));
            assert_eq!(quoted, expected, "{place}");
            let thread = message.thread.as_ref().map(|thread| thread.count);
            let answers = kept.iter().filter(|it| *it % 7 == 0 && *it % 10 != 0).count() as i64;
            assert_eq!(thread, Some(answers).filter(|_| *place == 3), "{place}");
        }
    }

    async fn what_is_imported_is_analysed_like_anything_else(world: World) {
        let [ada, root] = world.people(["ada", "gwen"]).await;
        let mut lines: Vec<_> = (1..=20).map(|seq| line(seq, ["ada", "gwen"][seq as usize % 2], "x")).collect();
        for (minute, line) in lines.iter_mut().enumerate() {
            line["created_at"] = json!(world.now().minus(Duration::from_secs(60 * (30 - minute as u64))));
        }
        let chat = brought(&world, &root, &document(&lines), AuthorsBy::Username).await.chat_id.unwrap();
        world.say(&ada, chat, "and now").await;
        let analytics = crate::chat_analytics::read(&world, &root, chat, "+00:00").await;
        assert_eq!(analytics, crate::chat_analytics::counted(&world, &root, chat, "+00:00").await);
        assert_eq!((analytics.messages, analytics.people), (21, 2));
    }

    async fn who_is_erased_meanwhile_does_not_come(world: World) {
        let [ada, bob, root, ruth] = world.people(["ada", "bob", "gwen", "ruth"]).await;
        let lines: Vec<_> = (1..=30).map(|seq| line(seq, ["ada", "bob"][seq as usize % 2], "zqsaid")).collect();
        let file = document(&lines);
        let import = bring(&world, &root, &file, AuthorsBy::Username).await;
        erase(&world, &ada).await;
        while work(&world, &world.store).await > 0 {}
        let done = now(&world, &root, import.id).await;
        let seen = messages(&world, &bob, done.chat_id.unwrap()).await;
        assert!(seen.iter().all(|message| message.sender.id != ada.id), "who is not here any more is a name");
        assert_eq!(participants(&world, &root, &done).await, 2);
        // Whoever imports it takes it along as long as it is not whole.
        let lost = bring(&world, &ruth, &file, AuthorsBy::Username).await;
        world.store.privacy.erase_user(&system(&world), ruth.id, None).await.unwrap();
        while work(&world, &world.store).await > 0 {}
        assert_eq!(code(world.store.chat_imports.chat_import(&world.ctx(&ruth), lost.id).await), "chat.import_unknown");
        let left = |table: &str| world.meddle(&format!("DELETE FROM {table}")).unwrap();
        sweep(&world).await;
        assert_eq!((left("chat_import_pieces"), left("chat_imports")), (0, 1));
    }

    async fn of_who_is_erased_halfway_the_rest_is_refused(world: World) {
        let [ada, bob, root] = world.people(["ada", "bob", "gwen"]).await;
        let lines: Vec<_> = (1..=1_000).map(|seq| line(seq, ["ada", "bob"][seq as usize % 2], "zqsaid")).collect();
        let import = stopped_halfway(&world, &root, &document(&lines)).await;
        erase(&world, &ada).await;
        let written = now(&world, &root, import).await.messages;
        while work(&world, &world.store).await > 0 {}
        let done = now(&world, &root, import).await;
        let rest = (written + 1..=1_000).filter(|seq| seq % 2 == 0).count() as i64;
        assert_eq!((done.status, done.messages, done.refused), (ImportStatus::Done, 1_000 - rest, rest));
        let told = refused(&world, &root, import).await;
        assert!(told.iter().all(|it| (it.error.pointer.as_str(), &*it.error.code) == ("/sender", "author")), "{told:?}");
        let seen = messages(&world, &bob, done.chat_id.unwrap()).await;
        let hers: Vec<_> = seen.iter().filter(|message| message.sender.id == ada.id).collect();
        assert_eq!(hers.len() as i64, written / 2);
        assert!(hers.iter().all(|message| message.sender.display_name == "Deleted user"), "{:?}", hers.first());
        assert_eq!(participants(&world, &root, &done).await, 2);
    }

    async fn files_arrive_once_and_are_forgotten(world: World) {
        let [root, eve] = world.people(["gwen", "eve"]).await;
        let (ctx, imports) = (world.ctx(&root), &world.store.chat_imports);
        let import = imports.begin_import(&ctx).await.unwrap();
        assert_eq!(code(imports.chat_import(&ctx, import).await), "chat.import_unknown", "it has not arrived");
        let eves = world.ctx(&eve);
        assert_eq!(code(imports.add_to_import(&eves, import, 0, b"{").await), "chat.import_unknown");
        assert!(imports.add_to_import(&ctx, import, 1, b"{").await.is_err(), "pieces come in order");
        assert!(imports.add_to_import(&ctx, import, 0, &vec![b' '; PIECE + 1]).await.is_err());
        imports.add_to_import(&ctx, import, 0, document(&[]).as_bytes()).await.unwrap();
        assert!(!world.holds(b"clowder.chat"), "pieces lie sealed");
        assert_eq!(code(imports.start_import(&eves, import, AuthorsBy::Name).await), "chat.import_unknown");
        imports.drop_import(&eves, import).await.unwrap();
        imports.start_import(&ctx, import, AuthorsBy::Name).await.unwrap();
        assert_eq!(code(imports.start_import(&ctx, import, AuthorsBy::Name).await), "chat.import_unknown", "only once");
        imports.drop_import(&ctx, import).await.unwrap();
        assert_eq!(now(&world, &root, import).await.status, ImportStatus::Queued, "too late");
        let dropped = imports.begin_import(&ctx).await.unwrap();
        imports.add_to_import(&ctx, dropped, 0, b"{").await.unwrap();
        imports.drop_import(&ctx, dropped).await.unwrap();
        assert_eq!(code(imports.chat_import(&ctx, dropped).await), "chat.import_unknown");
        for _ in 0..2 {
            imports.begin_import(&ctx).await.unwrap();
        }
        assert_eq!(code(imports.begin_import(&ctx).await), "chat.imports", "three at a time");
        world.wait(Duration::from_secs(601));
        imports.begin_import(&world.ctx(&root)).await.unwrap();
        work(&world, &world.store).await;
        sweep(&world).await;
        assert_eq!(world.meddle("DELETE FROM chat_import_pieces").unwrap(), 0, "what has become a chat is forgotten");
        world.wait(Duration::from_secs(24 * 3600));
        sweep(&world).await;
        assert_eq!(now(&world, &root, import).await.status, ImportStatus::Done);
        world.wait(Duration::from_secs(30 * 24 * 3600));
        sweep(&world).await;
        assert_eq!(world.meddle("DELETE FROM chat_imports").unwrap(), 0, "and at last that there was one");
    }

    async fn one_that_cannot_be_finished_leaves_nothing(world: World) {
        let [root] = world.people(["gwen"]).await;
        let lines: Vec<_> = (1..=1_000).map(|seq| line(seq, "stranger", "zqsaid")).collect();
        let import = stopped_halfway(&world, &root, &document(&lines)).await;
        // A piece is gone for good.
        world.meddle("DELETE FROM chat_import_pieces").unwrap();
        world.meddle("UPDATE jobs SET attempts = 100 WHERE kind = 'chat.import'").unwrap();
        while work(&world, &world.store).await > 0 {}
        let failed = now(&world, &root, import).await;
        assert_eq!((failed.status, failed.problem.unwrap().code.as_str()), (ImportStatus::Failed, "chat.import_failed"));
        assert_eq!(world.meddle("DELETE FROM messages WHERE content = 'zqsaid'").unwrap(), 0);
        assert_eq!(world.meddle("DELETE FROM chat_import_authors").unwrap(), 0);
    }
}
