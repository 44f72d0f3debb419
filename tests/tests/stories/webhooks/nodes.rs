//! Several nodes deliver for one server, and when one of them dies, nothing is lost.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use clowder_tests::{
    Database, Server, World,
    receiver::{Manner, Receiver},
    web_pages::ALLOWED,
    within,
};
use serde_json::json;

use super::hook;

/// How many messages are sent.
const MESSAGES: usize = 120;

/// What each message was delivered as: each has one id, however often it was called.
fn arrived(receiver: &Receiver) -> HashMap<String, HashSet<String>> {
    let mut arrived: HashMap<String, HashSet<String>> = HashMap::new();
    for call in receiver.calls() {
        let text = call.body["data"]["content"].as_str().unwrap().to_owned();
        arrived.entry(text).or_default().insert(call.id().to_owned());
    }
    arrived
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_a_node_is_killed() {
    let world = World::with(Database::postgres(), &[ALLOWED]).await;
    let other = Server::start(&world.database, &[ALLOWED]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let receivers = [
        Receiver::start(Manner::Slowly(Duration::from_millis(40))).await,
        Receiver::start(Manner::Status(204, "")).await,
    ];
    for (person, receiver) in [&ada, &bob].into_iter().zip(&receivers) {
        hook(person, &receiver.url(), &["message.sent"]).await;
    }
    let there = ada.at(&other);
    for number in 0..MESSAGES / 2 {
        there.says(&chat, &number.to_string()).await;
    }
    // In the middle of its calls.
    let World { server, .. } = world;
    server.kill().await;
    for number in MESSAGES / 2..MESSAGES {
        there.says(&chat, &number.to_string()).await;
    }
    for receiver in &receivers {
        // What the other node held is called again when its lease is over.
        within(Duration::from_secs(150), "all arrive", async || arrived(receiver).len() == MESSAGES).await;
        for (text, ids) in arrived(receiver) {
            assert_eq!(ids.len(), 1, "{text}: repeated calls have one id");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_only_server_is_killed() {
    let world = World::with(Database::sqlite(), &[ALLOWED]).await;
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    let receiver = Receiver::start(Manner::Slowly(Duration::from_millis(100))).await;
    hook(&ada, &receiver.url(), &["message.sent"]).await;
    for number in 0..40 {
        ada.says(&chat, &number.to_string()).await;
    }
    let World { server, database, .. } = world;
    server.kill().await;
    let world = World::with(database, &[ALLOWED]).await;
    let ada = world.login("ada").await;
    ada.post(&format!("/api/chats/{chat}/messages"), json!({"content": "40"})).await.expect(201);
    within(Duration::from_secs(150), "all arrive", async || arrived(&receiver).len() == 41).await;
    assert!(arrived(&receiver).values().all(|ids| ids.len() == 1));
}
