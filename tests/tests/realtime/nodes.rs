//! Two nodes over one PostgreSQL, with Redis, without it, and with one that fails.

use std::time::Duration;

use clowder_tests::{Auth, Database, Redis, Server, Socket, User, World, until, world::each};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Ada is at the first node, Bob at the other.
pub async fn two_nodes(settings: &[(&str, &str)]) -> (World, Server, User, User, String) {
    let world = World::with(Database::postgres(), settings).await;
    let other = Server::start(&world.database, settings).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let bob = bob.at(&other);
    (world, other, ada, bob, chat)
}

/// What a server says about its bus.
async fn bus(user: &User) -> String {
    let health: Value = user.get("/api/health").await.expect(200);
    let mut checks = health["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == "bus").unwrap()["detail"].as_str().unwrap().to_owned()
}

pub async fn until_bus_is(users: [&User; 2], state: &str) {
    until(state, async || bus(users[0]).await == state && bus(users[1]).await == state).await;
}

/// How long it takes from the call of one until the other hears of it at another node: half of them, and all but one.
async fn delivery(ada: &User, bob: &User, chat: &str) -> (Duration, Duration) {
    let mut socket = bob.socket().await;
    let mut took = Vec::new();
    for n in 0..100 {
        let began = Instant::now();
        ada.says(chat, &n.to_string()).await;
        assert_eq!(socket.until("message.sent").await["data"]["content"], n.to_string());
        took.push(began.elapsed());
    }
    took.sort();
    (took[50], took[98])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_through_another_node_with_and_without_redis() {
    let redis = Redis::start().await;
    for (settings, state) in [
        (&[("REDIS_URL", redis.url())][..], "redis: messages arrive"),
        (&[], "postgres: messages arrive"),
        (&[("REDIS_URL", "redis://127.0.0.1:1".to_owned())], "redis: no message arrives, so changes are polled"),
    ] {
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (_world, _other, ada, bob, chat) = two_nodes(&settings).await;
        until_bus_is([&ada, &bob], state).await;
        let (half, most) = delivery(&ada, &bob, &chat).await;
        println!("{state}: half within {half:?}, 99 of 100 within {most:?}");
        let works = state.contains("messages arrive");
        assert!(half < Duration::from_millis(if works { 80 } else { 400 }), "{state}: {half:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_dies_and_returns_loses_repeats_and_reorders_nothing() {
    let mut redis = Redis::start().await;
    let url = redis.url();
    let (world, other, ada, bob, chat) = two_nodes(&[("REDIS_URL", &url)]).await;
    until_bus_is([&ada, &bob], "redis: messages arrive").await;
    let base = ada.chat(&chat).await["last_seq"].as_i64().unwrap();
    let mut sockets = [ada.socket().await, bob.socket().await];
    const EACH: i64 = 150;
    for n in 0..EACH {
        match n {
            50 => redis.kill(),
            100 => redis.start_again().await,
            _ => {}
        }
        let content = n.to_string();
        tokio::join!(ada.says(&chat, &content), bob.says(&chat, &content));
    }
    let expected: Vec<_> = (base + 1..=base + 2 * EACH).map(|seq| json!(seq)).collect();
    for socket in &mut sockets {
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            heard.push(socket.until("message.sent").await["data"].clone());
        }
        assert_eq!(each(&heard, "seq"), expected, "each once and in order");
    }
    until_bus_is([&ada, &bob], "redis: messages arrive").await;
    let (half, _) = delivery(&ada, &bob, &chat).await;
    assert!(half < Duration::from_millis(80), "it is quick again: {half:?}");
    // One that accepts and says nothing costs no more than one that is gone.
    for is_frozen in [false, true] {
        if is_frozen {
            redis.freeze()
        } else {
            redis.kill()
        }
        let (half, most) = delivery(&ada, &bob, &chat).await;
        println!("frozen: {is_frozen}; half within {half:?}, 99 of 100 within {most:?}");
        assert!(half < Duration::from_millis(400), "frozen: {is_frozen}; {half:?}");
        until_bus_is([&ada, &bob], "redis: no message arrives, so changes are polled").await;
        if is_frozen {
            redis.thaw()
        } else {
            redis.start_again().await
        }
        until_bus_is([&ada, &bob], "redis: messages arrive").await;
    }
    for log in [world.server.log(), other.log()] {
        let times = log.matches("the bus does not work").count();
        let ended = log.matches("other nodes are heard through the bus bus=\"redis\" was_down=true").count();
        assert!(times >= 3, "{times}");
        assert_eq!(times, ended, "it is said once each time");
    }
}

/// With Redis, somebody has so many sockets at all nodes together, and otherwise at each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_at_all_nodes_count_together() {
    let redis = Redis::start().await;
    let url = redis.url();
    for (settings, together) in [(&[("REDIS_URL", &*url)][..], true), (&[], false)] {
        let (world, other, ada, _, _) = two_nodes(settings).await;
        let counted = async || ada.get("/metrics").await.text.contains("\nclowder_limits_shared 1\n");
        let there = ada.at(&other);
        let counted_there = async || there.get("/metrics").await.text.contains("\nclowder_limits_shared 1\n");
        if together {
            until("both count in Redis", async || counted().await && counted_there().await).await;
            // Something else at the place of one count is removed, and concerns no other one.
            let held = ada.socket().await;
            let keys = redis.all("KEYS *:sockets:user:*").await;
            let place = keys.lines().find(|line| line.contains(":sockets:user:")).expect("it is counted").trim();
            redis.order(&format!("DEL {place}")).await;
            redis.order(&format!("RPUSH {place} x")).await;
            until("it is counted again", async || {
                drop(ada.socket().await);
                redis.order(&format!("TYPE {place}")).await == "+hash"
            })
            .await;
            assert!(counted().await && counted_there().await, "Redis still counts");
            drop(held);
            let none = "\nclowder_sockets 0\n";
            until("no socket is open", async || ada.get("/metrics").await.text.contains(none)).await;
        }
        let mut sockets = Vec::new();
        for n in 0..50 {
            sockets.push(if n % 2 == 0 { &ada } else { &there }.socket().await);
        }
        let access = ada.token();
        for node in [&world.server.address, &other.address] {
            let opened = Socket::open(node, Auth::Header(access), None).await;
            let refused = opened.err().map(|(status, problem)| (status, problem["code"].clone()));
            assert_eq!(refused, together.then(|| (429, json!("sockets.too_many"))));
        }
        // One that is closed at one node makes room at the other.
        sockets.pop();
        until("there is room", async || Socket::open(&world.server.address, Auth::Header(access), None).await.is_ok())
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_is_seen_at_the_other_node_and_ends_if_that_dies() {
    let redis = Redis::start().await;
    let url = redis.url();
    for (settings, state) in
        [(&[("REDIS_URL", &*url)][..], "redis: messages arrive"), (&[], "postgres: messages arrive")]
    {
        let (world, other, ada, bob, _) = two_nodes(settings).await;
        until_bus_is([&ada, &bob], state).await;
        let cem = world.user("cem").await;
        let chat = ada.group("Cats", &[&bob, &cem]).await;
        bob.put(&format!("/api/users/{}/block", cem.id), json!({})).await.expect(200);
        let (mut a, mut b, mut c) = (ada.socket().await, bob.socket().await, cem.socket().await);
        let in_chat = json!({"chat_id": chat});
        // In a large chat, whoever watches it at another node is told, and nobody else at any.
        let of = |count| format!("UPDATE chats SET participant_count = {count} WHERE title = 'Cats'");
        world.database.run(&of(257));
        let mut other_device = ada.socket().await;
        for socket in [&mut a, &mut c] {
            socket.command("chat.watch", in_chat.clone()).await.unwrap();
        }
        b.command("typing.start", in_chat.clone()).await.unwrap();
        assert_eq!(a.until("typing.start").await["data"]["user_id"], json!(bob.id));
        b.command("typing.stop", in_chat.clone()).await.unwrap();
        a.until("typing.stop").await;
        let told = other_device.drain().await;
        assert!(told.iter().all(|frame| !frame["type"].as_str().unwrap().starts_with("typing")), "{told:?}");
        world.database.run(&of(3));
        b.command("typing.start", json!({"chat_id": chat, "kind": "recording"})).await.unwrap();
        let heard = a.until("typing.start").await;
        assert_eq!(heard["data"], json!({"user_id": bob.id, "chat_id": chat, "kind": "recording"}));
        b.command("typing.stop", in_chat.clone()).await.unwrap();
        assert_eq!(a.until("typing.stop").await["data"]["user_id"], json!(bob.id));
        b.command("typing.start", in_chat).await.unwrap();
        a.until("typing.start").await;
        let began = Instant::now();
        other.kill().await;
        assert_eq!(a.until("typing.stop").await["data"]["user_id"], json!(bob.id));
        assert!((4..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        let told = c.drain().await;
        assert!(told.iter().all(|frame| !frame["type"].as_str().unwrap().starts_with("typing")), "{told:?}");
    }
}
