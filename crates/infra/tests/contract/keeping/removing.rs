//! Messages that people remove for themselves: gone for them wherever messages are shown or counted, and for nobody else.

use clowder_core::Versions;
use clowder_messaging::{
    Chat, ChatFilter, Emoji, Message, MessagePatch, NewChat, NewRead, Window, keeping::NewRemoval,
    relations::NewForward,
};
use clowder_social::{NewBlock, reports::NewReport};

use super::*;

/// Removes these messages, which somebody sees.
pub async fn remove(world: &World, who: &Person, chat: ChatId, ids: &[MessageId]) {
    let outcomes = try_remove(world, who, chat, ids).await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.problem.is_none() && outcome.deleted_at.is_none()), "{outcomes:?}");
}

pub async fn try_remove(
    world: &World,
    who: &Person,
    chat: ChatId,
    ids: &[MessageId],
) -> clowder_core::Result<Vec<Outcome>> {
    let new = of::<NewRemoval>(json!({"message_ids": ids}));
    world.store.keeping.remove_messages(&world.ctx(who), chat, new).await
}

/// A chat by itself, which the list shows alike.
pub async fn shown(world: &World, who: &Person, chat: ChatId) -> Chat {
    let one = world.store.messaging.chat(&world.ctx(who), chat).await.unwrap();
    for (unread, expected) in [(None, true), (Some(true), one.unread_count > 0), (Some(false), one.unread_count == 0)] {
        let filter = ChatFilter { unread, ..ChatFilter::default() };
        let list = world.store.messaging.chats(&world.ctx(who), filter, PageRequest::default()).await.unwrap().items;
        let listed = list.into_iter().find(|listed| listed.id == chat);
        assert_eq!(listed.is_some(), expected, "{unread:?}");
        assert!(listed.is_none_or(|listed| listed == one));
    }
    one
}

pub async fn last(world: &World, who: &Person, chat: ChatId) -> Option<i64> {
    shown(world, who, chat).await.last_message.map(|last| last.seq)
}

/// The numbers of the messages of a page.
pub async fn seqs(world: &World, who: &Person, chat: ChatId, window: Window, limit: u32) -> Vec<i64> {
    let page = world.store.messaging.messages(&world.ctx(who), chat, window, limit).await.unwrap();
    page.items.iter().map(|message| message.seq).collect()
}

async fn send(world: &World, who: &Person, chat: ChatId, body: serde_json::Value) -> Message {
    world.store.messaging.send(&world.ctx(who), chat, of::<NewMessage>(body)).await.unwrap().into_inner()
}

async fn seen(world: &World, who: &Person, id: MessageId) -> Message {
    world.store.messaging.message(&world.ctx(who), id).await.unwrap()
}

async fn mentioned(world: &World, who: &Person, chat: ChatId) -> Vec<i64> {
    let messaging = &world.store.messaging;
    let of_chat = messaging.mentions(&world.ctx(who), chat, PageRequest::default()).await.unwrap().items;
    let of_all = messaging.all_mentions(&world.ctx(who), None, PageRequest::default()).await.unwrap().items;
    assert_eq!(of_chat, of_all, "they are in one chat");
    of_chat.iter().map(|message| message.seq).collect()
}

