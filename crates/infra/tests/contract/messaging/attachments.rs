//! Files of messages: who can attach them, who sees them, and what becomes of them.

use std::time::Duration;

use clowder_core::{Actor, ChatId, Ctx, Error, FileId, PageRequest, Result};
use clowder_media::{File, FileFilter};
use clowder_messaging::{
    AttachmentStatus, ChatFilter, Message, MessagePatch, MessageType, NewMessage, Window,
    relations::NewForward,
    scheduled::{ScheduledId, ScheduledPatch, ScheduledStatus},
};
use serde_json::{Value, json};

use crate::{
    exports::fetch,
    media::{
        having::{exists, gets, tidy},
        new, upload,
    },
    privacy::{export, system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn put(world: &World, who: &Person, name: &str) -> File {
    upload(world, &world.ctx(who), new(name), format!("content of {name}").as_bytes()).await.unwrap()
}

async fn try_send(world: &World, who: &Person, chat: ChatId, message: Value) -> Result<Message> {
    Ok(world.store.messaging.send(&world.ctx(who), chat, of::<NewMessage>(message)).await?.into_inner())
}

/// A message with these files and no text.
async fn send(world: &World, who: &Person, chat: ChatId, files: &[FileId]) -> Message {
    try_send(world, who, chat, json!({"attachments": files})).await.unwrap()
}

async fn seen(world: &World, who: &Person, message: &Message) -> Message {
    world.store.messaging.message(&world.ctx(who), message.id).await.unwrap()
}

/// The files of a message, with what they are, as somebody sees them.
async fn shown(world: &World, who: &Person, message: &Message) -> Vec<(FileId, AttachmentStatus)> {
    seen(world, who, message).await.attachments.iter().map(|file| (file.id, file.status)).collect()
}

fn wrong<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    match result {
        Err(Error::Invalid(errors)) => {
            errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
        }
        other => panic!("not invalid: {other:?}"),
    }
}

/// Whether the journal has this anywhere.
async fn told(world: &World, text: &str) -> bool {
    world.everything().await.iter().any(|change| change.data.get().contains(text))
}

on_both! {
    async fn everybody_in_the_chat_sees_the_files_of_a_message(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (one, two) = (put(&world, &ada, "one.txt").await, put(&world, &ada, "two.txt").await);
        assert!(!gets(&world, &bob, one.id).await);
        world.changes().await;
        let said = send(&world, &ada, chat, &[two.id, one.id]).await;
        assert_eq!((said.kind, said.content.as_deref()), (MessageType::File, Some("")));
        let changes = world.changes().await;
        let event: Message = serde_json::from_str(changes[0].data.get()).unwrap();
        assert_eq!((changes.len(), &event.attachments), (1, &said.attachments));
        for who in [&ada, &bob] {
            let said = seen(&world, who, &said).await;
            let files: Vec<_> = said.attachments.iter().map(|file| (file.id, file.name.clone().unwrap())).collect();
            assert_eq!(files, [(two.id, "two.txt".to_owned()), (one.id, "one.txt".to_owned())]);
            assert_eq!(said.attachments[0].size, Some(two.size));
            assert_eq!(said.attachments[0].kind.as_deref(), Some("text/plain"));
            let page = world.store.messaging.messages(&world.ctx(who), chat, Window::NEWEST, 10).await.unwrap();
            assert_eq!(page.items[0].attachments, said.attachments);
            let (filter, all) = (ChatFilter::default(), PageRequest::default());
            let list = world.store.messaging.chats(&world.ctx(who), filter, all).await.unwrap();
            assert_eq!(list.items[0].last_message.as_ref().unwrap().attachments, said.attachments);
            assert!(gets(&world, who, one.id).await);
        }
        assert!(!gets(&world, &eve, one.id).await);
        let other = world.ctx(&bob);
        assert_eq!(code(world.store.media.delete_file(&other, one.id).await), "file.forbidden");
        assert_eq!(code(world.store.media.delete_file(&world.ctx(&eve), one.id).await), "file.unknown");
        // Whoever made an address loses it with the sight.
        let link = world.store.media.link_file(&other, one.id, of(json!({}))).await.unwrap().url;
        let token = link.split_once("token=").unwrap().1.to_owned();
        world.store.media.linked_content(&world.nobody(), one.id, &token).await.unwrap();
        world.store.participants.remove(&world.ctx(&ada), chat, bob.id).await.unwrap();
        assert!(!gets(&world, &bob, one.id).await, "who is not in the chat any more gets nothing, at once");
        let late = world.store.media.linked_content(&world.nobody(), one.id, &token).await;
        assert_eq!(code(late), "file.link_invalid");
    }

    async fn only_own_files_that_have_arrived_can_be_attached(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (own, others) = (put(&world, &ada, "own").await, put(&world, &bob, "others").await);
        let arriving = world.store.media.begin_upload(&world.ctx(&ada), new("slow")).await.unwrap();
        let mine = world.store.media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap();
        let slow = mine.items.iter().find(|file| file.name == "slow").unwrap().id;
        let files = [own.id, others.id, slow, FileId::new(world.now())];
        let expected = ["/attachments/1 no_file", "/attachments/2 not_ready", "/attachments/3 no_file"];
        assert_eq!(wrong(try_send(&world, &ada, chat, json!({"attachments": files})).await), expected);
        arriving.abort().await.unwrap();
        for (status, flaw) in [("quarantined", "unusable"), ("failed", "unusable"), ("scanning", "")] {
            world.batch(&format!("UPDATE file_objects SET status = '{status}'"));
            let sent = try_send(&world, &ada, chat, json!({"attachments": [own.id]})).await;
            match flaw {
                "" => assert_eq!(sent.unwrap().attachments[0].status, AttachmentStatus::Scanning),
                flaw => assert_eq!(wrong(sent), [format!("/attachments/0 {flaw}")]),
            }
        }
        // What it becomes later shows when somebody reads the message.
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 1).await.unwrap();
        let said = &page.items[0];
        for status in [AttachmentStatus::Quarantined, AttachmentStatus::Ready] {
            world.batch(&format!("UPDATE file_objects SET status = '{}'", clowder_core::Word::as_str(status)));
            assert_eq!(shown(&world, &bob, said).await, [(own.id, status)]);
        }
        let unfit = try_send(&world, &ada, chat, json!({"attachments": [own.id], "type": "image"})).await;
        assert_eq!(wrong(unfit), ["/type unfit"]);
        assert_eq!(world.store.messaging.messages(&world.ctx(&ada), chat, Window::NEWEST, 9).await.unwrap().items.len(), 1);
    }

    async fn the_same_client_id_is_for_the_same_files(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (one, two) = (put(&world, &ada, "one").await, put(&world, &ada, "two").await);
        let with = |files: &[FileId]| json!({"client_id": "a", "content": "see", "attachments": files});
        let said = try_send(&world, &ada, chat, with(&[one.id, two.id])).await.unwrap();
        for other in [&[one.id] as &[FileId], &[two.id, one.id], &[]] {
            assert_eq!(code(try_send(&world, &ada, chat, with(other)).await), "client_id.mismatch");
        }
        // Also when a file is gone: the first call was answered by then.
        world.store.media.delete_file(&world.ctx(&ada), two.id).await.unwrap();
        let again = try_send(&world, &ada, chat, with(&[one.id, two.id])).await.unwrap();
        let statuses: Vec<_> = again.attachments.iter().map(|file| file.status).collect();
        assert_eq!((again.id, statuses), (said.id, vec![AttachmentStatus::Ready, AttachmentStatus::Deleted]));
    }

    async fn a_file_goes_with_the_last_message_that_has_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (kept, gone) = (put(&world, &ada, "kept").await, put(&world, &ada, "zqgone.txt").await);
        let first = send(&world, &ada, chat, &[kept.id, gone.id]).await;
        let second = send(&world, &ada, chat, &[kept.id]).await;
        world.store.messaging.delete(&world.ctx(&ada), first.id, None).await.unwrap();
        assert!(seen(&world, &bob, &first).await.attachments.is_empty());
        assert!(!gets(&world, &bob, gone.id).await && gets(&world, &bob, kept.id).await, "at once");
        tidy(&world).await;
        assert!(!exists(&world, &ada, gone.id).await && exists(&world, &ada, kept.id).await);
        world.gone(b"zqgone.txt").await;
        // A message that disappears takes its files with it.
        let timed = json!({"attachments": [kept.id], "lifetime": {"seconds": 60}});
        let third = try_send(&world, &ada, chat, timed).await.unwrap();
        world.store.messaging.delete(&world.ctx(&ada), second.id, None).await.unwrap();
        tidy(&world).await;
        assert!(gets(&world, &bob, kept.id).await, "the third one has it");
        world.wait(Duration::from_secs(61));
        assert!(!gets(&world, &bob, kept.id).await, "before anything has deleted it");
        world.store.lifetimes.expire(&Ctx::new(Actor::System, world.now(), "timers")).await.unwrap();
        assert!(seen(&world, &bob, &third).await.attachments.is_empty());
        tidy(&world).await;
        assert!(!exists(&world, &ada, kept.id).await);
    }

    async fn a_file_that_is_attached_to_nothing_goes_after_a_day(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (attached, loose) = (put(&world, &ada, "attached").await, put(&world, &ada, "loose").await);
        send(&world, &ada, chat, &[attached.id]).await;
        tidy(&world).await;
        world.wait(Duration::from_secs(24 * 3600 - 60));
        tidy(&world).await;
        assert!(exists(&world, &ada, loose.id).await, "not yet");
        world.changes().await;
        world.wait(Duration::from_secs(120));
        tidy(&world).await;
        assert!(!exists(&world, &ada, loose.id).await && exists(&world, &ada, attached.id).await);
        assert_eq!(world.names().await, ["file.deleted"]);
        assert_eq!(wrong(try_send(&world, &ada, chat, json!({"attachments": [loose.id]})).await), ["/attachments/0 no_file"]);
    }

    async fn a_deleted_file_leaves_its_place_in_every_message(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&bob, &[&eve]).await.id);
        let (file, stays) = (put(&world, &ada, "zqsecret.txt").await, put(&world, &ada, "stays").await);
        let said = send(&world, &ada, chat, &[file.id, stays.id]).await;
        let forward = of::<NewForward>(json!({"chat_ids": [other]}));
        let forwarded = world.store.relations.forward(&world.ctx(&bob), said.id, forward).await.unwrap().into_inner();
        let copy = forwarded.items[0].message.clone().unwrap();
        assert_eq!(copy.attachments, said.attachments);
        assert!(gets(&world, &eve, file.id).await, "who sees the copy sees the file");
        for _ in 0..60 {
            send(&world, &ada, chat, &[file.id]).await;
        }
        world.changes().await;
        world.store.media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
        for (who, message) in [(&bob, &said), (&eve, &copy)] {
            let expected = [(file.id, AttachmentStatus::Deleted), (stays.id, AttachmentStatus::Ready)];
            assert_eq!(shown(&world, who, message).await, expected, "at once");
            assert!(!gets(&world, who, file.id).await);
        }
        work(&world, &world.store).await;
        let names = world.names().await;
        assert_eq!(names.iter().filter(|name| *name == "attachment.removed").count(), 62, "{names:?}");
        assert!(!told(&world, "zqsecret.txt").await, "what is replayed has no name");
        assert!(told(&world, "\"stays\"").await, "but those of the others");
        world.gone(b"zqsecret.txt").await;
        assert!(!exists(&world, &ada, file.id).await);
        // A copy of the message is without it, and one that had nothing else cannot be made.
        let forward = of::<NewForward>(json!({"chat_ids": [other]}));
        let again = world.store.relations.forward(&world.ctx(&bob), said.id, forward.clone()).await.unwrap().into_inner();
        assert_eq!(again.items[0].message.as_ref().unwrap().attachments.len(), 1);
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 1).await.unwrap();
        let nothing = world.store.relations.forward(&world.ctx(&bob), page.items[0].id, forward).await.map(drop);
        assert_eq!(code(nothing), "message.not_forwardable");
    }

    async fn an_edit_changes_the_files(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (one, two) = (put(&world, &ada, "zqfirst.txt").await, put(&world, &ada, "two").await);
        let said = try_send(&world, &ada, chat, json!({"content": "see", "attachments": [one.id]})).await.unwrap();
        let edit = async |patch: Value| {
            world.store.messaging.edit(&world.ctx(&ada), said.id, None, of::<MessagePatch>(patch)).await
        };
        let same = edit(json!({"content": "look"})).await.unwrap();
        assert_eq!((same.attachments.len(), same.version), (1, 2), "they stay when nothing is said of them");
        let same = edit(json!({"content": "look", "attachments": [one.id]})).await.unwrap();
        assert_eq!(same.version, 2, "nothing changes");
        let both = edit(json!({"content": "look", "attachments": [two.id, one.id]})).await.unwrap();
        assert_eq!((both.attachments[0].id, both.version), (two.id, 3));
        let fewer = edit(json!({"content": "", "attachments": [two.id]})).await.unwrap();
        assert_eq!((fewer.attachments.len(), fewer.kind, fewer.content.as_deref()), (1, MessageType::File, Some("")));
        assert!(!gets(&world, &bob, one.id).await && gets(&world, &bob, two.id).await);
        assert!(!told(&world, "zqfirst.txt").await, "what was taken away is not replayed");
        tidy(&world).await;
        assert!(!exists(&world, &ada, one.id).await);
        world.gone(b"zqfirst.txt").await;
        assert_eq!(wrong(edit(json!({"content": "x", "attachments": [one.id]})).await), ["/attachments/0 no_file"]);
        // Of a text that is not given, nothing changes; `null` is the same as nothing.
        let words = edit(json!({"content": "look, @bob"})).await.unwrap();
        assert_eq!((words.mentions.as_slice(), words.attachments.len()), ([bob.id].as_slice(), 1));
        let three = put(&world, &ada, "three").await;
        for (content, files) in [(None, vec![two.id, three.id]), (Some(Value::Null), vec![three.id]), (None, vec![])] {
            let mut patch = json!({"attachments": files});
            if let Some(content) = content {
                patch["content"] = content;
            }
            let after = edit(patch.clone()).await.unwrap();
            assert_eq!(after.content.as_deref(), Some("look, @bob"), "{patch}");
            assert_eq!((&after.mentions, &after.entities), (&words.mentions, &words.entities), "{patch}");
            assert_eq!(after.attachments.iter().map(|file| file.id).collect::<Vec<_>>(), files, "{patch}");
            assert_eq!(seen(&world, &bob, &said).await.content, after.content);
        }
        let same = edit(json!({"mentions": [bob.id]})).await.unwrap();
        assert_eq!((same.content.as_deref(), same.mentions.as_slice()), (Some("look, @bob"), [bob.id].as_slice()));
        edit(json!({"content": "", "attachments": [three.id]})).await.unwrap();
        assert_eq!(wrong(edit(json!({"attachments": []})).await), ["/content required"], "nothing would be left");
        let none = edit(json!({"content": "only words", "attachments": []})).await.unwrap();
        assert_eq!((none.attachments.len(), none.kind), (0, MessageType::Text));
        assert_eq!(wrong(edit(json!({"content": ""})).await), ["/content required"]);
        assert!(seen(&world, &bob, &said).await.attachments.is_empty());
    }

    async fn a_scheduled_message_keeps_its_files(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (file, other) = (put(&world, &ada, "later.txt").await, put(&world, &ada, "other").await);
        let after = |days: u64| world.now().plus(Duration::from_secs(days * 24 * 3600)).to_string();
        let schedule = async |message: Value| {
            world.store.scheduled.schedule(&world.ctx(&ada), chat, of::<NewMessage>(message)).await
        };
        let plan = schedule(json!({"attachments": [file.id], "send_at": after(3)})).await.unwrap();
        assert_eq!(plan.attachments[0].name.as_deref(), Some("later.txt"));
        let bad = json!({"content": "x", "attachments": [FileId::new(world.now())], "send_at": after(3)});
        assert_eq!(wrong(schedule(bad).await), ["/attachments/0 no_file"]);
        let patch = |body: Value| of::<ScheduledPatch>(body);
        let edit = async |id: ScheduledId, body: Value| {
            world.store.scheduled.edit_scheduled(&world.ctx(&ada), id, None, patch(body)).await
        };
        assert_eq!(wrong(edit(plan.id, json!({"attachments": []})).await), ["/content required"]);
        let both = edit(plan.id, json!({"attachments": [other.id, file.id]})).await.unwrap();
        assert_eq!(both.attachments.len(), 2);
        edit(plan.id, json!({"attachments": [file.id]})).await.unwrap();
        let along = put(&world, &ada, "along.txt").await;
        let both = json!({"content": "see", "attachments": [other.id, along.id], "send_at": after(3)});
        let lost = schedule(both).await.unwrap();
        world.wait(Duration::from_secs(2 * 24 * 3600));
        tidy(&world).await;
        assert!(exists(&world, &ada, file.id).await && !gets(&world, &bob, file.id).await);
        world.store.media.delete_file(&world.ctx(&ada), other.id).await.unwrap();
        world.wait(Duration::from_secs(24 * 3600 + 1));
        world.store.scheduled.send_due(&system(&world)).await.unwrap();
        let sent = world.store.scheduled.scheduled_message(&world.ctx(&ada), plan.id).await.unwrap();
        assert_eq!((sent.status, sent.attachments.len()), (ScheduledStatus::Sent, 0));
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 9).await.unwrap();
        assert_eq!((page.items.len(), page.items[0].attachments[0].id), (1, file.id));
        assert!(gets(&world, &bob, file.id).await);
        let lost = world.store.scheduled.scheduled_message(&world.ctx(&ada), lost.id).await.unwrap();
        assert_eq!((lost.status, lost.problem.unwrap().code.as_str()), (ScheduledStatus::Refused, "scheduled.files"));
        assert!(exists(&world, &ada, along.id).await);
        world.wait(Duration::from_secs(3 * 24 * 3600));
        tidy(&world).await;
        assert!(gets(&world, &bob, file.id).await);
        assert!(!exists(&world, &ada, along.id).await, "nobody sends it any more");
    }

    async fn files_are_exported_and_go_with_their_owner(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&bob, &[&eve]).await.id);
        let file = put(&world, &ada, "zqpicture.txt").await;
        let said = send(&world, &ada, chat, &[file.id]).await;
        let forward = of::<NewForward>(json!({"chat_ids": [other]}));
        let forwarded = world.store.relations.forward(&world.ctx(&bob), said.id, forward).await.unwrap().into_inner();
        let copy = forwarded.items[0].message.clone().unwrap();
        let made = fetch(&world, &export(&world, &ada).await).await;
        let line: Value = serde_json::from_str(made["messages.ndjson"].lines().next().unwrap()).unwrap();
        assert_eq!(line["attachments"][0]["name"], "zqpicture.txt");
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        for (who, message) in [(&bob, &said), (&eve, &copy)] {
            assert_eq!(shown(&world, who, message).await, [(file.id, AttachmentStatus::Deleted)]);
            assert!(!gets(&world, who, file.id).await);
        }
        assert!(!told(&world, "zqpicture.txt").await);
    }
}
