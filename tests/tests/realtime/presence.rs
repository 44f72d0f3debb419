//! Who is online, with two nodes over one PostgreSQL: whichever somebody is connected to, both know and tell.

use std::time::Duration;

use clowder_tests::{Redis, Server, Socket, User, World, until, within};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::nodes::{two_nodes, until_bus_is};

async fn befriend(one: &User, other: &User) {
    one.post("/api/friends/request", json!({"user_id": other.id})).await.expect(201);
    other.post("/api/friends/request", json!({"user_id": one.id})).await.expect(200);
}

async fn profile(viewer: &User, of: &User) -> Value {
    viewer.get(&format!("/api/users/{}", of.id)).await.expect(200)
}

async fn presence(viewer: &User, of: &User) -> Value {
    profile(viewer, of).await["presence"].clone()
}

pub async fn until_is(viewer: &User, of: &User, expected: &str) {
    let most = Duration::from_secs(40);
    within(most, &format!("{} is {expected}", of.id), async || presence(viewer, of).await == expected).await;
}

/// The names and statuses of all that a socket was told of somebody so far.
async fn told(socket: &mut Socket, of: &User) -> Vec<(String, Value)> {
    let frames = socket.drain().await.into_iter().filter(|frame| {
        frame["data"]["user_id"] == json!(of.id)
            && ["user.online", "user.offline", "user.status"].iter().any(|name| frame["type"] == *name)
    });
    frames.map(|frame| (frame["type"].as_str().unwrap().to_owned(), frame["data"]["status"].clone())).collect()
}

/// Ada and Bob are friends; each has an account object at both nodes.
async fn friends(settings: &[(&str, &str)], state: &str) -> (World, Server, [User; 2], [User; 2]) {
    let (world, other, ada, bob, _) = two_nodes(settings).await;
    until_bus_is([&ada, &bob], state).await;
    let (far_ada, near_bob) = (ada.at(&other), bob.at(&world.server));
    befriend(&ada, &near_bob).await;
    (world, other, [ada, far_ada], [near_bob, bob])
}

