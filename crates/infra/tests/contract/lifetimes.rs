//! The guarantees of `Lifetimes`.

pub mod domain;

use std::time::Duration;

use clowder_core::{Actor, ChatId, Ctx, Error, PageRequest, Topic};
use clowder_messaging::{
    CHAT, ChatFilter, Emoji, Lifetime, Message, MessagePatch, NewChat, NewMessage, NewRead, SystemAction, Window,
    chats::ChatPatch,
    lifetimes::{NewLifetime, port::PIECE},
};
use clowder_social::NewBlock;
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn say(world: &World, who: &Person, chat: ChatId, text: &str, lifetime: Value) -> Message {
    let new = of::<NewMessage>(json!({"content": text, "lifetime": lifetime}));
    world.store.messaging.send(&world.ctx(who), chat, new).await.unwrap().into_inner()
}

async fn expire(world: &World) -> usize {
    world.store.lifetimes.expire(&Ctx::new(Actor::System, world.now(), "timers")).await.unwrap()
}

fn seconds(seconds: i64) -> Value {
    json!({"seconds": seconds})
}

fn new(lifetime: Value) -> NewLifetime {
    of::<NewLifetime>(json!({"lifetime": lifetime}))
}

async fn read(world: &World, who: &Person, chat: ChatId, seq: i64) {
    world.store.messaging.read(&world.ctx(who), chat, of::<NewRead>(json!({"seq": seq}))).await.unwrap();
}

