//! Sends with an `Idempotency-Key`: written once, batched with others, and answered again with the message as it is
//! now.

pub mod domain;

use std::sync::Arc;

use clowder_core::{ChatId, Ctx, IdempotencyKey, Input, Made, Result, idempotency::KEPT_FOR};
use clowder_infra::{DatabaseUrl, Store};
use clowder_messaging::{Message, MessagePatch, NewMessage};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use serde_json::json;

use crate::world::{Person, World, code, on_both};

/// Sends under a key; returns whether the answer was that of an earlier call. `print` is the fingerprint of the
/// request.
async fn send(
    world: &World,
    node: &Store,
    who: &Person,
    chat: ChatId,
    (key, print): (&str, u8),
    new: serde_json::Value,
) -> (Result<Made<Message>>, bool) {
    let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(key, [print; 32])), ..world.ctx(who) };
    let made = node.messaging.send(&ctx, chat, NewMessage::from_json(new).unwrap()).await;
    (made, ctx.idempotency_key.unwrap().was_replayed())
}

/// The stored answers of sends.
fn stored(world: &World) -> Vec<Vec<u8>> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = diesel::sql_types::Binary)]
        answer: Vec<u8>,
    }
    let query = sql_query("SELECT answer FROM answers");
    let rows: Vec<Answer> = match &world.options.url {
        DatabaseUrl::Postgres(url) => query.load(&mut PgConnection::establish(url).unwrap()).unwrap(),
        DatabaseUrl::Sqlite(path) => {
            query.load(&mut SqliteConnection::establish(&path.to_string_lossy()).unwrap()).unwrap()
        }
    };
    rows.into_iter().map(|row| row.answer).collect()
}

