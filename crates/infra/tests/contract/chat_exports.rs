//! The guarantees of `ChatExports`: what somebody may see of a chat, once and in order, and for nobody else.

pub mod domain;

use std::time::Duration;

use clowder_core::{ChatId, Ctx, Error, Field, Input, PageRequest, export::ExportStatus, job::Verdict};
use clowder_messaging::{
    Emoji, Message, NewMessage, Window,
    chat_exports::{ChatExport, KNOWN_FOR, NewExport, READY_FOR},
};
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn ask(world: &World, who: &Person, chat: ChatId, format: &str) -> ChatExport {
    let new = of::<NewExport>(json!({"format": format}));
    world.store.chat_exports.export_chat(&world.ctx(who), chat, new).await.unwrap()
}

async fn now(world: &World, who: &Person, export: &ChatExport) -> ChatExport {
    world.store.chat_exports.chat_export(&world.ctx(who), export.id).await.unwrap()
}

async fn fetch(world: &World, who: &Person, export: &ChatExport) -> String {
    let exports = &world.store.chat_exports;
    let file = exports.chat_export_file(&world.ctx(who), export.id).await.unwrap();
    let (mut octets, mut number) = (Vec::new(), 0);
    while let Some(piece) = exports.chat_export_piece(&world.ctx(who), &file, number).await.unwrap() {
        octets.extend(piece);
        number += 1;
    }
    assert_eq!((file.size, Some(file.size as i64)), (octets.len() as u64, export.size));
    String::from_utf8(octets).unwrap()
}

/// A finished export.
async fn exported(world: &World, who: &Person, chat: ChatId, format: &str) -> String {
    let asked = ask(world, who, chat, format).await;
    work(world, &world.store).await;
    let ready = now(world, who, &asked).await;
    assert_eq!((ready.status, ready.progress), (ExportStatus::Ready, 1.0), "{ready:?}");
    fetch(world, who, &ready).await
}

async fn lines(world: &World, who: &Person, chat: ChatId) -> Vec<Value> {
    let file: Value = serde_json::from_str(&exported(world, who, chat, "json").await).unwrap();
    file["messages"].as_array().unwrap().clone()
}

/// What a job does, until it is stopped.
async fn work_for(world: &World, patience: Duration) -> bool {
    let jobs = &world.store.jobs;
    let job = jobs.take(&system(world), vec!["chat.export"], 1).await.unwrap().pop().unwrap();
    let worker = world.store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
    match tokio::time::timeout(patience, worker.work(&system(world), &job)).await {
        Ok(Ok(())) => {
            jobs.settle(&system(world), &job, Verdict::Done).await.unwrap();
            true
        }
        // The piece that the last one was writing when it died may come late.
        Err(_) | Ok(Err(Error::Unavailable(_))) => {
            jobs.give_back(&system(world), &job).await.unwrap();
            false
        }
        Ok(Err(error)) => panic!("{error}"),
    }
}

/// What a job does until a first piece is written. It goes on only when it is polled, so it is never further than that, however
/// fast or slow the machine is.
async fn begin(world: &World, who: &Person, asked: &ChatExport) -> ChatExport {
    let jobs = &world.store.jobs;
    let job = jobs.take(&system(world), vec!["chat.export"], 1).await.unwrap().pop().unwrap();
    let worker = world.store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
    let ctx = system(world);
    let begun = {
        let mut working = worker.work(&ctx, &job);
        loop {
            assert!(futures_util::poll!(&mut working).is_pending(), "it stops between two pieces");
            let begun = now(world, who, asked).await;
            if begun.messages > 0 {
                break begun;
            }
        }
    };
    jobs.give_back(&ctx, &job).await.unwrap();
    assert_eq!(begun.status, ExportStatus::Running);
    begun
}

