//! Readiness proves that events arrive: by a change of the node's own, through the database, the bus and the hub.

use clowder_tests::{Answer, Database, Redis, User, World, answer, on_both, until};
use serde_json::{Value, json};

on_both!(shared; events_are_known_to_arrive);

/// What the server says of the arrival of events.
async fn delivery(user: &User) -> Value {
    let health = user.get("/api/health").await.expect(200);
    let mut checks = health["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == "delivery").expect("it is not checked").clone()
}

async fn says(user: &User, end: &str) {
    until(end, async || delivery(user).await["detail"].as_str().unwrap().ends_with(end)).await;
}

async fn ready(world: &World) -> Answer {
    world.nobody().may_fail().get("/api/health/ready").await
}

async fn events_are_known_to_arrive(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    says(&ada, "ms through the bus").await;
    assert_eq!(delivery(&ada).await["ok"], true);
    assert!(socket.drain().await.iter().all(|frame| frame["type"] != "canary.written"), "nobody receives it");
    let metrics = world.nobody().get("/metrics").await.text;
    assert!(metrics.contains("\nclowder_canary_seconds "), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_from_which_nothing_arrives_is_not_ready() {
    let world = World::new(Database::postgres()).await;
    assert_eq!(ready(&world).await.status, 200);
    // Reading works, and so does every write that announces nothing.
    let held = world.database.holding("SELECT 1 FROM streams FOR UPDATE");
    let refused = answer("it is not ready", async || Some(ready(&world).await).filter(|answer| answer.status == 503));
    let refused = refused.await.refused(503, "not_ready");
    let errors = refused["errors"].as_array().unwrap();
    let late = errors.iter().find(|error| error["pointer"] == "delivery").unwrap_or_else(|| panic!("{refused}"));
    let says = late["message"].as_str().unwrap();
    assert!(
        says.starts_with("no canary has arrived for ") && says.ends_with("the database does not take it"),
        "{says}"
    );
    assert_eq!(late["code"], json!("failing"));
    drop(held);
    until("it is ready", async || ready(&world).await.status == 200).await;
}

/// What the bus has to say would come with the next poll.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_bus_is_silent_says_so_and_stays_ready() {
    let mut redis = Redis::start().await;
    let world = World::with(Database::postgres(), &[("REDIS_URL", &redis.url())]).await;
    let ada = world.user("ada").await;
    says(&ada, "ms through the bus").await;
    redis.kill();
    says(&ada, "did not come through the bus").await;
    assert_eq!(ready(&world).await.status, 200);
    redis.start_again().await;
    says(&ada, "ms through the bus").await;
}
