//! Writes of messages while another transaction holds what some of them need: the others continue, and decisions stay
//! true until they are written.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clowder_core::{ChatId, Ctx, Error, Input, Made, PageRequest, Timestamp};
use clowder_messaging::{ChatFilter, Message, NewChat, NewMessage, NewRead, Window};
use serde_json::json;

use crate::world::{Person, World, code, on_both};

/// Long for a send, short for a wait.
const PROMPTLY: Duration = Duration::from_secs(2);

async fn promptly<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PROMPTLY, what).await.expect("it waits for somebody else's lock")
}

fn sending(
    world: &Arc<World>,
    who: &Arc<Person>,
    chat: ChatId,
    text: &str,
) -> tokio::task::JoinHandle<clowder_core::Result<Made<Message>>> {
    let (world, who, text) = (world.clone(), who.clone(), text.to_owned());
    tokio::spawn(async move { world.try_say(&who, chat, &text, None).await })
}

on_both! {
    async fn a_removal_in_between_refuses_the_send(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&bob, chat, "still here").await;
        let mut other = world.holding(chat);
        let send = sending(&world, &bob, chat, "too late");
        world.until_somebody_waits().await;
        let (chat_id, user_id) = (world.literal(chat), world.literal(bob.id));
        other.run(&format!("DELETE FROM participants WHERE chat_id = {chat_id} AND user_id = {user_id}"));
        other.commit();
        assert_eq!(code(send.await.unwrap()), "chat.unknown");
        assert_eq!(world.say(&ada, chat, "alone").await.seq, 2);
    }

    async fn who_was_erased_in_between_sends_nothing(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut other = world.holding(chat);
        let send = sending(&world, &bob, chat, "too late");
        world.until_somebody_waits().await;
        let (at, user_id) = (if world.options.url.is_embedded() { "1" } else { "now()" }, world.literal(bob.id));
        other.run(&format!("UPDATE users SET deleted_at = {at} WHERE id = {user_id}"));
        other.commit();
        assert_eq!(code(send.await.unwrap()), "chat.unknown");
    }

    async fn nobody_is_in_a_new_chat_who_was_erased_in_between(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
        let mut other = world.transaction();
        let (at, user_id) = (if world.options.url.is_embedded() { "1" } else { "now()" }, world.literal(bob.id));
        other.run(&format!("UPDATE users SET deleted_at = {at} WHERE id = {user_id}"));
        let new = json!({"type": "group", "title": "Lunch", "participant_ids": [bob.id]});
        let making = tokio::spawn({
            let (world, ada) = (world.clone(), ada.clone());
            async move {
                world.store.messaging.create_chat(&world.ctx(&ada), NewChat::from_json(new).unwrap()).await
            }
        });
        world.until_somebody_waits().await;
        other.commit();
        assert!(matches!(making.await.unwrap(), Err(Error::Invalid(_))));
        assert!(world.names().await.is_empty());
    }

    async fn created_at_never_runs_against_seq(world: World) {
        let names: Vec<String> = (0..8).map(|n| format!("user{n}")).collect();
        let mut people = Vec::new();
        for name in &names {
            people.push(Arc::new(world.person(name).await));
        }
        let others: Vec<_> = people[1..].iter().map(|person| &**person).collect();
        let chat = world.group(&people[0], &others).await.id;
        let behind = Arc::new(world.another_node().await);
        let start = world.now();
        let sends: Vec<_> = people
            .iter()
            .enumerate()
            .map(|(index, person)| {
                let (world, person, behind) = (world.clone(), person.clone(), behind.clone());
                tokio::spawn(async move {
                    for n in 0..40 {
                        // The clock of the other node is a minute behind; within a batch, times come in any order, too.
                        let node = if index % 2 == 0 { &world.store } else { &*behind };
                        let late = Duration::from_secs(if index % 2 == 0 { n % 3 } else { 60 });
                        let ctx = Ctx::new(person.actor, world.now().minus(late), "test");
                        let new = NewMessage::from_json(json!({"content": "x"})).unwrap();
                        node.messaging.send(&ctx, chat, new).await.unwrap();
                    }
                })
            })
            .collect();
        for send in sends {
            send.await.unwrap();
        }
        let (mut seen, mut window) = (Vec::new(), Window::After(0));
        while seen.len() < 320 {
            let page = world.store.messaging.messages(&world.ctx(&people[0]), chat, window, 100).await.unwrap();
            seen.extend(page.items.iter().map(|message| (message.seq, message.created_at)));
            window = Window::After(seen.len() as i64);
        }
        assert!(seen.is_sorted(), "{seen:?}");
        assert_eq!(seen.last().map(|(seq, _)| *seq), Some(320));
        let told: Vec<(i64, Timestamp)> = world
            .changes()
            .await
            .iter()
            .map(|recorded| serde_json::from_str::<Message>(recorded.data.get()).unwrap())
            .map(|message| (message.seq, message.created_at))
            .collect();
        assert_eq!(told, seen, "told as it is kept");
        let listed = world.store.messaging.chat(&world.ctx(&people[0]), chat).await.unwrap();
        assert_eq!(Some(listed.active_at), seen.last().map(|(_, at)| *at));
        assert!(listed.active_at > start);
    }
}