/// So many messages with so many characters each.
async fn fill(world: &std::sync::Arc<World>, who: &Person, chat: ChatId, count: usize, length: usize) {
    for start in (0..count).step_by(100) {
        let said = (start..count.min(start + 100)).map(|number| {
            let (world, who) = (world.clone(), Person { id: who.id, actor: who.actor });
            let text = format!("{number:06}{}", "x".repeat(length));
            async move { world.say(&who, chat, &text).await }
        });
        futures_util::future::join_all(said).await;
    }
}

on_both! {
    async fn an_export_ends_although_its_last_message_is_out_of_sight(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        world.say(&ada, chat, "first").await;
        let last = world.say(&ada, chat, "last").await.id;
        world.store.keeping.remove(&world.ctx(&ada), last, None).await.unwrap();
        let asked = ask(&world, &ada, chat, "json").await;
        fill(&world, &ada, chat, 210, 1).await;
        work(&world, &world.store).await;
        let ready = now(&world, &ada, &asked).await;
        assert_eq!(ready.status, ExportStatus::Ready, "{ready:?}");
        let file: Value = serde_json::from_str(&fetch(&world, &ada, &ready).await).unwrap();
        let said: Vec<_> = file["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
        assert_eq!(said, ["first"]);
    }

    async fn an_export_shows_what_pages_show(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let first = world.say(&ada, chat, "what I first <said>").await;
        let reply = of::<NewMessage>(json!({"content": "and a reply", "reply_to": first.id}));
        world.store.messaging.send(&world.ctx(&bob), chat, reply).await.unwrap();
        world.store.messaging.react(&world.ctx(&bob), first.id, Emoji::parse(json!("👍")).unwrap()).await.unwrap();
        let patch = Input::from_json(json!({"content": "what I then <said>"})).unwrap();
        world.store.messaging.edit(&world.ctx(&ada), first.id, None, patch).await.unwrap();
        let exports = &world.store.chat_exports;
        let asked = ask(&world, &ada, chat, "json").await;
        assert_eq!((asked.status, asked.progress, &asked.url, asked.size), (ExportStatus::Queued, 0.0, &None, None));
        assert_eq!(ask(&world, &ada, chat, "json").await.id, asked.id, "one at a time");
        assert_eq!(code(exports.chat_export_file(&world.ctx(&ada), asked.id).await), "chat.export_not_ready");
        assert_eq!(work(&world, &world.store).await, 1);
        let ready = now(&world, &ada, &asked).await;
        assert_eq!((ready.status, ready.messages, ready.progress), (ExportStatus::Ready, 2, 1.0));
        assert_eq!(ready.url.as_deref(), Some(format!("/api/chat-exports/{}/file", asked.id).as_str()));
        assert_eq!(exports.chat_exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items, std::slice::from_ref(&ready));

        let file: Value = serde_json::from_str(&fetch(&world, &ada, &ready).await).unwrap();
        let page = world.store.messaging.messages(&world.ctx(&ada), chat, Window::After(0), 200).await.unwrap().items;
        assert_eq!(file["messages"], json!(page));
        assert_eq!((&file["chat"]["title"], &file["exported_by"]["username"]), (&json!("Lunch"), &json!("ada")));
        let page = exported(&world, &ada, chat, "html").await;
        assert!(page.contains("what I then &lt;said&gt;") && page.contains("and a reply") && page.contains("👍 1"), "{page}");
        assert!(!page.contains("first"), "{page}");
        assert!(!world.holds(b"clowder.chat"), "pieces lie sealed");
    }

    async fn nobody_else_gets_it(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&ada, chat, "among us").await;
        let exports = &world.store.chat_exports;
        assert_eq!(code(exports.export_chat(&world.ctx(&eve), chat, NewExport::default()).await), "chat.unknown");
        let asked = ask(&world, &ada, chat, "json").await;
        work(&world, &world.store).await;
        let file = exports.chat_export_file(&world.ctx(&ada), asked.id).await.unwrap();
        for other in [&bob, &eve] {
            let ctx = world.ctx(other);
            assert_eq!(code(exports.chat_export(&ctx, asked.id).await), "chat.export_unknown");
            assert_eq!(code(exports.chat_export_file(&ctx, asked.id).await), "chat.export_unknown");
            assert_eq!(code(exports.end_chat_export(&ctx, asked.id).await), "chat.export_unknown");
            assert!(exports.chat_exports(&ctx, PageRequest::default()).await.unwrap().items.is_empty());
        }
        assert!(exports.chat_export_piece(&world.ctx(&ada), &file, 0).await.unwrap().is_some());
    }

    async fn what_somebody_does_not_see_is_not_in_it(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, of(json!({"history": "since_join"}))).await.unwrap();
        world.say(&ada, chat, "zqbefore").await;
        world.store.participants.add(&world.ctx(&ada), chat, of(json!({"user_ids": [eve.id]}))).await.unwrap();
        let deleted = world.say(&ada, chat, "zqdeleted").await;
        world.store.messaging.delete(&world.ctx(&ada), deleted.id, None).await.unwrap();
        let vanishing = of::<NewMessage>(json!({"content": "zqvanishing", "lifetime": {"seconds": 3600}}));
        let vanishing = world.store.messaging.send(&world.ctx(&ada), chat, vanishing).await.unwrap().into_inner();
        let quoting = of::<NewMessage>(json!({"content": "zqquoting", "reply_to": vanishing.id}));
        world.store.messaging.send(&world.ctx(&ada), chat, quoting).await.unwrap();
        world.say(&bob, chat, "zqhidden").await;
        world.say(&ada, chat, "zqplain").await;
        let block = Input::from_json(json!({"hide_messages": true})).unwrap();
        world.store.blocks.block(&world.ctx(&eve), bob.id, block).await.unwrap();
        for format in ["json", "html"] {
            let file = exported(&world, &eve, chat, format).await;
            for gone in ["zqbefore", "zqdeleted", "zqvanishing", "zqhidden"] {
                assert!(!file.contains(gone), "{format}: {gone} in {file}");
            }
            assert!(file.contains("zqquoting") && file.contains("zqplain"), "{format}: {file}");
        }
        let seen = lines(&world, &eve, chat).await;
        let page = world.store.messaging.messages(&world.ctx(&eve), chat, Window::After(0), 200).await.unwrap().items;
        let seqs = |messages: Vec<Message>| messages.into_iter().map(|message| json!(message.seq)).collect::<Vec<_>>();
        assert_eq!(seen.iter().map(|line| line["seq"].clone()).collect::<Vec<_>>(), seqs(page), "each place is in it");
        let hidden: Vec<_> = seen.iter().filter(|line| line["hidden"] == true).collect();
        assert_eq!((hidden.len(), &hidden[0]["content"]), (1, &json!(null)));
        assert!(exported(&world, &bob, chat, "html").await.contains("zqhidden"), "others see it");
    }

    async fn it_ends_with_the_membership_and_with_the_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let exports = &world.store.chat_exports;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&ada, chat, "among us").await;
        let ready = ask(&world, &bob, chat, "html").await;
        work(&world, &world.store).await;
        let file = exports.chat_export_file(&world.ctx(&bob), ready.id).await.unwrap();
        let running = ask(&world, &bob, chat, "json").await;
        world.store.participants.remove(&world.ctx(&ada), chat, bob.id).await.unwrap();
        let ended = async |what: &str| {
            assert_eq!(now(&world, &bob, &ready).await.status, ExportStatus::Expired, "{what}");
            assert_eq!(code(exports.chat_export_file(&world.ctx(&bob), ready.id).await), "chat.export_gone", "{what}");
            assert!(exports.chat_export_piece(&world.ctx(&bob), &file, 0).await.unwrap().is_none(), "{what}");
            let failed = now(&world, &bob, &running).await;
            let why = failed.problem.map(|problem| problem.code);
            assert_eq!((failed.status, why.as_deref()), (ExportStatus::Failed, Some("chat.unknown")), "{what}");
        };
        ended("before a job has seen it").await;
        world.store.participants.add(&world.ctx(&ada), chat, of(json!({"user_ids": [bob.id]}))).await.unwrap();
        ended("also for those who come back").await;
        work(&world, &world.store).await;
        ended("the job has ended it").await;
        let own = ask(&world, &ada, chat, "json").await;
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(now(&world, &ada, &own).await.status, ExportStatus::Failed);
        while world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(world.meddle("DELETE FROM chat_export_pieces").unwrap(), 0, "their pieces are swept");
    }

    async fn it_goes_on_where_it_was_however_often_workers_die(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        fill(&world, &ada, chat, 1_200, 1_500).await;
        let asked = ask(&world, &bob, chat, "json").await;
        let (mut deaths, mut patience, mut progress) = (0, Duration::from_millis(20), 0.0);
        loop {
            let done = work_for(&world, patience).await;
            let seen = now(&world, &bob, &asked).await;
            assert!(seen.progress >= progress, "it never goes back");
            progress = seen.progress;
            if done {
                break;
            }
            deaths += 1;
            // Whoever has gone on has gained something; the machine may be slow.
            patience += Duration::from_millis(20);
            world.say(&ada, chat, "meanwhile").await;
        }
        assert!(deaths > 0, "a worker died on the way");
        let ready = now(&world, &bob, &asked).await;
        assert_eq!((ready.status, ready.messages), (ExportStatus::Ready, 1_200));
        let file = fetch(&world, &bob, &ready).await;
        let file: Value = serde_json::from_str(&file).unwrap();
        let seqs: Vec<_> = file["messages"].as_array().unwrap().iter().map(|line| line["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, (1..=1_200).collect::<Vec<_>>(), "each once and in order, and nothing that was said later");
        assert!(!work_is_left(&world).await);
    }

    async fn a_deletion_takes_what_is_written_until_the_file_is_finished(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        fill(&world, &ada, chat, 2_000, 1_500).await;
        let page = world.store.messaging.messages(&world.ctx(&ada), chat, Window::After(0), 5).await.unwrap().items;
        let last = world.store.messaging.messages(&world.ctx(&ada), chat, Window::Before(2_001), 5).await.unwrap().items;
        let asked = ask(&world, &ada, chat, "json").await;
        let before = page[0].id;
        world.store.messaging.delete(&world.ctx(&ada), before, None).await.unwrap();
        begin(&world, &ada, &asked).await;
        world.store.messaging.delete(&world.ctx(&ada), page[1].id, None).await.unwrap();
        let anew = now(&world, &ada, &asked).await;
        assert_eq!((anew.status, anew.messages), (ExportStatus::Running, 0));
        assert_eq!(world.meddle("DELETE FROM chat_export_pieces").unwrap(), 0, "it goes with the deletion");
        // A file that has begun often enough is finished, whoever deletes something.
        let written = begin(&world, &ada, &asked).await.messages;
        world.meddle("UPDATE chat_exports SET restarts = 20").unwrap();
        world.store.messaging.delete(&world.ctx(&ada), page[3].id, None).await.unwrap();
        assert_eq!(now(&world, &ada, &asked).await.messages, written);
        world.meddle("UPDATE chat_exports SET restarts = 1").unwrap();
        world.store.messaging.delete(&world.ctx(&ada), page[4].id, None).await.unwrap();
        assert_eq!(now(&world, &ada, &asked).await.messages, 0);
        // Nothing of this one is written yet.
        world.store.messaging.delete(&world.ctx(&ada), last[0].id, None).await.unwrap();
        work(&world, &world.store).await;
        let ready = now(&world, &ada, &asked).await;
        let read = async || -> Value { serde_json::from_str(&fetch(&world, &ada, &ready).await).unwrap() };
        let file = read().await;
        for (seq, said) in [(1, false), (2, false), (3, true), (4, false), (5, false), (2_000, false)] {
            assert_eq!(file["messages"][seq - 1]["content"].is_string(), said, "{seq}");
        }
        assert_eq!(file["messages"].as_array().unwrap().len(), 2_000, "each once");
        world.store.messaging.delete(&world.ctx(&ada), page[2].id, None).await.unwrap();
        assert_eq!(read().await, file, "a finished file stays as it is for its time");
    }

    async fn what_happens_between_two_pieces_shows_in_those_that_follow(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        fill(&world, &ada, chat, 2_000, 1_500).await;
        let messaging = &world.store.messaging;
        let last = messaging.messages(&world.ctx(&ada), chat, Window::Before(2_001), 4).await.unwrap().items;
        let seq = |index: usize| usize::try_from(last[index].seq).unwrap();
        let begun = async |format: &str| {
            let asked = ask(&world, &bob, chat, format).await;
            begin(&world, &bob, &asked).await;
            asked
        };
        let asked = begun("json").await;
        let patch = Input::from_json(json!({"content": "what I meant"})).unwrap();
        messaging.edit(&world.ctx(&ada), last[0].id, None, patch).await.unwrap();
        messaging.delete(&world.ctx(&ada), last[1].id, None).await.unwrap();
        world.store.keeping.remove(&world.ctx(&bob), last[2].id, None).await.unwrap();
        messaging.react(&world.ctx(&bob), last[3].id, Emoji::from_text("👍").unwrap()).await.unwrap();
        // Whoever wrote it may leave, and what is said afterwards comes too late.
        world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, of(json!({"role": "owner"}))).await.unwrap();
        world.store.participants.remove(&world.ctx(&ada), chat, ada.id).await.unwrap();
        world.say(&bob, chat, "too late").await;
        work(&world, &world.store).await;
        let ready = now(&world, &bob, &asked).await;
        let file: Value = serde_json::from_str(&fetch(&world, &bob, &ready).await).unwrap();
        let lines = file["messages"].as_array().unwrap();
        let line = |seq: usize| lines.iter().find(|line| line["seq"] == seq);
        assert_eq!(line(seq(0)).unwrap()["content"], "what I meant");
        assert_eq!(line(seq(1)).unwrap()["content"], json!(null), "its place alone");
        assert_eq!(line(seq(2)), None, "bob does not want to see it");
        assert_eq!(line(seq(3)).unwrap()["reactions"][0]["count"], 1);
        assert_eq!((lines.len(), lines.last().unwrap()["seq"].as_u64()), (1_999, Some(2_000)));
        // Nothing that is cleared meanwhile is read any more.
        let asked = begun("json").await;
        world.store.keeping.clear_chat(&world.ctx(&bob), chat).await.unwrap();
        work(&world, &world.store).await;
        let ready = now(&world, &bob, &asked).await;
        let file: Value = serde_json::from_str(&fetch(&world, &bob, &ready).await).unwrap();
        assert!(file["messages"].as_array().unwrap().iter().all(|line| line["content"] != "what I meant"));
        // Whoever is taken out gets nothing.
        fill(&world, &bob, chat, 2_000, 1_500).await;
        let asked = begun("html").await;
        let eve = world.person("eve").await;
        world.store.participants.add(&world.ctx(&bob), chat, of(json!({"user_ids": [eve.id]}))).await.unwrap();
        world.store.participants.set_role(&world.ctx(&bob), chat, eve.id, of(json!({"role": "owner"}))).await.unwrap();
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(now(&world, &bob, &asked).await.status, ExportStatus::Failed);
        let file = world.store.chat_exports.chat_export_file(&world.ctx(&bob), asked.id).await;
        assert_eq!(code(file), "chat.export_gone");
    }

    async fn they_are_few_and_expire(world: World) {
        let [ada] = world.people(["ada"]).await;
        let exports = &world.store.chat_exports;
        let mut chats = Vec::new();
        for _ in 0..6 {
            chats.push(world.group(&ada, &[]).await.id);
        }
        let refused = async |chat: ChatId| code(exports.export_chat(&world.ctx(&ada), chat, NewExport::default()).await);
        ask(&world, &ada, chats[0], "json").await;
        ask(&world, &ada, chats[0], "html").await;
        assert_eq!(refused(chats[1]).await, "chat.exports", "two at a time");
        work(&world, &world.store).await;
        let mut kept = Vec::new();
        for chat in &chats[1..4] {
            kept.push(ask(&world, &ada, *chat, "json").await);
            work(&world, &world.store).await;
        }
        assert_eq!(refused(chats[5]).await, "chat.exports", "five are kept");
        exports.end_chat_export(&world.ctx(&ada), kept[0].id).await.unwrap();
        exports.end_chat_export(&world.ctx(&ada), kept[0].id).await.unwrap();
        assert_eq!(now(&world, &ada, &kept[0]).await.status, ExportStatus::Expired);
        assert_eq!(code(exports.chat_export_file(&world.ctx(&ada), kept[0].id).await), "chat.export_gone");
        let last = ask(&world, &ada, chats[5], "json").await;
        exports.end_chat_export(&world.ctx(&ada), last.id).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(now(&world, &ada, &last).await.status, ExportStatus::Expired, "what was ended is not written");
        world.wait(READY_FOR);
        assert_eq!(code(exports.chat_export_file(&world.ctx(&ada), kept[1].id).await), "chat.export_gone");
        let sweep = async || {
            let ctx = Ctx { now: world.now(), ..system(&world) };
            while world.store.upkeep.sweep(&ctx, Duration::MAX).await.unwrap() > 0 {}
        };
        sweep().await;
        assert_eq!(world.meddle("DELETE FROM chat_export_pieces").unwrap(), 0, "swept");
        assert_eq!(exports.chat_exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items.len(), 6);
        world.wait(KNOWN_FOR);
        assert!(exports.chat_exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items.is_empty());
        sweep().await;
        assert_eq!(world.meddle("DELETE FROM chat_exports").unwrap(), 0, "swept");
        let wrong = PageRequest { limit: 2, cursor: Some("x".into()) };
        assert!(exports.chat_exports(&world.ctx(&ada), wrong).await.is_err());
    }

    async fn pages_show_each_export_once(world: World) {
        let [ada] = world.people(["ada"]).await;
        for _ in 0..5 {
            let chat = world.group(&ada, &[]).await.id;
            ask(&world, &ada, chat, "json").await;
            work(&world, &world.store).await;
        }
        let all = world.store.chat_exports.chat_exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items;
        assert!(all.is_sorted_by(|one, next| one.created_at >= next.created_at), "the latest first");
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: 2, cursor };
            let page = world.store.chat_exports.chat_exports(&world.ctx(&ada), page).await.unwrap();
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    async fn an_export_that_nobody_writes_has_failed(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let asked = ask(&world, &ada, chat, "json").await;
        world.meddle("DELETE FROM jobs").unwrap();
        world.wait(Duration::from_secs(2 * 24 * 3600));
        assert_eq!(now(&world, &ada, &asked).await.status, ExportStatus::Failed);
        assert_ne!(ask(&world, &ada, chat, "json").await.id, asked.id);
    }

    async fn nothing_is_left_of_exports_of_the_erased(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        fill(&world, &bob, chat, 300, 4_000).await;
        ask(&world, &ada, chat, "json").await;
        work(&world, &world.store).await;
        ask(&world, &ada, chat, "html").await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let left = |table: &str| world.meddle(&format!("DELETE FROM {table}")).unwrap();
        assert_eq!((left("chat_export_pieces"), left("chat_exports")), (0, 0));
    }
}

async fn work_is_left(world: &World) -> bool {
    !world.store.jobs.take(&system(world), vec!["chat.export"], 1).await.unwrap().is_empty()
}