on_both! {
    async fn what_one_has_removed_does_not_exist_for_them(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let elsewhere = world.group(&bob, &[&ada]).await.id;
        let said = send(&world, &ada, chat, json!({"content": "of ada", "mentions": [bob.id]})).await.id;
        let quote = send(&world, &ada, chat, json!({"content": "quoting", "reply_to": said})).await.id;
        let answer = send(&world, &ada, chat, json!({"content": "answering", "thread_of": said})).await.id;
        let forward = of::<NewForward>(json!({"chat_ids": [elsewhere]}));
        let forwards = world.store.relations.forward(&world.ctx(&ada), said, forward).await.unwrap().into_inner();
        let copy = forwards.items[0].message.as_ref().unwrap().id;
        pin(&world, &ada, said).await;
        save(&world, &bob, said, Some("a note of mine")).await;
        world.store.relations.follow_thread(&world.ctx(&bob), said).await.unwrap();
        assert_eq!(seen(&world, &bob, copy).await.forwarded_from.unwrap().chat_id, Some(chat));
        world.changes().await;

        remove(&world, &bob, chat, &[said]).await;
        let told = world.changes().await;
        let [only] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&*only.name, only.topic), ("message.removed", Topic::user(bob.id)), "only his own devices");
        let data: serde_json::Value = serde_json::from_str(only.data.get()).unwrap();
        assert_eq!(data, json!({"chat_id": chat, "ids": [said]}));
        remove(&world, &bob, chat, &[said]).await;
        world.store.keeping.remove(&world.ctx(&bob), said, None).await.unwrap();
        assert!(world.changes().await.is_empty(), "again writes nothing");

        let (messaging, keeping, relations) = (&world.store.messaging, &world.store.keeping, &world.store.relations);
        let ctx = || world.ctx(&bob);
        let page = PageRequest::default;
        let emoji = || Emoji::from_text("👍").unwrap();
        assert_eq!(code(messaging.message(&ctx(), said).await), "message.unknown");
        assert_eq!(code(messaging.history(&ctx(), said, page()).await), "message.unknown");
        assert_eq!(code(messaging.reactions(&ctx(), said, None, page()).await), "message.unknown");
        assert_eq!(code(messaging.receipts(&ctx(), said, page()).await), "message.unknown");
        assert_eq!(code(messaging.react(&ctx(), said, emoji()).await), "message.unknown");
        assert_eq!(code(messaging.unreact(&ctx(), said, emoji()).await), "message.unknown");
        assert_eq!(code(messaging.delete(&ctx(), said, None).await), "message.unknown");
        assert_eq!(code(keeping.save(&ctx(), said, NewSave::default()).await), "message.unknown");
        assert_eq!(code(keeping.pin(&ctx(), said).await), "message.unknown");
        assert_eq!(code(relations.thread(&ctx(), said, Window::NEWEST, 9).await), "message.unknown");
        assert_eq!(code(relations.follow_thread(&ctx(), said).await), "message.unknown");
        let forward = of::<NewForward>(json!({"chat_ids": [elsewhere]}));
        assert_eq!(code(relations.forward(&ctx(), said, forward).await), "message.unknown");
        assert_eq!(codes(&delete_all(&world, &bob, chat, &[said]).await), ["message.unknown"]);
        let report = json!({"target": {"type": "message", "id": said}, "category": "spam"});
        assert_eq!(code(world.store.reports.report(&ctx(), of::<NewReport>(report)).await), "message.unknown");
        for named in ["reply_to", "thread_of"] {
            let new = of::<NewMessage>(json!({"content": "x", named: said}));
            assert!(matches!(messaging.send(&ctx(), chat, new).await, Err(Error::Invalid(_))), "{named}");
        }
        assert_eq!(pins(&world, &bob, chat).await, []);
        assert_eq!(saved(&world, &bob).await, []);
        world.gone(b"a note of mine").await;
        assert!(mentioned(&world, &bob, chat).await.is_empty());
        assert!(relations.threads(&ctx(), None, page()).await.unwrap().items.is_empty());
        let quoting = seen(&world, &bob, quote).await.reply_to.unwrap();
        assert_eq!((quoting.id, quoting.sender, quoting.excerpt), (said, None, None));
        assert_eq!(seen(&world, &bob, copy).await.forwarded_from.unwrap().chat_id, None);
        for (window, expected) in [
            (Window::NEWEST, vec![3, 2]),
            (Window::Before(2), vec![]),
            (Window::After(0), vec![2, 3]),
            (Window::Around(1), vec![2, 3]),
        ] {
            assert_eq!(seqs(&world, &bob, chat, window, 9).await, expected, "{window:?}");
        }
        let chat_now = shown(&world, &bob, chat).await;
        assert_eq!((chat_now.unread_count, chat_now.mention_count, chat_now.last_seq), (2, 0, 3));

        // For everybody else nothing has changed.
        assert_eq!(seqs(&world, &ada, chat, Window::After(0), 9).await, [1, 2, 3]);
        assert_eq!(pins(&world, &ada, chat).await, [said]);
        let edited = of::<MessagePatch>(json!({"content": "again"}));
        let edited = messaging.edit(&world.ctx(&ada), said, None, edited).await.unwrap();
        assert_eq!(edited.mentions, [bob.id], "she does not learn of it");
        assert_eq!(world.names().await, ["message.updated"]);
        assert_eq!(shown(&world, &bob, chat).await.mention_count, 0);
        // What is in the thread stays in the chat, and its root is not followed again.
        remove(&world, &bob, chat, &[answer]).await;
        assert_eq!(seen(&world, &ada, said).await.thread.unwrap().count, 1);
    }

    async fn pages_are_full_and_continue(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut ids = Vec::new();
        for n in 1..=60 {
            ids.push(world.say(&ada, chat, &n.to_string()).await.id);
        }
        let gone = [2, 3, 20, 55, 60];
        remove(&world, &bob, chat, &gone.map(|seq: usize| ids[seq - 1])).await;
        let kept: Vec<i64> = (1..=60).filter(|seq| !gone.contains(&(*seq as usize))).collect();
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 50).await.unwrap();
        assert_eq!((page.items.len(), page.next_cursor.as_deref()), (50, Some("before.8")));
        let newest: Vec<i64> = kept.iter().rev().copied().collect();
        let found: Vec<i64> = page.items.iter().map(|message| message.seq).collect();
        assert_eq!(found, newest[..50]);
        assert_eq!(seqs(&world, &bob, chat, Window::Before(8), 50).await, newest[50..]);
        assert_eq!(seqs(&world, &bob, chat, Window::After(1), 3).await, [4, 5, 6]);
        assert_eq!(seqs(&world, &bob, chat, Window::Around(20), 4).await, [18, 19, 21, 22]);
        assert_eq!(seqs(&world, &ada, chat, Window::NEWEST, 50).await[0], 60);
    }

    async fn counts_stay_exact(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut ids = Vec::new();
        for (who, text) in [(&ada, "@bob 1"), (&bob, "2"), (&ada, "@bob 3"), (&ada, "4"), (&ada, "@bob 5")] {
            ids.push(world.say(who, chat, text).await.id);
        }
        let patch = of::<clowder_messaging::chats::ChatPatch>(json!({"title": "Tea"}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch).await.unwrap();
        let system = shown(&world, &bob, chat).await.last_message.unwrap().id;
        let counts = async || {
            let chat = shown(&world, &bob, chat).await;
            (chat.unread_count, chat.mention_count)
        };
        assert_eq!(counts().await, (4, 3));
        // Neither his own message, nor one of the system, nor one that is removed again counts.
        remove(&world, &bob, chat, &[ids[0], ids[1], system]).await;
        remove(&world, &bob, chat, &[ids[0]]).await;
        assert_eq!((counts().await, mentioned(&world, &bob, chat).await), ((3, 2), vec![5, 3]));
        // Deleted for all beside it, it counts once.
        world.store.messaging.delete(&world.ctx(&ada), ids[0], None).await.unwrap();
        assert_eq!(counts().await, (3, 2));
        world.store.messaging.delete(&world.ctx(&ada), ids[2], None).await.unwrap();
        remove(&world, &bob, chat, &[ids[2]]).await;
        assert_eq!((counts().await, mentioned(&world, &bob, chat).await), ((2, 1), vec![5]));
        world.store.messaging.read(&world.ctx(&bob), chat, NewRead { seq: 4 }).await.unwrap();
        assert_eq!(counts().await, (1, 1));
        remove(&world, &bob, chat, &[ids[4]]).await;
        assert_eq!(counts().await, (0, 0));
        assert_eq!(shown(&world, &ada, chat).await.unread_count, 1);
        let other = world.another_node().await;
        assert_eq!(other.messaging.chat(&world.ctx(&bob), chat).await.unwrap().unread_count, 0, "on every device");
    }

    async fn the_last_message_is_the_last_that_one_sees(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let one = world.say(&ada, chat, "one").await.id;
        let two = world.say(&bob, chat, "two").await.id;
        let three = send(&world, &ada, chat, json!({"content": "three", "reply_to": two})).await.id;
        assert_eq!((last(&world, &ada, chat).await, last(&world, &bob, chat).await), (Some(3), Some(3)));
        remove(&world, &bob, chat, &[three]).await;
        assert_eq!((last(&world, &ada, chat).await, last(&world, &bob, chat).await), (Some(3), Some(2)));
        remove(&world, &bob, chat, &[two, one]).await;
        assert_eq!((last(&world, &ada, chat).await, last(&world, &bob, chat).await), (Some(3), None));
        world.say(&ada, chat, "four").await;
        assert_eq!((last(&world, &ada, chat).await, last(&world, &bob, chat).await), (Some(4), Some(4)));
        let five = send(&world, &ada, chat, json!({"content": "five", "reply_to": two})).await.id;
        let quoted = shown(&world, &bob, chat).await.last_message.unwrap().reply_to.unwrap();
        assert_eq!((quoted.id, quoted.excerpt), (two, None));
        let quoted = shown(&world, &ada, chat).await.last_message.unwrap().reply_to.unwrap();
        assert_eq!(quoted.excerpt.as_deref(), Some("two"));
        remove(&world, &ada, chat, &[five]).await;
        assert_eq!((last(&world, &ada, chat).await, last(&world, &bob, chat).await), (Some(4), Some(5)));
    }

    async fn only_what_one_sees_can_be_removed(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let new = json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"});
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), of::<NewChat>(new)).await.unwrap().into_inner().id;
        let early = world.say(&ada, chat, "early").await.id;
        let add = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, add).await.unwrap();
        let late = world.say(&bob, chat, "late").await.id;
        let other = world.group(&ada, &[&eve]).await.id;
        let other = world.say(&ada, other, "elsewhere").await.id;
        let keeping = &world.store.keeping;
        let outcomes = try_remove(&world, &eve, chat, &[early, late, other, late]).await.unwrap();
        let codes: Vec<_> = outcomes.iter().map(|one| one.problem.as_ref().map_or("", |problem| &*problem.code)).collect();
        assert_eq!(codes, ["message.unknown", "", "message.unknown"]);
        assert_eq!(code(keeping.remove(&world.ctx(&eve), early, None).await), "message.unknown");
        let kim = world.person("kim").await;
        assert_eq!(code(keeping.remove(&world.ctx(&kim), late, None).await), "message.unknown");
        assert_eq!(code(try_remove(&world, &kim, chat, &[late]).await), "chat.unknown");
        assert_eq!(code(keeping.clear_chat(&world.ctx(&kim), chat).await), "chat.unknown");
        let version = |version: i64| Some(Versions::from(version));
        assert_eq!(code(keeping.remove(&world.ctx(&bob), late, version(7)).await), "message.stale");
        keeping.remove(&world.ctx(&bob), late, version(1)).await.unwrap();
        assert_eq!(code(world.store.messaging.message(&world.ctx(&bob), late).await), "message.unknown");
        // What is deleted, or said in a closed chat, can be removed, too.
        let private = of::<NewChat>(json!({"type": "private", "participant_ids": [bob.id]}));
        let private = world.store.messaging.create_chat(&world.ctx(&ada), private).await.unwrap().into_inner().id;
        let (one, two) = (world.say(&ada, private, "one").await.id, world.say(&bob, private, "two").await.id);
        world.store.messaging.delete(&world.ctx(&ada), one, None).await.unwrap();
        world.store.blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        remove(&world, &bob, private, &[one, two]).await;
        assert!(seqs(&world, &bob, private, Window::NEWEST, 9).await.is_empty());
        assert_eq!(seqs(&world, &ada, private, Window::NEWEST, 9).await, [2, 1]);
    }

    async fn a_repeated_send_finds_what_its_sender_has_removed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let first = world.try_say(&ada, chat, "once", Some("c")).await.unwrap().into_inner();
        remove(&world, &ada, chat, &[first.id]).await;
        let again = world.try_say(&ada, chat, "once", Some("c")).await.unwrap();
        assert!(matches!(again, clowder_core::Made::Found(found) if found.id == first.id && found.content == first.content));
        assert_eq!(seqs(&world, &bob, chat, Window::NEWEST, 9).await, [1]);
    }

    async fn one_person_removes_so_many(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chat, left) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id);
        let mut ids = Vec::new();
        for text in ["one", "two", "three"] {
            ids.push(world.say(&ada, chat, text).await.id);
        }
        let there = world.say(&ada, left, "there").await.id;
        remove(&world, &bob, left, &[there]).await;
        let (of_chat, user, series, id) = if world.is_postgres() {
            (format!("'{chat}'"), format!("'{}'", bob.id), "generate_series(1, 9998) AS s(n)", "gen_random_uuid()")
        } else {
            (
                format!("x'{}'", chat.uuid().simple()),
                format!("x'{}'", bob.id.uuid().simple()),
                "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 9998) SELECT n FROM s) s",
                "randomblob(16)",
            )
        };
        world.batch(&format!(
            "INSERT INTO messages (id, chat_id, seq, type, sender_id, created_at, version)
               SELECT {id}, m.chat_id, s.n + 3, 'text', m.sender_id, m.created_at, 1
               FROM {series} CROSS JOIN messages m WHERE m.chat_id = {of_chat} AND m.seq = 3;
             UPDATE chats SET last_seq = 10001 WHERE id = {of_chat};
             INSERT INTO removed_messages (chat_id, seq, user_id) SELECT {of_chat}, s.n + 3, {user} FROM {series};
             UPDATE participants SET removed_count = 9998 WHERE chat_id = {of_chat} AND user_id = {user};"
        ));
        assert_eq!(last(&world, &bob, chat).await, Some(3));
        assert_eq!(code(try_remove(&world, &bob, chat, &ids).await), "message.removals", "all or none");
        assert_eq!(seqs(&world, &bob, chat, Window::NEWEST, 9).await, [3, 2, 1]);
        remove(&world, &bob, chat, &ids[..1]).await;
        assert_eq!(code(world.store.keeping.remove(&world.ctx(&bob), ids[1], None).await), "message.removals");
        remove(&world, &bob, chat, &ids[..1]).await;
        // What he has removed in a chat that he has left makes room, and so does clearing a chat.
        world.store.participants.remove(&world.ctx(&bob), left, bob.id).await.unwrap();
        remove(&world, &bob, chat, &ids[1..2]).await;
        assert_eq!(code(try_remove(&world, &bob, chat, &ids[2..]).await), "message.removals");
        world.store.keeping.clear_chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!(world.meddle("UPDATE removed_messages SET seq = seq").unwrap(), 0);
        let new = world.say(&ada, chat, "new").await.id;
        remove(&world, &bob, chat, &[new]).await;
    }

    async fn it_goes_with_the_person_and_with_the_chat(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let (one, two) = (world.say(&ada, chat, "one").await.id, world.say(&ada, chat, "two").await.id);
        remove(&world, &bob, chat, &[one, two]).await;
        remove(&world, &eve, chat, &[one]).await;
        let rows = || world.meddle("UPDATE removed_messages SET seq = seq").unwrap();
        assert_eq!(rows(), 3);
        world.store.privacy.erase_user(&system(&world), eve.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(rows(), 2);
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(rows(), 0);
    }

    async fn removing_beside_senders_readers_and_deletions_keeps_the_counts(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut gone = 0;
        for round in 0..8 {
            let mut ids = Vec::new();
            for _ in 0..4 {
                ids.push(world.say(&ada, chat, "x").await.id);
            }
            let seq = round * 5 + 1;
            let ctx = world.ctx(&bob);
            let read = world.store.messaging.read(&ctx, chat, NewRead { seq });
            let (first, second, ..) = tokio::join!(
                try_remove(&world, &bob, chat, &ids[..2]),
                try_remove(&world, &bob, chat, &ids[1..3]),
                delete_all(&world, &ada, chat, &ids[2..]),
                async { read.await.unwrap() },
                world.say(&ada, chat, "stays"),
            );
            assert!(first.is_ok() && second.is_ok());
            gone += 3;
        }
        let mark = shown(&world, &bob, chat).await.read_seq;
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::After(0), 200).await.unwrap().items;
        assert_eq!(page.len(), 40 - gone);
        let unread = page.iter().filter(|message| message.seq > mark && message.deleted_at.is_none()).count();
        assert_eq!(shown(&world, &bob, chat).await.unread_count, unread as i64);
    }
}
