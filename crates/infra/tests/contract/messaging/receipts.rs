//! The guarantees of `Messaging` about what has arrived and what is read.

use std::time::Duration;

use clowder_accounts::model::SettingsPatch;
use clowder_core::{ChatId, Input, MessageId, PageRequest, Timestamp, Topic, UserId};
use clowder_messaging::{CHAT, ChatFilter, MessagePatch, NewChat, NewRead, Status, Window, receipts::Receipt};
use clowder_social::NewBlock;
use serde_json::json;

use crate::{
    privacy::{system, work},
    world::{Person, World, code, on_both},
};

async fn arrives(world: &World, who: &Person, chat: ChatId, seq: i64) -> i64 {
    world.store.messaging.delivered(&world.ctx(who), chat, NewRead { seq }).await.unwrap().seq
}

async fn read(world: &World, who: &Person, chat: ChatId, seq: i64) {
    world.store.messaging.read(&world.ctx(who), chat, NewRead { seq }).await.unwrap();
}

/// The status of a message, which is the same alone, in a page, and as the last of the chat.
async fn status(world: &World, viewer: &Person, chat: ChatId, message: MessageId) -> Status {
    let (messaging, ctx) = (&world.store.messaging, world.ctx(viewer));
    let alone = messaging.message(&ctx, message).await.unwrap();
    let page = messaging.messages(&ctx, chat, Window::NEWEST, 9).await.unwrap().items;
    assert_eq!(page.iter().find(|one| one.id == message), Some(&alone));
    let listed = messaging.chats(&ctx, ChatFilter::default(), PageRequest::default()).await.unwrap().items;
    let last = listed.into_iter().find(|one| one.id == chat).unwrap().last_message.unwrap();
    if last.id == message {
        assert_eq!(last, alone);
    }
    alone.status
}

async fn receipts(world: &World, viewer: &Person, message: MessageId) -> Vec<Receipt> {
    world.store.messaging.receipts(&world.ctx(viewer), message, PageRequest::default()).await.unwrap().items
}

/// Whose receipt it is, and how many seconds after the beginning it arrived and was read.
async fn seconds(
    world: &World,
    viewer: &Person,
    message: MessageId,
    began: Timestamp,
) -> Vec<(UserId, Option<u64>, Option<u64>)> {
    let since = |at: Option<Timestamp>| at.map(|at| at.since(began).as_secs());
    let receipts = receipts(world, viewer, message).await.into_iter();
    receipts.map(|one| (one.user.id, since(one.delivered_at), since(one.read_at))).collect()
}

async fn hide(world: &World, who: &Person, hidden: bool) {
    let patch = SettingsPatch::from_json(json!({"privacy": {"read_receipts": !hidden}})).unwrap();
    world.store.preferences.edit_settings(&world.ctx(who), None, patch).await.unwrap();
    world.changes().await;
}

/// The names of the changes, with whom they are told.
async fn told(world: &World) -> Vec<(String, Topic)> {
    world.changes().await.into_iter().map(|change| (change.name.to_string(), change.topic)).collect()
}