/// Only PostgreSQL has row locks that can be held while others write.
mod postgres_alone {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_held_chat_holds_up_its_own_sends_only() {
        let world = World::postgres().await;
        let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
        let held = world.group(&ada, &[&bob]).await.id;
        let mut free = Vec::new();
        for _ in 0..8 {
            free.push(world.group(&ada, &[&bob]).await.id);
        }
        let other = world.holding(held);
        let waiting: Vec<_> = (0..20).map(|n| sending(&world, &bob, held, &n.to_string())).collect();
        for round in 0..20 {
            // Further sends to the locked chat all the time, in the same batches as the others.
            let more = sending(&world, &ada, held, "more");
            let sends: Vec<_> = free.iter().map(|chat| sending(&world, &ada, *chat, "hello")).collect();
            for send in sends {
                assert_eq!(promptly(send).await.unwrap().unwrap().into_inner().seq, round + 1);
            }
            let (ctx, page) = (world.ctx(&bob), PageRequest { limit: 20, cursor: None });
            let list = world.store.messaging.chats(&ctx, ChatFilter::default(), page);
            assert_eq!(promptly(list).await.unwrap().items.len(), 9);
            assert!(!more.is_finished(), "it cannot be written");
        }
        assert!(waiting.iter().all(|send| !send.is_finished()));
        drop(other);
        let mut seqs = Vec::new();
        for send in waiting {
            seqs.push(promptly(send).await.unwrap().unwrap().into_inner().seq);
        }
        assert_eq!(world.say(&ada, held, "after").await.seq, 41);
        seqs.sort_unstable();
        seqs.dedup();
        assert_eq!(seqs.len(), 20);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_held_sender_holds_up_their_own_sends_only() {
        let world = World::postgres().await;
        let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
        let [lunch, other] = [world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id];
        let rows = [
            (format!("participants WHERE chat_id = '{lunch}' AND user_id = '{}'", bob.id), true),
            (format!("users WHERE id = '{}'", bob.id), false),
        ];
        for (row, elsewhere) in rows {
            let mut holder = world.transaction();
            holder.run(&format!("SELECT 1 FROM {row} FOR UPDATE"));
            let waiting: Vec<_> = (0..5).map(|n| sending(&world, &bob, lunch, &n.to_string())).collect();
            for _ in 0..5 {
                let more = sending(&world, &bob, lunch, "more");
                let sends = [(&ada, lunch), (&ada, other)].map(|(who, chat)| sending(&world, who, chat, "hello"));
                for send in sends {
                    promptly(send).await.unwrap().unwrap();
                }
                if elsewhere {
                    promptly(sending(&world, &bob, other, "hello")).await.unwrap().unwrap();
                }
                assert!(!more.is_finished(), "it cannot be written");
            }
            assert!(waiting.iter().all(|send| !send.is_finished()));
            drop(holder);
            for send in waiting {
                promptly(send).await.unwrap().unwrap();
            }
            // Also the five that came later; the next one shows it.
            let before = world.say(&ada, lunch, "after").await.seq;
            assert_eq!(before, if elsewhere { 16 } else { 32 });
        }
    }