on_both! {
    async fn a_chat_says_how_long_its_messages_stay(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let before = world.say(&bob, chat, "stays").await;
        world.names().await;
        let lifetimes = &world.store.lifetimes;
        let set = lifetimes.set_lifetime(&world.ctx(&ada), chat, Some(1.into()), new(seconds(60))).await.unwrap();
        assert_eq!((set.lifetime, set.version), (Some(Lifetime::from_number(60)), 2));
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic)).collect();
        let topic = Topic::new(CHAT, chat);
        assert_eq!(told, [("chat.updated", topic), ("message.sent", topic)]);
        let face: Value = serde_json::from_str(changes[0].data.get()).unwrap();
        assert_eq!(face["lifetime"], json!({"seconds": 60, "from": "sent"}));
        let same = lifetimes.set_lifetime(&world.ctx(&ada), chat, None, new(seconds(60))).await.unwrap();
        assert_eq!(same.version, 2);
        assert!(world.names().await.is_empty());
        let stale = lifetimes.set_lifetime(&world.ctx(&ada), chat, Some(1.into()), new(json!(null))).await;
        assert!(matches!(stale, Err(Error::Stale { current: 2, .. })), "{stale:?}");
        assert_eq!(code(lifetimes.set_lifetime(&world.ctx(&bob), chat, None, new(json!(null))).await), "chat.forbidden");
        assert_eq!(code(lifetimes.set_lifetime(&world.ctx(&eve), chat, None, new(json!(null))).await), "chat.unknown");
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 1).await.unwrap();
        assert_eq!(page.items[0].system.as_ref().unwrap().action, SystemAction::LifetimeChanged);
        assert_eq!(world.store.messaging.message(&world.ctx(&bob), before.id).await.unwrap().expires_at, None);
        let after = say(&world, &bob, chat, "goes", json!(null)).await;
        assert_eq!(after.expires_at, Some(after.created_at.plus(Duration::from_secs(60))));
        let sooner = say(&world, &bob, chat, "goes sooner", seconds(10)).await;
        assert_eq!(sooner.expires_at, Some(sooner.created_at.plus(Duration::from_secs(10))));
        let no_later = say(&world, &bob, chat, "goes no later", seconds(600)).await;
        assert_eq!(no_later.expires_at, Some(no_later.created_at.plus(Duration::from_secs(60))));
        // Both people of a private chat decide.
        let private = of::<NewChat>(json!({"type": "private", "participant_ids": [bob.id]}));
        let private = world.store.messaging.create_chat(&world.ctx(&ada), private).await.unwrap().into_inner().id;
        lifetimes.set_lifetime(&world.ctx(&bob), private, None, new(json!({"seconds": 9, "from": "read"}))).await.unwrap();
        world.changes().await;
    }

    async fn what_is_over_is_gone_everywhere(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let said = say(&world, &ada, chat, "zqmoment", seconds(60)).await;
        let patch = || of::<MessagePatch>(json!({"content": "zqlonger"}));
        world.store.messaging.edit(&world.ctx(&ada), said.id, None, patch()).await.unwrap();
        let keeps = world.say(&ada, chat, "keeps").await;
        world.names().await;
        assert_eq!(expire(&world).await, 0);
        world.wait(Duration::from_secs(60));
        // At once for whoever looks, before anything is deleted.
        let messaging = &world.store.messaging;
        for who in [&ada, &bob] {
            let page = messaging.messages(&world.ctx(who), chat, Window::After(0), 9).await.unwrap().items;
            let texts: Vec<_> = page.iter().map(|message| message.content.as_deref()).collect();
            assert_eq!(texts, [None, Some("keeps")]);
            assert!(messaging.message(&world.ctx(who), said.id).await.unwrap().content.is_none());
            let history = messaging.history(&world.ctx(who), said.id, PageRequest::default()).await.unwrap();
            assert!(history.items.is_empty());
        }
        assert_eq!(code(messaging.edit(&world.ctx(&ada), said.id, None, patch()).await), "message.deleted");
        assert!(world.names().await.is_empty());
        assert_eq!(expire(&world).await, 1);
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic, change.actor)).collect();
        assert_eq!(told, [("message.deleted", Topic::new(CHAT, chat), None)]);
        let told: Value = serde_json::from_str(changes[0].data.get()).unwrap();
        assert_eq!((&told["message_id"], &told["deleted_by"]), (&json!(said.id), &json!(ada.id)));
        assert_eq!(told["deleted_at"], json!(said.expires_at));
        let gone = messaging.message(&world.ctx(&bob), said.id).await.unwrap();
        assert_eq!((gone.content, gone.deleted_at, gone.version), (None, said.expires_at, 3));
        world.gone(b"zqmoment").await;
        world.gone(b"zqlonger").await;
        assert_eq!(expire(&world).await, 0);
        let page = PageRequest { limit: 9, cursor: None };
        let chats = messaging.chats(&world.ctx(&bob), ChatFilter::default(), page).await.unwrap().items;
        assert_eq!((chats[0].unread_count, chats[0].last_message.as_ref().unwrap().id), (1, keeps.id));
    }

    async fn reactions_go_with_what_is_over(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let said = [
            say(&world, &ada, chat, "one", seconds(60)).await,
            say(&world, &ada, chat, "two", seconds(60)).await,
            world.say(&ada, chat, "keeps").await,
        ];
        let messaging = &world.store.messaging;
        let heart = || Emoji::from_text("❤️").unwrap();
        for message in &said {
            for who in [&bob, &eve] {
                messaging.react(&world.ctx(who), message.id, heart()).await.unwrap();
            }
        }
        world.wait(Duration::from_secs(60));
        world.names().await;
        // At once for whoever looks, and just as well once the messages are deleted.
        for handled in [2, 0] {
            let page = messaging.messages(&world.ctx(&bob), chat, Window::After(0), 9).await.unwrap().items;
            let counts: Vec<_> = page.iter().map(|message| message.reactions.first().map(|it| it.count)).collect();
            assert_eq!(counts, [None, None, Some(2)]);
            let who = messaging.reactions(&world.ctx(&bob), said[0].id, None, PageRequest::default()).await.unwrap();
            assert!(who.items.is_empty());
            assert_eq!(code(messaging.react(&world.ctx(&ada), said[0].id, heart()).await), "message.deleted");
            assert_eq!(code(messaging.react(&world.ctx(&bob), said[0].id, heart()).await), "message.deleted");
            assert_eq!(messaging.unreact(&world.ctx(&bob), said[0].id, heart()).await.unwrap().count, 0);
            assert!(world.names().await.is_empty());
            assert_eq!(expire(&world).await, handled);
            let told = world.names().await;
            assert_eq!(told, vec!["message.deleted"; handled]);
        }
        let who = messaging.reactions(&world.ctx(&ada), said[2].id, None, PageRequest::default()).await.unwrap();
        assert_eq!(who.items.len(), 2);
    }

    async fn nobody_keeps_a_message_by_hiding_that_it_is_read(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let patch = of(json!({"privacy": {"read_receipts": false}}));
        world.store.preferences.edit_settings(&world.ctx(&bob), None, patch).await.unwrap();
        let chat = world.group(&ada, &[&bob]).await.id;
        let said = say(&world, &ada, chat, "zqfirst", json!({"seconds": 60, "from": "read"})).await;
        read(&world, &bob, chat, said.seq).await;
        assert_eq!(expire(&world).await, 0);
        world.wait(Duration::from_secs(60 + 30 * 24 * 3600 - 1));
        assert_eq!(expire(&world).await, 0);
        world.wait(Duration::from_secs(1));
        assert_eq!(expire(&world).await, 1);
        let seen = world.store.messaging.message(&world.ctx(&bob), said.id).await.unwrap();
        assert_eq!((seen.content, seen.deleted_at), (None, said.expires_at));
    }

    async fn the_time_begins_when_all_others_have_read(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let from_read = || json!({"seconds": 60, "from": "read"});
        let first = say(&world, &ada, chat, "zqfirst", from_read()).await;
        let second = say(&world, &bob, chat, "zqsecond", from_read()).await;
        // Known from the start is when it ends at the latest.
        let unread = first.created_at.plus(Duration::from_secs(60 + 30 * 24 * 3600));
        assert_eq!((first.expires_at, first.lifetime), (Some(unread), Some(Lifetime::from_number(-60))));
        world.names().await;
        read(&world, &bob, chat, 2).await;
        assert_eq!(expire(&world).await, 0, "eve has not read it");
        read(&world, &eve, chat, 1).await;
        world.names().await;
        let read_by_all = Ctx::new(Actor::System, world.now(), "timers");
        assert_eq!(world.store.lifetimes.expire(&read_by_all).await.unwrap(), 1);
        let changes = world.changes().await;
        assert_eq!(changes.iter().map(|change| &*change.name).collect::<Vec<_>>(), ["message.expiring"]);
        let told: Value = serde_json::from_str(changes[0].data.get()).unwrap();
        let end = read_by_all.now.plus(Duration::from_secs(60));
        assert_eq!((&told["message_id"], &told["expires_at"]), (&json!(first.id), &json!(end)));
        assert_eq!(world.store.messaging.message(&world.ctx(&bob), first.id).await.unwrap().expires_at, Some(end));
        // Whoever has not read the other one leaves, and with them nobody is left who has not.
        read(&world, &ada, chat, 2).await;
        assert_eq!(expire(&world).await, 0);
        world.store.participants.remove(&world.ctx(&ada), chat, eve.id).await.unwrap();
        world.names().await;
        assert_eq!(expire(&world).await, 1);
        assert_eq!(world.names().await, ["message.expiring"]);
        world.wait(Duration::from_secs(60));
        assert_eq!(expire(&world).await, 2);
        assert_eq!(world.names().await, ["message.deleted", "message.deleted"]);
        for message in [first.id, second.id] {
            assert!(world.store.messaging.message(&world.ctx(&bob), message).await.unwrap().deleted_at.is_some());
        }
        world.gone(b"zqfirst").await;
    }

    async fn what_a_block_hides_begins_no_time(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let from_read = || json!({"seconds": 60, "from": "read"});
        let before = say(&world, &bob, chat, "before", from_read()).await;
        read(&world, &ada, chat, before.seq).await;
        world.wait(Duration::from_secs(1));
        world.store.blocks.block(&world.ctx(&ada), bob.id, of::<NewBlock>(json!({}))).await.unwrap();
        world.wait(Duration::from_secs(1));
        let [his, hers] = [say(&world, &bob, chat, "his", from_read()).await, say(&world, &ada, chat, "hers", from_read()).await];
        let others = say(&world, &eve, chat, "eve's", from_read()).await;
        for person in [&ada, &bob, &eve] {
            read(&world, person, chat, others.seq).await;
        }
        world.changes().await;
        let begun = async || {
            expire(&world).await;
            let told = world.changes().await.into_iter().filter(|change| &*change.name == "message.expiring");
            let id = |data: &str| serde_json::from_str::<Value>(data).unwrap()["message_id"].clone();
            told.map(|change| id(change.data.get())).collect::<Vec<_>>()
        };
        // Whoever is blocked, or blocks, does not learn that the other one has read: not of what was sent since.
        assert_eq!(begun().await, [json!(before.id), json!(others.id)]);
        let seen = world.store.messaging.message(&world.ctx(&bob), his.id).await.unwrap();
        assert_eq!((seen.expires_at, his.status), (his.expires_at, seen.status));
        world.store.blocks.block(&world.ctx(&bob), ada.id, of::<NewBlock>(json!({}))).await.unwrap();
        world.store.blocks.unblock(&world.ctx(&ada), bob.id).await.unwrap();
        assert!(begun().await.is_empty(), "the other one has a block, too");
        world.store.blocks.unblock(&world.ctx(&bob), ada.id).await.unwrap();
        // Nothing more has to be read for that which was hidden.
        assert_eq!(begun().await, [json!(his.id), json!(hers.id)]);
        let last = say(&world, &eve, chat, "last", from_read()).await;
        for person in [&ada, &bob] {
            read(&world, person, chat, last.seq).await;
        }
        assert_eq!(begun().await, [json!(last.id)]);
    }

    async fn what_ends_first_counts_of_chat_and_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let lifetimes = &world.store.lifetimes;
        let patch = of::<ChatPatch>(json!({"lifetime": {"seconds": 600}}));
        let set = world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch).await.unwrap();
        assert_eq!((set.lifetime, set.version), (Some(Lifetime::from_number(600)), 2));
        let after_reading = || json!({"seconds": 60, "from": "read"});
        let code = say(&world, &ada, chat, "zqcode", after_reading()).await;
        let unread = say(&world, &bob, chat, "zqunread", after_reading()).await;
        let at_most = |message: &Message| Some(message.created_at.plus(Duration::from_secs(600)));
        for message in [&code, &unread] {
            assert_eq!((message.lifetime, message.expires_at), (Some(Lifetime::from_number(-60)), at_most(message)));
        }
        world.names().await;
        read(&world, &bob, chat, code.seq).await;
        world.names().await;
        let read_by_all = Ctx::new(Actor::System, world.now(), "timers");
        assert_eq!(lifetimes.expire(&read_by_all).await.unwrap(), 1);
        assert_eq!(world.names().await, ["message.expiring"]);
        let end = read_by_all.now.plus(Duration::from_secs(60));
        let seen = async |id| world.store.messaging.message(&world.ctx(&ada), id).await.unwrap();
        assert_eq!((seen(code.id).await.expires_at, seen(unread.id).await.expires_at), (Some(end), at_most(&unread)));
        assert_eq!(expire(&world).await, 0, "it has begun");
        world.wait(Duration::from_secs(60));
        assert_eq!(expire(&world).await, 1);
        assert!(seen(code.id).await.deleted_at.is_some() && seen(unread.id).await.deleted_at.is_none());
        // What is read shortly before its end goes at its end, not later.
        world.wait(Duration::from_secs(520));
        read(&world, &ada, chat, unread.seq).await;
        assert_eq!(expire(&world).await, 1);
        assert_eq!(seen(unread.id).await.expires_at, at_most(&unread));
        world.wait(Duration::from_secs(20));
        assert_eq!(expire(&world).await, 1);
        assert!(seen(unread.id).await.deleted_at.is_some());
        // The same the other way round.
        lifetimes.set_lifetime(&world.ctx(&ada), chat, None, new(after_reading())).await.unwrap();
        let soon = say(&world, &ada, chat, "zqsoon", seconds(600)).await;
        assert_eq!((soon.lifetime, soon.expires_at), (Some(Lifetime::from_number(-60)), at_most(&soon)));
    }

    async fn nobody_waits_for_whoever_is_gone(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let from_read = || json!({"seconds": 60, "from": "read"});
        let chat = world.group(&ada, &[&bob]).await.id;
        let said = say(&world, &ada, chat, "zqgroup", from_read()).await;
        assert_eq!(expire(&world).await, 0, "bob has not read it");
        world.store.participants.remove(&world.ctx(&ada), chat, bob.id).await.unwrap();
        assert_eq!(expire(&world).await, 1, "nobody else is left");
        let private = of::<NewChat>(json!({"type": "private", "participant_ids": [eve.id]}));
        let private = world.store.messaging.create_chat(&world.ctx(&ada), private).await.unwrap().into_inner().id;
        let other = say(&world, &ada, private, "zqprivate", from_read()).await;
        assert_eq!(expire(&world).await, 0, "eve has not read it");
        world.store.privacy.erase_user(&system(&world), eve.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(expire(&world).await, 1, "eve will never read it");
        world.wait(Duration::from_secs(60));
        assert_eq!(expire(&world).await, 2);
        // What is said when they are gone already.
        let late = [say(&world, &ada, chat, "late", from_read()).await, say(&world, &ada, private, "late", from_read()).await];
        assert_eq!(expire(&world).await, 2, "nobody is left who could read it");
        world.wait(Duration::from_secs(60));
        assert_eq!(expire(&world).await, 2);
        for message in [said.id, other.id, late[0].id, late[1].id] {
            assert!(world.store.messaging.message(&world.ctx(&ada), message).await.unwrap().deleted_at.is_some());
        }
        world.changes().await;
    }

    async fn nobody_waits_for_marks_that_nobody_sees(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        world.meddle("UPDATE chats SET participant_count = 257").unwrap();
        let said = say(&world, &ada, chat, "hello", json!({"seconds": 60, "from": "read"})).await;
        assert_eq!(said.expires_at, Some(said.created_at.plus(Duration::from_secs(60))));
        world.meddle("UPDATE chats SET participant_count = 1").unwrap();
    }

    async fn many_go_in_pieces(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut chats = Vec::new();
        for _ in 0..3 {
            chats.push(world.group(&ada, &[&bob]).await.id);
        }
        let many = PIECE + 40;
        let sends = (0..many).map(|place| say(&world, &ada, chats[place % chats.len()], "for a moment", seconds(5)));
        futures_util::future::join_all(sends).await;
        world.names().await;
        world.wait(Duration::from_secs(5));
        let mut gone = 0;
        loop {
            let some = expire(&world).await;
            gone += some;
            if some < PIECE {
                break;
            }
        }
        assert_eq!(gone, many);
        assert_eq!(world.names().await.len(), many);
        for chat in chats {
            let chat = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
            assert_eq!((chat.unread_count, chat.last_message.unwrap().content), (0, None));
        }
        world.gone(b"for a moment").await;
    }

    async fn several_nodes_do_not_do_it_twice(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (one, two) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id);
        say(&world, &ada, one, "first", seconds(5)).await;
        say(&world, &ada, two, "second", seconds(5)).await;
        world.names().await;
        world.wait(Duration::from_secs(5));
        let other = world.another_node().await;
        let ctx = Ctx::new(Actor::System, world.now(), "timers");
        let (a, b) = tokio::join!(world.store.lifetimes.expire(&ctx), other.lifetimes.expire(&ctx));
        assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
        while expire(&world).await > 0 {}
        assert_eq!(world.names().await, ["message.deleted", "message.deleted"]);
    }
}