on_both! {
    async fn a_repeat_is_answered_with_the_message_as_it_is_now(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let messaging = &world.store.messaging;
        let again = async || send(&world, &world.store, &ada, chat, ("k", 1), json!({"content": "a secret"})).await;
        let (first, replayed) = again().await;
        let Ok(Made::New(first)) = first else { panic!("{first:?}") };
        assert!(!replayed);
        let named = [&[0], first.id.uuid().as_bytes().as_slice()].concat();
        assert_eq!(stored(&world), [named], "which message it was, and no text of it");
        let patch = MessagePatch::from_json(json!({"content": "another"})).unwrap();
        messaging.edit(&world.ctx(&ada), first.id, None, patch).await.unwrap();
        let (Ok(Made::New(edited)), true) = again().await else { panic!("a creation, told again") };
        assert_eq!((edited.id, edited.content.as_deref(), edited.version), (first.id, Some("another"), 2));
        messaging.delete(&world.ctx(&ada), first.id, None).await.unwrap();
        let (Ok(Made::New(deleted)), true) = again().await else { panic!("a creation, told again") };
        assert_eq!((deleted.id, deleted.seq, deleted.content), (first.id, 1, None));
        assert!(deleted.deleted_at.is_some());
        let [chat_id, user_id] = [world.literal(chat), world.literal(ada.id)];
        world.meddle(&format!("DELETE FROM participants WHERE chat_id = {chat_id} AND user_id = {user_id}")).unwrap();
        assert_eq!(code(again().await.0), "chat.unknown", "who has left learns nothing");
    }

    async fn a_key_is_for_one_request_and_free_after_a_refusal(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let other = world.group(&ada, &[&bob]).await.id;
        let say = async |who, chat, key, content: &str| {
            send(&world, &world.store, who, chat, key, json!({"content": content})).await.0
        };
        let first = say(&ada, chat, ("k", 1), "x").await.unwrap();
        assert_eq!(code(say(&ada, chat, ("k", 2), "y").await), "idempotency.mismatch");
        assert_eq!(code(say(&ada, other, ("k", 3), "x").await), "idempotency.mismatch", "in another chat, too");
        assert!(matches!(say(&bob, chat, ("k", 4), "x").await, Ok(Made::New(_))), "each has their own");
        assert_eq!(code(say(&eve, chat, ("k", 5), "x").await), "chat.unknown");
        let own = world.group(&eve, &[]).await.id;
        assert!(matches!(say(&eve, own, ("k", 6), "x").await, Ok(Made::New(_))), "a refused attempt frees the key");
        // For a known client id, the answer is stored under the key, too.
        let named = json!({"content": "z", "client_id": "c"});
        let (made, _) = send(&world, &world.store, &ada, chat, ("one", 7), named.clone()).await;
        let (found, replayed) = send(&world, &world.store, &ada, chat, ("two", 8), named.clone()).await;
        assert!(matches!(&found, Ok(Made::Found(_))) && !replayed);
        let (again, replayed) = send(&world, &world.store, &ada, chat, ("two", 8), named).await;
        assert!(matches!(&again, Ok(Made::Found(_))) && replayed);
        assert_eq!(made.unwrap().into_inner().id, again.unwrap().into_inner().id);
        world.wait(KEPT_FOR);
        let later = say(&ada, chat, ("k", 9), "again").await.unwrap();
        assert_ne!(first.into_inner().id, later.into_inner().id, "after a day the key is free");
    }

    async fn keys_come_at_once_and_on_two_nodes(world: World) {
        let [ada] = world.people(["ada"]).await.map(Arc::new);
        let chat = world.group(&ada, &[]).await.id;
        let other = Arc::new(world.another_node().await);
        let sends: Vec<_> = (0..160)
            .map(|n| {
                let (world, other, ada) = (world.clone(), other.clone(), ada.clone());
                tokio::spawn(async move {
                    // Every key is used four times, on both nodes, some of them in one batch.
                    let node = if n % 2 == 0 { &world.store } else { &*other };
                    let key = n / 4;
                    send(&world, node, &ada, chat, (&format!("k{key}"), key), json!({"content": "x"})).await
                })
            })
            .collect();
        let (mut seqs, mut replays) = (Vec::new(), 0);
        for send in sends {
            let (made, replayed) = send.await.unwrap();
            seqs.push(made.unwrap().into_inner().seq);
            replays += usize::from(replayed);
        }
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=40).flat_map(|n| [n; 4]).collect::<Vec<i64>>());
        assert_eq!(replays, 120);
        assert_eq!(world.names().await.len(), 40);
    }

    async fn one_key_for_two_chats_at_once_is_one_message(world: World) {
        let [ada] = world.people(["ada"]).await.map(Arc::new);
        let chats = [world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id];
        let other = Arc::new(world.another_node().await);
        for round in 0..20_u8 {
            let sends = [0, 1].map(|n| {
                let (world, other, ada) = (world.clone(), other.clone(), ada.clone());
                tokio::spawn(async move {
                    let node = if n == 0 { &world.store } else { &*other };
                    let key = (format!("k{round}"), round * 2 + n);
                    send(&world, node, &ada, chats[usize::from(n)], (&key.0, key.1), json!({"content": "x"})).await.0
                })
            });
            let mut sent = 0;
            for send in sends {
                match send.await.unwrap() {
                    Ok(_) => sent += 1,
                    refused => assert_eq!(code(refused), "idempotency.mismatch"),
                }
            }
            assert_eq!(sent, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_with_keys_share_commits() {
    let world = World::postgres().await;
    let [ada] = world.people(["ada"]).await.map(Arc::new);
    let chat = world.group(&ada, &[]).await.id;
    // While the chat is locked, all sends wait, and are then written together.
    let holding = world.holding(chat);
    let sends: Vec<_> = (0..100_u8)
        .map(|n| {
            let (world, ada) = (world.clone(), ada.clone());
            tokio::spawn(async move {
                send(&world, &world.store, &ada, chat, (&format!("k{n}"), n), json!({"content": "x"})).await.0
            })
        })
        .collect();
    world.until_somebody_waits().await;
    drop(holding);
    for send in sends {
        send.await.unwrap().unwrap();
    }
    let transactions = world.number("SELECT count(DISTINCT xmin::text) FROM messages");
    assert!(transactions < 50, "100 messages by {transactions} transactions");
    assert_eq!(world.number("SELECT count(*) FROM answers"), 100);
}