    /// The stream of the journal that a chat writes to.
    fn stream_of(chat: ChatId) -> u8 {
        chat.uuid().into_bytes()[15] % 16
    }

    /// New chats of these people, each in another stream.
    async fn chats_of_different_streams(
        world: &World,
        owner: &Person,
        others: &[&Person],
        count: usize,
    ) -> Vec<ChatId> {
        let mut chats: Vec<ChatId> = Vec::new();
        while chats.len() < count {
            let chat = world.group(owner, others).await.id;
            if chats.iter().all(|other| stream_of(*other) != stream_of(chat)) {
                chats.push(chat);
            }
        }
        chats
    }

    fn holding_the_stream_of(world: &World, chat: ChatId) -> crate::locks::Transaction {
        let mut holder = world.transaction();
        holder.run(&format!("SELECT 1 FROM streams WHERE stream = {} FOR UPDATE", stream_of(chat)));
        holder
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn held_streams_hold_up_their_own_sends_only() {
        let world = World::postgres().await;
        let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
        // More are held than batches are written at the same time.
        let chats = chats_of_different_streams(&world, &ada, &[&bob], 11).await;
        let (held, free) = chats.split_at(6);
        let holders: Vec<_> = held.iter().map(|chat| holding_the_stream_of(&world, *chat)).collect();
        let mut waiting = Vec::new();
        for chat in held {
            waiting.extend((0..5).map(|n| sending(&world, &bob, *chat, &n.to_string())));
        }
        for round in 1..=5 {
            waiting.extend(held.iter().map(|chat| sending(&world, &ada, *chat, "more")));
            let sends: Vec<_> = free.iter().map(|chat| sending(&world, &ada, *chat, "hello")).collect();
            for send in sends {
                assert_eq!(promptly(send).await.unwrap().unwrap().into_inner().seq, round);
            }
        }
        // That they are held is known by now, so nobody waits for it any more.
        let began = Instant::now();
        for _ in 0..20 {
            waiting.push(sending(&world, &ada, held[0], "more"));
            promptly(sending(&world, &ada, free[0], "hello")).await.unwrap().unwrap();
        }
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "each of 20 sends took {:?} on average",
            began.elapsed() / 20
        );
        assert!(waiting.iter().all(|send| !send.is_finished()), "they cannot be written");
        drop(holders);
        for send in waiting {
            promptly(send).await.unwrap().unwrap();
        }
        for (chat, sent) in held.iter().zip([30, 10, 10, 10, 10, 10]) {
            assert_eq!(world.say(&ada, *chat, "after").await.seq, sent + 1);
        }
    }