on_both! {
    async fn a_message_arrives_and_is_read(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let began = world.now();
        let (first, second) = (world.say(&ada, chat, "one").await.id, world.say(&ada, chat, "two").await.id);
        world.changes().await;
        assert_eq!(status(&world, &ada, chat, second).await, Status::Sent);
        world.wait(Duration::from_secs(1));
        assert_eq!(arrives(&world, &bob, chat, 1).await, 1);
        assert_eq!(told(&world).await, [("message.delivered".to_owned(), Topic::user(ada.id))]);
        assert_eq!(status(&world, &ada, chat, first).await, Status::Delivered);
        assert_eq!(status(&world, &bob, chat, first).await, Status::Sent, "it concerns its sender");
        assert_eq!(status(&world, &ada, chat, second).await, Status::Sent);
        world.wait(Duration::from_secs(1));
        assert_eq!(arrives(&world, &bob, chat, 99).await, 2, "never past the end");
        assert_eq!(arrives(&world, &bob, chat, 1).await, 2, "and never back");
        assert_eq!(told(&world).await.len(), 1);
        assert_eq!(status(&world, &ada, chat, second).await, Status::Delivered);
        world.wait(Duration::from_secs(1));
        read(&world, &bob, chat, 1).await;
        world.wait(Duration::from_secs(1));
        read(&world, &bob, chat, 2).await;
        let to_all = ("message.read".to_owned(), Topic::new(CHAT, chat));
        assert_eq!(told(&world).await, [to_all.clone(), to_all]);
        assert_eq!(status(&world, &ada, chat, second).await, Status::Read);
        assert_eq!(seconds(&world, &ada, first, began).await, [(bob.id, Some(1), Some(3))]);
        assert_eq!(seconds(&world, &bob, second, began).await, [(bob.id, Some(2), Some(4))]);
        let mine = world.say(&bob, chat, "three").await.id;
        read(&world, &ada, chat, 3).await;
        assert_eq!(seconds(&world, &bob, mine, began).await, [(ada.id, Some(4), Some(4))], "what is read has arrived");
        assert_eq!(arrives(&world, &ada, chat, 3).await, 3);
    }

    async fn in_a_group_everybody_counts(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        let his = world.say(&bob, chat, "hi").await.id;
        world.changes().await;
        arrives(&world, &eve, chat, 2).await;
        let mut topics = told(&world).await;
        topics.sort();
        let mut expected = [ada.id, bob.id].map(|user| ("message.delivered".to_owned(), Topic::user(user)));
        expected.sort();
        assert_eq!(topics, expected, "all whose messages have arrived");
        assert_eq!(status(&world, &ada, chat, message).await, Status::Sent, "not at bob");
        arrives(&world, &bob, chat, 2).await;
        assert_eq!(status(&world, &ada, chat, message).await, Status::Delivered);
        assert_eq!(status(&world, &bob, chat, his).await, Status::Sent);
        let all = receipts(&world, &ada, message).await;
        assert_eq!(all.iter().map(|one| (one.delivered_at.is_some(), one.read_at)).collect::<Vec<_>>(), [(true, None); 2]);
        let first = PageRequest { limit: 1, cursor: None };
        let first = world.store.messaging.receipts(&world.ctx(&ada), message, first).await.unwrap();
        let next = PageRequest { limit: 9, cursor: first.next_cursor };
        let rest = world.store.messaging.receipts(&world.ctx(&ada), message, next).await.unwrap();
        assert_eq!([first.items, rest.items].concat(), all);
    }

    async fn who_hides_read_marks_sees_none(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        hide(&world, &bob, true).await;
        read(&world, &bob, chat, 1).await;
        let (own, sender) = (Topic::user(bob.id), Topic::user(ada.id));
        assert_eq!(told(&world).await, [("message.read".to_owned(), own), ("message.delivered".to_owned(), sender)]);
        read(&world, &eve, chat, 1).await;
        let own = Topic::user(eve.id);
        assert_eq!(told(&world).await, [("message.read".to_owned(), own), ("message.read".to_owned(), sender)], "not bob");
        assert_eq!(status(&world, &ada, chat, message).await, Status::Delivered);
        let shown: Vec<_> = receipts(&world, &ada, message).await.into_iter().map(|one| (one.user.id, one.read_at.is_some())).collect();
        assert_eq!(shown, [(bob.id, false), (eve.id, true)]);
        assert!(receipts(&world, &bob, message).await.iter().all(|one| one.read_at.is_none() && one.delivered_at.is_some()));

        let his = world.say(&bob, chat, "hi").await.id;
        read(&world, &ada, chat, 2).await;
        world.changes().await;
        read(&world, &eve, chat, 2).await;
        let to_bob = ("message.delivered".to_owned(), Topic::user(bob.id));
        assert_eq!(told(&world).await, [("message.read".to_owned(), Topic::user(eve.id)), to_bob]);
        assert_eq!(status(&world, &bob, chat, his).await, Status::Delivered, "at most");
        let counts = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!((counts.read_seq, counts.unread_count), (1, 0), "their own devices know");

        hide(&world, &bob, false).await;
        assert_eq!(status(&world, &bob, chat, his).await, Status::Read, "they see what was read");
        assert_eq!(status(&world, &ada, chat, message).await, Status::Delivered, "not yet");
        read(&world, &bob, chat, 2).await;
        assert_eq!(told(&world).await, [("message.read".to_owned(), Topic::new(CHAT, chat))]);
        assert_eq!(status(&world, &ada, chat, message).await, Status::Read);
    }

    async fn large_and_closed_chats_note_nothing(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        let messaging = &world.store.messaging;
        let stranger = PageRequest::default();
        assert_eq!(code(messaging.receipts(&world.ctx(&eve), message, stranger).await), "message.unknown");
        assert_eq!(code(messaging.delivered(&world.ctx(&eve), chat, NewRead { seq: 1 }).await), "chat.unknown");
        world.meddle("UPDATE chats SET participant_count = 257, lowest_reader_id = NULL, lowest_read_seq = NULL, second_lowest_read_seq = NULL").unwrap();
        world.changes().await;
        let delivered = messaging.delivered(&world.ctx(&bob), chat, NewRead { seq: 1 }).await.unwrap();
        assert_eq!((delivered.seq, delivered.kept), (0, false));
        read(&world, &bob, chat, 1).await;
        assert_eq!(told(&world).await, [("message.read".to_owned(), Topic::user(bob.id))]);
        assert_eq!(code(messaging.receipts(&world.ctx(&ada), message, PageRequest::default()).await), "receipts.too_many");
        assert_eq!(world.meddle("DELETE FROM receipts").unwrap(), 0);
        world.meddle("UPDATE chats SET participant_count = 2, closed = true").unwrap();
        let mine = world.meddle("UPDATE chats SET last_seq = 1").unwrap();
        assert_eq!(mine, 1);
        assert!(!messaging.delivered(&world.ctx(&ada), chat, NewRead { seq: 1 }).await.unwrap().kept);
    }

    async fn a_closed_chat_shows_no_marks(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let new = NewChat::from_json(json!({"type": "private", "participant_ids": [bob.id]})).unwrap();
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let first = world.say(&bob, chat, "seen?").await.id;
        world.store.blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        read(&world, &ada, chat, 1).await;
        assert_eq!(status(&world, &bob, chat, first).await, Status::Sent);
        let hidden = async |message| receipts(&world, &bob, message).await.iter().all(|one| one.delivered_at.or(one.read_at).is_none());
        assert!(hidden(first).await);
        assert_eq!(world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap().unread_count, 0);
        world.store.blocks.unblock(&world.ctx(&ada), bob.id).await.unwrap();
        assert_eq!(status(&world, &bob, chat, first).await, Status::Sent, "what was read meanwhile stays hidden");
        let second = world.say(&bob, chat, "and now?").await.id;
        read(&world, &ada, chat, 2).await;
        for message in [first, second] {
            assert_eq!(status(&world, &bob, chat, message).await, Status::Read);
            assert!(!hidden(message).await);
        }
    }

    async fn a_block_in_a_common_group_hides_what_comes_later(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        for (blocker, blocked) in [(&ada, &bob), (&bob, &ada)] {
            let chat = world.group(&ada, &[&bob, &eve]).await.id;
            let before = world.say(&ada, chat, "one").await.id;
            read(&world, &bob, chat, 1).await;
            read(&world, &eve, chat, 1).await;
            world.wait(Duration::from_secs(1));
            world.store.blocks.block(&world.ctx(blocker), blocked.id, NewBlock::default()).await.unwrap();
            world.wait(Duration::from_secs(1));
            let hers = world.say(&ada, chat, "two").await.id;
            world.changes().await;
            arrives(&world, &bob, chat, 2).await;
            assert_eq!(told(&world).await, [], "she is not told");
            read(&world, &bob, chat, 2).await;
            let own = |who: &Person| ("message.read".to_owned(), Topic::user(who.id));
            assert_eq!(told(&world).await, [own(&bob)]);
            read(&world, &eve, chat, 2).await;
            assert_eq!(told(&world).await, [("message.read".to_owned(), Topic::new(CHAT, chat))], "of her all are told");
            assert_eq!(status(&world, &ada, chat, before).await, Status::Read, "as it was");
            assert_eq!(status(&world, &ada, chat, hers).await, Status::Sent);
            assert_eq!(status(&world, &eve, chat, hers).await, Status::Read, "for everybody else");
            let shown = async |viewer: &Person, message| -> Vec<(UserId, bool, bool)> {
                let receipts = receipts(&world, viewer, message).await.into_iter();
                receipts.map(|one| (one.user.id, one.delivered_at.is_some(), one.read_at.is_some())).collect()
            };
            let all = [(bob.id, true, true), (eve.id, true, true)];
            assert_eq!(shown(&ada, before).await, all);
            assert_eq!(shown(&ada, hers).await, [(bob.id, false, false), all[1]]);
            assert_eq!(shown(&eve, hers).await, all);

            let his = world.say(&bob, chat, "three").await.id;
            world.say(&eve, chat, "four").await;
            world.changes().await;
            read(&world, &ada, chat, 4).await;
            let mut names = told(&world).await;
            names.sort();
            let mut expected = [own(&ada), own(&eve)];
            expected.sort();
            assert_eq!(names, expected, "not bob");
            read(&world, &eve, chat, 4).await;
            assert_eq!(status(&world, &bob, chat, his).await, Status::Sent);
            assert_eq!(shown(&bob, his).await, [(ada.id, false, false), all[1]]);

            world.store.blocks.unblock(&world.ctx(blocker), blocked.id).await.unwrap();
            assert_eq!(status(&world, &bob, chat, his).await, Status::Read, "what was read meanwhile");
            assert_eq!(status(&world, &ada, chat, hers).await, Status::Read);
            assert_eq!(shown(&ada, hers).await, all);
        }
    }

    async fn times_are_kept_for_the_last_messages(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let first = world.say(&ada, chat, "hello").await.id;
        read(&world, &bob, chat, 1).await;
        // As if much had been said.
        world.meddle("UPDATE chats SET last_seq = 5000").unwrap();
        for seq in [400, 900, 1500, 1900, 2100] {
            world.wait(Duration::from_secs(1));
            read(&world, &bob, chat, seq).await;
        }
        assert_eq!(world.meddle("UPDATE receipts SET seq = seq").unwrap(), 3, "1500, 1900 and 2100");
        let [receipt] = receipts(&world, &ada, first).await.try_into().unwrap();
        assert!(receipt.read_at.is_some_and(|at| at < world.now()), "at the latest then");
    }

    async fn of_somebody_erased_no_times_are_left(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&ada, chat, "hello").await;
        arrives(&world, &bob, chat, 1).await;
        read(&world, &bob, chat, 1).await;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(world.meddle("DELETE FROM receipts").unwrap(), 0);
    }

    async fn nobody_waits_for_somebody_erased(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        world.say(&ada, chat, "one").await;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        let message = world.say(&ada, chat, "two").await.id;
        arrives(&world, &eve, chat, 2).await;
        assert_eq!(status(&world, &ada, chat, message).await, Status::Delivered);
        read(&world, &eve, chat, 2).await;
        assert_eq!(status(&world, &ada, chat, message).await, Status::Read);
        assert_eq!(receipts(&world, &ada, message).await.iter().map(|one| one.user.id).collect::<Vec<_>>(), [eve.id]);
        let third = world.say(&eve, chat, "three").await.id;
        read(&world, &ada, chat, 3).await;
        assert_eq!(status(&world, &eve, chat, third).await, Status::Read);
    }

    async fn in_a_channel_only_who_sees_the_people_is_told(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        world.meddle("UPDATE chats SET type = 'channel'").unwrap();
        world.say(&ada, chat, "one").await;
        world.say(&bob, chat, "two").await;
        world.changes().await;
        arrives(&world, &eve, chat, 2).await;
        assert_eq!(told(&world).await, [("message.delivered".to_owned(), Topic::user(ada.id))], "not bob, a member");
        read(&world, &eve, chat, 2).await;
        let (own, owner) = (Topic::user(eve.id), Topic::user(ada.id));
        assert_eq!(told(&world).await, [("message.read".to_owned(), own), ("message.read".to_owned(), owner)]);
    }

    async fn an_edit_says_nothing_of_the_status(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        read(&world, &bob, chat, 1).await;
        read(&world, &eve, chat, 1).await;
        assert_eq!(status(&world, &ada, chat, message).await, Status::Read);
        world.changes().await;
        let (messaging, ctx) = (&world.store.messaging, world.ctx(&ada));
        let patch = MessagePatch::from_json(json!({"content": "hello!"})).unwrap();
        assert_eq!(messaging.edit(&ctx, message, None, patch).await.unwrap().status, Status::Read);
        let [edited] = world.changes().await.try_into().unwrap();
        let shown: serde_json::Value = serde_json::from_str(edited.data.get()).unwrap();
        assert_eq!((&*edited.name, &shown["status"]), ("message.updated", &json!("sent")));
        messaging.delete(&world.ctx(&ada), message, None).await.unwrap();
        let shown = |status: &str| world.meddle(&format!("UPDATE journal SET data = data WHERE CAST(data AS text) LIKE '%\"status\":\"{status}\"%'"));
        assert_eq!((shown("sent").unwrap(), shown("read").unwrap()), (2, 0), "nor does what is replayed after a deletion");
    }

    async fn marks_that_move_at_once_never_go_back(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for n in 0..20 {
            world.say(&ada, chat, &format!("message {n}")).await;
        }
        let other = std::sync::Arc::new(world.another_node().await);
        let tasks = (0..60_i64).map(|n| {
            let (world, other, ctx) = (world.clone(), other.clone(), world.ctx(&bob));
            tokio::spawn(async move {
                let messaging = if n % 2 == 0 { &world.store.messaging } else { &other.messaging };
                let new = NewRead { seq: n % 20 + 1 };
                match n % 3 {
                    0 => messaging.read(&ctx, chat, new).await.map(drop),
                    _ => messaging.delivered(&ctx, chat, new).await.map(drop),
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap().unwrap();
        }
        assert_eq!(arrives(&world, &bob, chat, 1).await, 20);
        assert_eq!(world.meddle("UPDATE participants SET role = role WHERE delivered_seq < read_seq").unwrap(), 0);
    }
}