async fn one_is_everywhere(settings: &[(&str, &str)], state: &str) {
    let (world, other, ada, bob) = friends(settings, state).await;
    let cem = world.user("cem").await.at(&other);
    let (mut near, mut far, mut stranger) = (bob[0].socket().await, bob[1].socket().await, cem.socket().await);
    let phone = ada[0].socket().await;
    for bob in [&mut near, &mut far] {
        assert_eq!(bob.until("user.online").await["data"]["status"], "online");
    }
    assert_eq!(presence(&cem, &ada[0]).await, "online", "the other node shows it to all");
    for bob in &bob {
        let friends = bob.get("/api/friends?presence=online&sort=active").await.expect(200);
        assert_eq!(friends["items"][0]["user"]["id"], json!(ada[0].id));
    }
    ada[1].put("/api/users/me/presence", json!({"status": "busy"})).await.expect(200);
    for bob in [&mut near, &mut far] {
        assert_eq!(bob.until("user.status").await["data"]["status"], "busy");
    }
    // A second device at the other node, after which the first is closed.
    let laptop = ada[1].socket().await;
    drop(phone);
    sleep(Duration::from_secs(8)).await;
    for (bob, socket) in bob.iter().zip([&mut near, &mut far]) {
        assert_eq!(presence(bob, &ada[0]).await, "busy");
        assert_eq!(told(socket, &ada[0]).await, [], "nothing has changed");
    }
    let left = Instant::now();
    drop(laptop);
    for bob in [&mut near, &mut far] {
        assert_eq!(bob.until("user.offline").await["data"]["status"], "offline");
    }
    assert!((4..9).contains(&left.elapsed().as_secs()), "{:?}", left.elapsed());
    let seen = [profile(&bob[0], &ada[0]).await, profile(&bob[1], &ada[0]).await];
    assert_eq!((&seen[0]["presence"], &seen[0]), (&json!("offline"), &seen[1]));
    sleep(Duration::from_secs(2)).await;
    for socket in [&mut near, &mut far] {
        assert_eq!(told(socket, &ada[0]).await, [], "each once");
    }
    assert_eq!(told(&mut stranger, &ada[0]).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_online_everywhere_with_redis() {
    let redis = Redis::start().await;
    one_is_everywhere(&[("REDIS_URL", &redis.url())], "redis: messages arrive").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_online_everywhere_with_postgres_only() {
    one_is_everywhere(&[], "postgres: messages arrive").await;
}

async fn dies(settings: &[(&str, &str)], state: &str) {
    let (world, other, ada, bob) = friends(settings, state).await;
    let third = Server::start(&world.database, settings).await;
    let mut b = bob[0].socket().await;
    let mut elsewhere = bob[0].at(&third).socket().await;
    let _a = ada[1].socket().await;
    for socket in [&mut b, &mut elsewhere] {
        assert_eq!(socket.until("user.online").await["data"]["status"], "online");
    }
    sleep(Duration::from_secs(3)).await;
    let before = profile(&bob[0], &ada[0]).await["last_seen_at"].clone();
    let killed = Instant::now();
    other.kill().await;
    sleep(Duration::from_secs(6)).await;
    assert_eq!(presence(&bob[0], &ada[0]).await, "online", "the other node may only be slow");
    until_is(&bob[0], &ada[0], "offline").await;
    assert!((7..15).contains(&killed.elapsed().as_secs()), "{:?}", killed.elapsed());
    // Each node that lives says when it gave the other up; one of them notes it, and may not have done so yet.
    for socket in [&mut b, &mut elsewhere] {
        let offline = socket.until("user.offline").await;
        assert!(offline["data"]["last_seen_at"].as_str() > before.as_str(), "{before} {offline}");
    }
    until("one of them notes it", async || profile(&bob[0], &ada[0]).await["last_seen_at"].as_str() > before.as_str())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_of_a_killed_node_go_offline_with_redis() {
    let redis = Redis::start().await;
    dies(&[("REDIS_URL", &redis.url())], "redis: messages arrive").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_of_a_killed_node_go_offline_with_postgres_only() {
    dies(&[], "postgres: messages arrive").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_learns_who_is_online_and_one_that_stops_says_so() {
    let (world, other, ada, bob) = friends(&[], "postgres: messages arrive").await;
    let _a = ada[1].socket().await;
    until_is(&bob[0], &ada[0], "online").await;
    let third = Server::start(&world.database, &[]).await;
    until_is(&bob[0].at(&third), &ada[0], "online").await;
    let stopped = Instant::now();
    assert!(other.stop().await.success());
    until_is(&bob[0].at(&third), &ada[0], "offline").await;
    assert!(stopped.elapsed() < Duration::from_secs(9), "no lease has to end: {:?}", stopped.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_bus_each_node_knows_its_own_and_afterwards_all() {
    let mut redis = Redis::start().await;
    let url = redis.url();
    let settings = [("REDIS_URL", &*url)];
    let (_world, _other, ada, bob) = friends(&settings, "redis: messages arrive").await;
    let mut b = bob[1].socket().await;
    let _a = ada[0].socket().await;
    b.until("user.online").await;
    redis.kill();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(presence(&bob[1], &ada[0]).await, "online", "what was known, for a while");
    until_is(&bob[1], &ada[0], "offline").await;
    b.until("user.offline").await;
    assert_eq!(presence(&bob[0], &ada[0]).await, "online", "where she is");
    redis.start_again().await;
    let mut again = b.until("user.online").await;
    assert_eq!(again["data"].take()["status"], "online");
    until("both know", async || presence(&bob[1], &ada[0]).await == "online").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_nothing_is_away_until_they_do_something_anywhere() {
    let (_world, _other, ada, bob) = friends(&[("AWAY_SECONDS", "8")], "postgres: messages arrive").await;
    let mut b = bob[1].socket().await;
    let mut a = ada[0].socket().await;
    b.until("user.online").await;
    assert_eq!(b.until("user.status").await["data"]["status"], "away");
    // Pings and a socket more are nothing that she does.
    a.command("ping", json!({})).await.unwrap();
    let second = ada[1].socket().await;
    sleep(Duration::from_secs(1)).await;
    for bob in &bob {
        assert_eq!(presence(bob, &ada[0]).await, "away");
    }
    let own = ada[1].get("/api/users/me/presence").await.expect(200);
    assert_eq!(own["status"], "online", "what she chose stays as it is");
    assert_eq!(b.until("user.status").await["data"]["status"], "online", "she made a call at the other node");
    assert_eq!(b.until("user.status").await["data"]["status"], "away");
    a.command("presence.set", json!({"status": "busy"})).await.unwrap();
    assert_eq!(b.until("user.status").await["data"]["status"], "busy");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(presence(&bob[1], &ada[0]).await, "busy", "what she chose wins");
    drop(second);
}