    /// Another node has written the client id and the stored answer of a send of Bob's, and waits for its place in the
    /// journal. It gives up soon, and tries again later; whoever is first, there is one message.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_send_that_waits_for_its_stream_holds_up_nobody_else() {
        let world = World::postgres().await;
        let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
        let chats = chats_of_different_streams(&world, &ada, &[&bob], 2).await;
        let [there, here] = chats[..] else { unreachable!() };
        let stalled = Arc::new(world.another_node().await);
        for (client_id, key) in [(Some("c1"), None), (None, Some("k1"))] {
            let holder = holding_the_stream_of(&world, there);
            let new = move || NewMessage::from_json(json!({"content": "x", "client_id": client_id})).unwrap();
            let ctx = || {
                let idempotency_key = key.map(|key: &str| clowder_core::IdempotencyKey::new(key, [1; 32]));
                Ctx { idempotency_key, ..world.ctx(&bob) }
            };
            let (node, caller) = (stalled.clone(), ctx());
            let first = tokio::spawn(async move { node.messaging.send(&caller, there, new()).await });
            world.until_somebody_waits().await;
            let (same, caller) = (world.clone(), ctx());
            let again = tokio::spawn(async move { same.store.messaging.send(&caller, here, new()).await });
            for _ in 0..5 {
                promptly(sending(&world, &ada, here, "hello")).await.unwrap().unwrap();
            }
            assert!(!first.is_finished(), "its stream is held");
            drop(holder);
            match (promptly(first).await.unwrap(), promptly(again).await.unwrap()) {
                // The same key and the same request return the same message.
                (Ok(first), Ok(again)) => {
                    assert_eq!((key, first.into_inner().id), (Some("k1"), again.into_inner().id));
                }
                (Ok(_), refused) | (refused, Ok(_)) => {
                    assert_eq!((client_id, code(refused)), (Some("c1"), "client_id.mismatch"));
                }
                (first, again) => panic!("neither was written: {first:?} {again:?}"),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_held_chat_among_several_is_written_when_it_is_free() {
        let world = World::postgres().await;
        let [ada] = world.people(["ada"]).await.map(Arc::new);
        let mut chats = Vec::new();
        for _ in 0..6 {
            chats.push(world.group(&ada, &[]).await.id);
        }
        let mut others: Vec<_> = chats.iter().map(|chat| world.holding(*chat)).collect();
        let sends: Vec<_> = chats.iter().map(|chat| sending(&world, &ada, *chat, "x")).collect();
        world.until_somebody_waits().await;
        // In another order than they are waited for.
        for send in sends.into_iter().rev() {
            drop(others.pop());
            assert_eq!(promptly(send).await.unwrap().unwrap().into_inner().seq, 1);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_came_first_is_written_first_and_nobody_waits_for_ever() {
        let world = World::postgres().await;
        let [ada] = world.people(["ada"]).await.map(Arc::new);
        let chat = world.group(&ada, &[]).await.id;
        let other = world.holding(chat);
        let given_up = world.try_say(&ada, chat, "x", None).await;
        assert!(matches!(given_up, Err(Error::Unavailable(_))), "{given_up:?}");
        let say = |text| world.try_say(&ada, chat, text, None);
        let free = async {
            world.until_somebody_waits().await;
            drop(other);
        };
        let (a, b, c, d, ()) = tokio::join!(say("1"), say("2"), say("3"), say("4"), free);
        let seqs = [a, b, c, d].map(|made| made.unwrap().into_inner().seq);
        assert_eq!(seqs, [1, 2, 3, 4], "what was given up is not written");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_mark_that_changes_nothing_for_others_waits_for_nobody() {
        let world = World::postgres().await;
        let [ada, bob, cem, dan] = world.people(["ada", "bob", "cem", "dan"]).await;
        let chat = world.group(&ada, &[&bob, &cem, &dan]).await.id;
        for _ in 0..4 {
            world.say(&bob, chat, "x").await;
        }
        let read = async |who: &Person, seq| {
            world.store.messaging.read(&world.ctx(who), chat, NewRead { seq }).await.unwrap().seq
        };
        assert_eq!(read(&ada, 2).await, 2);
        let mut other = world.holding(chat);
        assert_eq!(promptly(read(&ada, 4)).await, 4, "hers is none of the two lowest");
        other.run(&format!("SELECT 1 FROM participants WHERE chat_id = '{chat}' FOR UPDATE"));
        assert_eq!(promptly(read(&ada, 4)).await, 4, "it stays where it is");
        assert_eq!(promptly(read(&cem, 0)).await, 0);
    }
}
