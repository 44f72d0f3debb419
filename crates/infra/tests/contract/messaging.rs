//! The guarantees of `Messaging`, except sending under load.

mod attachments;
pub mod domain;
mod mentions;
mod previews;
mod reactions;
mod receipts;
mod unread;

use std::sync::Arc;

use clowder_core::{Ctx, IdempotencyKey, Input, Made, PageRequest};
use clowder_infra::DatabaseUrl;
use clowder_messaging::{
    ChatFilter, ChatType, Lifetime, MessagePatch, NewChat, NewRead, Rights, Status, Window, lifetimes::LifetimeFrom,
    read::Onlookers,
};
use serde_json::json;

use crate::{
    asked,
    world::{World, code, on_both},
};

fn private(with: clowder_core::UserId) -> NewChat {
    NewChat::from_json(json!({"type": "private", "participant_ids": [with]})).unwrap()
}

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { limit, cursor }
}

on_both! {
    async fn a_pair_has_one_private_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let messaging = &world.store.messaging;
        let Made::New(chat) = messaging.create_chat(&world.ctx(&ada), private(bob.id)).await.unwrap() else {
            panic!("must be new")
        };
        assert_eq!(chat.peer.as_ref().map(|peer| peer.id), Some(bob.id));
        for (one, other) in [(&ada, &bob), (&bob, &ada)] {
            assert_eq!(world.store.journal.others(one.id).await.unwrap().watched, [other.id], "they hear of each other");
        }
        let told = world.changes().await;
        assert_eq!(told.iter().map(|c| (&*c.name, c.topic)).collect::<Vec<_>>(), [
            ("chat.created", clowder_core::Topic::user(ada.id)),
            ("chat.created", clowder_core::Topic::user(bob.id)),
        ]);
        let Made::Found(same) = messaging.create_chat(&world.ctx(&bob), private(ada.id)).await.unwrap() else {
            panic!("must be found")
        };
        assert_eq!((same.id, same.peer.map(|peer| peer.id)), (chat.id, Some(ada.id)));
        assert!(world.names().await.is_empty());
    }

    async fn a_pair_that_starts_at_once_has_one_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (ada, bob) = (std::sync::Arc::new(ada), std::sync::Arc::new(bob));
        let tries: Vec<_> = (0..10)
            .map(|n| {
                let (world, ada, bob) = (world.clone(), ada.clone(), bob.clone());
                tokio::spawn(async move {
                    let (who, with) = if n % 2 == 0 { (&ada, &bob) } else { (&bob, &ada) };
                    world.store.messaging.create_chat(&world.ctx(who), private(with.id)).await.unwrap()
                })
            })
            .collect();
        let mut ids = std::collections::HashSet::new();
        let mut new = 0;
        for made in tries {
            let made = made.await.unwrap();
            new += usize::from(matches!(made, Made::New(_)));
            ids.insert(made.into_inner().id);
        }
        assert_eq!((ids.len(), new), (1, 1));
    }

    async fn what_one_does_not_take_part_in_does_not_exist(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let message = world.say(&ada, chat.id, "hello").await;
        let messaging = &world.store.messaging;
        let eve_ctx = world.ctx(&eve);
        assert_eq!(code(messaging.chat(&eve_ctx, chat.id).await), "chat.unknown");
        assert_eq!(code(messaging.messages(&eve_ctx, chat.id, Window::NEWEST, 5).await), "chat.unknown");
        assert_eq!(code(world.try_say(&eve, chat.id, "hi", None).await), "chat.unknown");
        assert_eq!(code(messaging.read(&eve_ctx, chat.id, NewRead { seq: 1 }).await), "chat.unknown");
        assert_eq!(code(messaging.message(&eve_ctx, message.id).await), "message.unknown");
        assert_eq!(code(messaging.history(&eve_ctx, message.id, PageRequest::default()).await), "message.unknown");
        let patch = MessagePatch::from_json(json!({"content": "x"})).unwrap();
        assert_eq!(code(messaging.edit(&eve_ctx, message.id, None, patch).await), "message.unknown");
        assert_eq!(code(messaging.delete(&eve_ctx, message.id, None).await), "message.unknown");
        assert!(messaging.chats(&eve_ctx, ChatFilter::default(), page(9, None)).await.unwrap().items.is_empty());
        let now = world.store.journal.extent().await.unwrap().heads;
        let followed = async |user| world.store.journal.followed(user, now.clone()).await.unwrap();
        assert!(followed(eve.id).await.is_empty());
        assert_eq!(followed(bob.id).await, [clowder_core::Topic::new(clowder_messaging::CHAT, chat.id).into()]);
    }

    async fn pages_go_back_and_forth_and_around(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for n in 1..=10 {
            assert_eq!(world.say(&ada, chat, &format!("message {n}")).await.seq, n);
        }
        let ctx = world.ctx(&bob);
        let seqs = async |window, limit| {
            let page = world.store.messaging.messages(&ctx, chat, window, limit).await.unwrap();
            (page.items.iter().map(|m| m.seq).collect::<Vec<_>>(), page.next_cursor)
        };
        assert_eq!(seqs(Window::NEWEST, 3).await, (vec![10, 9, 8], Some("before.8".into())));
        assert_eq!(seqs(Window::Before(3), 3).await, (vec![2, 1], None));
        assert_eq!(seqs(Window::After(0), 3).await, (vec![1, 2, 3], Some("after.3".into())));
        assert_eq!(seqs(Window::After(8), 3).await, (vec![9, 10], None));
        assert_eq!(seqs(Window::Around(5), 4).await, (vec![3, 4, 5, 6], Some("after.6".into())));
        assert_eq!(seqs(Window::Around(1), 4).await, (vec![1, 2, 3, 4], Some("after.4".into())));
        assert_eq!(seqs(Window::After(10), 3).await, (vec![], None));
    }

    async fn a_text_may_be_a_word_of_the_server(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        for word in ["private", "member", "accepted", "everyone"] {
            let said = world.say(&ada, chat, word).await.id;
            world.store.messaging.delete(&world.ctx(&ada), said, None).await.unwrap();
        }
    }

    async fn editing_keeps_history_and_deleting_leaves_no_text(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&bob, chat, "first-secret").await;
        world.names().await;
        let messaging = &world.store.messaging;
        let patch = |text: &str| MessagePatch::from_json(json!({"content": text})).unwrap();
        let edited = messaging.edit(&world.ctx(&bob), message.id, Some(1.into()), patch("second-secret")).await.unwrap();
        assert_eq!((edited.version, edited.content.as_deref(), edited.seq), (2, Some("second-secret"), 1));
        assert_eq!(world.names().await, ["message.updated"]);
        assert_eq!(messaging.message(&world.ctx(&ada), message.id).await.unwrap(), edited);
        let same = messaging.edit(&world.ctx(&bob), message.id, None, patch("second-secret")).await.unwrap();
        assert_eq!(same.version, 2, "an edit that changes nothing is none");
        assert!(world.names().await.is_empty());
        let stale = messaging.edit(&world.ctx(&bob), message.id, Some(1.into()), patch("x")).await;
        assert_eq!(code(stale), "message.stale");
        assert_eq!(code(messaging.edit(&world.ctx(&ada), message.id, None, patch("x")).await), "message.forbidden");
        let history = messaging.history(&world.ctx(&ada), message.id, PageRequest::default()).await.unwrap().items;
        assert_eq!(history.iter().map(|e| (e.version, e.content.as_str())).collect::<Vec<_>>(),
            [(1, "first-secret"), (2, "second-secret")]);

        let gone = messaging.delete(&world.ctx(&ada), message.id, None).await.unwrap();
        assert_eq!((gone.deleted_by, gone.seq), (ada.id, 1));
        assert_eq!(world.names().await, ["message.deleted"]);
        assert_eq!(messaging.delete(&world.ctx(&bob), message.id, None).await.unwrap(), gone, "twice is fine");
        let shown = messaging.message(&world.ctx(&bob), message.id).await.unwrap();
        assert_eq!((shown.content, shown.deleted_at), (None, Some(gone.deleted_at)));
        assert!(messaging.history(&world.ctx(&bob), message.id, PageRequest::default()).await.unwrap().items.is_empty());
        assert_eq!(code(messaging.edit(&world.ctx(&bob), message.id, None, patch("x")).await), "message.deleted");
        for recorded in world.everything().await {
            assert!(!recorded.data.get().contains("secret"), "{} still knows", recorded.name);
        }
    }

    async fn unread_counts_are_exact_and_marks_never_go_back(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let messaging = &world.store.messaging;
        let unread = async |who| messaging.chat(&world.ctx(who), chat).await.unwrap().unread_count;
        let mark = async |who, seq| messaging.read(&world.ctx(who), chat, NewRead { seq }).await.unwrap().seq;
        world.say(&ada, chat, "1").await;
        world.say(&bob, chat, "2").await;
        world.say(&ada, chat, "3").await;
        let fourth = world.say(&ada, chat, "4").await;
        assert_eq!((unread(&ada).await, unread(&bob).await), (1, 3));
        world.names().await;
        assert_eq!(mark(&bob, 1).await, 1);
        assert_eq!(world.names().await, ["message.read"]);
        assert_eq!(unread(&bob).await, 2, "the own second message does not count");
        assert_eq!(mark(&bob, 0).await, 1, "never back");
        assert!(world.names().await.is_empty());
        messaging.delete(&world.ctx(&ada), fourth.id, None).await.unwrap();
        assert_eq!(unread(&bob).await, 1, "what is deleted does not count");
        let first = || async { messaging.messages(&world.ctx(&ada), chat, Window::After(0), 1).await.unwrap().items };
        assert_eq!(first().await[0].status, Status::Read);
        assert_eq!(messaging.message(&world.ctx(&ada), fourth.id).await.unwrap().status, Status::Sent);
        assert_eq!(mark(&bob, 99).await, 4, "past the end is the end");
        assert_eq!((unread(&bob).await, unread(&ada).await), (0, 1));
        world.say(&bob, chat, "5").await;
        assert_eq!((unread(&bob).await, unread(&ada).await), (0, 2));
    }

    async fn the_last_message_is_read_when_all_others_have_read_it(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let chat = world.group(&ada, &[&bob, &cem]).await.id;
        let messaging = &world.store.messaging;
        let all_see = async |status| {
            for who in [&ada, &bob, &cem] {
                let last = messaging.chat(&world.ctx(who), chat).await.unwrap().last_message;
                assert_eq!(last.map(|last| last.status), status);
            }
        };
        let read = async |who| messaging.read(&world.ctx(who), chat, NewRead { seq: 99 }).await.unwrap();
        all_see(None).await;
        world.say(&ada, chat, "1").await;
        all_see(Some(Status::Sent)).await;
        read(&bob).await;
        all_see(Some(Status::Sent)).await;
        read(&cem).await;
        all_see(Some(Status::Read)).await;
        world.say(&bob, chat, "2").await;
        all_see(Some(Status::Sent)).await;
    }

    async fn the_list_is_ordered_by_activity_and_paged(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut chats = Vec::new();
        for _ in 0..5 {
            chats.push(world.group(&ada, &[&bob]).await.id);
        }
        world.say(&bob, chats[1], "newest").await;
        let list = async |filter: ChatFilter, limit, cursor| {
            world.store.messaging.chats(&world.ctx(&ada), filter, page(limit, cursor)).await.unwrap()
        };
        let first = list(ChatFilter::default(), 2, None).await;
        assert_eq!(first.items.iter().map(|c| c.id).collect::<Vec<_>>(), [chats[1], chats[4]]);
        assert_eq!(first.items[0].last_message.as_ref().and_then(|m| m.content.as_deref()), Some("newest"));
        assert_eq!((first.items[0].unread_count, first.items[1].unread_count), (1, 0));
        let second = list(ChatFilter::default(), 2, first.next_cursor).await;
        assert_eq!(second.items.iter().map(|c| c.id).collect::<Vec<_>>(), [chats[3], chats[2]]);
        let third = list(ChatFilter::default(), 2, second.next_cursor).await;
        assert_eq!((third.items.len(), third.next_cursor), (1, None));
        let unread = list(ChatFilter { unread: Some(true), ..ChatFilter::default() }, 9, None).await;
        assert_eq!(unread.items.iter().map(|c| c.id).collect::<Vec<_>>(), [chats[1]]);
        let private = ChatFilter { kind: Some(clowder_messaging::ChatType::Private), ..ChatFilter::default() };
        assert!(list(private, 9, None).await.items.is_empty());
        let wrong = world.store.messaging.chats(&world.ctx(&ada), ChatFilter::default(), page(2, Some("x".into()))).await;
        assert!(matches!(wrong, Err(clowder_core::Error::Invalid(_))));
    }

    async fn of_chats_made_at_once_no_more_than_allowed_come_into_being(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(Arc::new(world.node_with(|options| options.messaging.chats_per_person = 7).await));
        }
        let with = |id| NewChat::from_json(json!({"type": "group", "title": "x", "participant_ids": [id]})).unwrap();
        // On two nodes, each naming the other.
        let tries = (0..100).map(|n| {
            let (node, me, other) = (nodes[n / 2 % 2].clone(), [&ada, &bob][n % 2], [&bob, &ada][n % 2].id);
            let ctx = world.ctx(me);
            tokio::spawn(async move { (n % 2, node.messaging.create_chat(&ctx, with(other)).await) })
        });
        let mut made = [0, 0];
        for result in tries.collect::<Vec<_>>() {
            match result.await.unwrap() {
                (who, Ok(_)) => made[who] += 1,
                (_, refused) => assert_eq!(code(refused), "chat.limit"),
            }
        }
        assert_eq!(made, [7, 7]);

        // Being added does not count as creating, and finding an existing private chat neither.
        let messaging = &nodes[0].messaging;
        let Made::New(pair) = messaging.create_chat(&world.ctx(&eve), private(ada.id)).await.unwrap() else {
            panic!("it is new")
        };
        let found = messaging.create_chat(&world.ctx(&ada), private(eve.id)).await.unwrap();
        assert!(matches!(found, Made::Found(chat) if chat.id == pair.id));
        assert_eq!(code(messaging.create_chat(&world.ctx(&ada), private(bob.id)).await), "chat.limit");
        for _ in 0..6 {
            messaging.create_chat(&world.ctx(&eve), with(ada.id)).await.unwrap();
        }
        assert_eq!(code(messaging.create_chat(&world.ctx(&eve), with(ada.id)).await), "chat.limit");
        assert_eq!(messaging.chats(&world.ctx(&ada), ChatFilter::default(), page(99, None)).await.unwrap().items.len(), 21);
    }

    async fn a_chat_is_created_with_its_rights_and_lifetime(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let messaging = &world.store.messaging;
        let lifetime = Some(Lifetime { seconds: 60, from: LifetimeFrom::Read });
        let new = json!({
            "type": "group", "title": "x", "participant_ids": [bob.id], "rights": {"post": false, "pin": true},
            "lifetime": lifetime,
        });
        let made = messaging.create_chat(&world.ctx(&ada), NewChat::from_json(new).unwrap()).await.unwrap().into_inner();
        let rights = Rights { post: false, pin: true, ..Rights::of(ChatType::Group) };
        assert_eq!((made.rights, made.lifetime, made.version), (rights, lifetime, 1));
        let seen = messaging.chat(&world.ctx(&bob), made.id).await.unwrap();
        assert_eq!((seen.rights, seen.lifetime, seen.writable), (rights, lifetime, false));
        let new = |seconds: i64| {
            let lifetime = json!({"seconds": seconds});
            NewChat::from_json(json!({"type": "private", "participant_ids": [bob.id], "lifetime": lifetime})).unwrap()
        };
        for seconds in [70, 80] {
            let made = messaging.create_chat(&world.ctx(&ada), new(seconds)).await.unwrap().into_inner();
            assert_eq!(made.lifetime.map(|lifetime| lifetime.seconds), Some(70), "the chat that they have stays as it is");
        }
    }

    async fn a_repeated_creation_with_a_key_makes_one_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let new = || NewChat::from_json(json!({"type": "group", "title": "x", "participant_ids": [bob.id]})).unwrap();
        let call = |print: u8| Ctx { idempotency_key: Some(IdempotencyKey::new("k", [print; 32])), ..world.ctx(&ada) };
        let messaging = &world.store.messaging;
        let first = messaging.create_chat(&call(1), new()).await.unwrap();
        assert_eq!(messaging.create_chat(&call(1), new()).await.unwrap(), first);
        assert_eq!(code(messaging.create_chat(&call(2), new()).await), "idempotency.mismatch");
        let bob_call = Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.ctx(&bob) };
        let other = messaging.create_chat(&bob_call, new()).await.unwrap();
        assert_ne!(other, first, "keys belong to the caller");
    }
}

/// On SQLite, where diesel can record statements; the queries are the same for both databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_types_makes_the_server_look_at_nothing_that_was_written() {
    let world = World::sqlite().await;
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    asked::record();
    let node = world.another_node().await;
    let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
    let chat = world.group(&ada, &[&bob]).await.id;
    world.say(&bob, chat, "hello").await;
    asked::take(path);
    assert_eq!(node.messaging.may_type(&world.ctx(&ada), chat).await.unwrap(), Onlookers::default());
    let asked = asked::take(path);
    let reads: Vec<_> = asked.iter().filter(|statement| statement.contains("SELECT")).collect();
    assert!(!reads.is_empty() && reads.iter().all(|read| !read.contains("messages")), "{reads:?}");
    assert_eq!(code(node.messaging.may_type(&world.ctx(&eve), chat).await), "chat.unknown");
}
