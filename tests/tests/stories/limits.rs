//! Clients that send too many requests are told to wait, and how long.

use clowder_tests::{Answer, Database, Redis, Server, World, on_both, until, world::PASSWORD};
use serde_json::json;
use tokio::time::Instant;

on_both!(with [("RATE_LIMIT_FACTOR", "0.1")]; large_calls_cost_more);

fn remaining(answer: &Answer) -> i64 {
    answer.header("x-ratelimit-remaining").parse().unwrap()
}

/// A group of 500 costs 20 of the 100 units that are available at once; 5 are refilled per second.
async fn large_calls_cost_more(world: World) {
    let ada = world.user("ada").await;
    let group = |people: usize| json!({"type": "group", "title": "x", "participant_ids": vec![&ada.id; people]});
    let before = remaining(&ada.get("/api/auth/me").await);
    assert!((90..100).contains(&before), "{before}");
    let large = ada.post("/api/chats", group(500)).await;
    assert_eq!(large.status, 201, "{}", large.text);
    let cost = before - remaining(&large);
    assert!((1..=20).contains(&cost), "{cost}");
    let mut made = 1;
    let refused = loop {
        let answer = ada.post("/api/chats", group(500)).await;
        if answer.status != 201 {
            break answer;
        }
        made += 1;
    };
    assert!((4..20).contains(&made), "{made} groups of 500 in one burst");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    let wait = refused.header("retry-after").to_owned();
    let problem = refused.refused(429, "rate.limited");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("limit of this account was reached: 100 units at once"), "{detail}");
    assert!(detail.contains(&format!("Try again in {wait} second")), "{detail}");
    // Small calls still succeed.
    while ada.get("/api/auth/me").await.status != 200 {}
}

/// A group of 500 costs 20 of the 100 units that are available at once; 5 are refilled per second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_used_at_one_node_is_gone_at_the_other() {
    let mut redis = Redis::start().await;
    let url = redis.url();
    let settings = [("REDIS_URL", &*url), ("RATE_LIMIT_FACTOR", "0.1")];
    let world = World::with(Database::postgres(), &settings).await;
    let other = Server::start(&world.database, &settings).await;
    let nodes = [world.nobody().clone(), world.nobody().at(&other.address)];
    let shared = async |value: &str| {
        let line = format!("clowder_limits_shared {value}");
        until("both nodes say who counts", async || {
            nodes[0].get("/metrics").await.text.contains(&line) && nodes[1].get("/metrics").await.text.contains(&line)
        })
        .await;
    };
    let ada = world.user("ada").await;
    let there = ada.at(&other);
    shared("1").await;
    let group = json!({"type": "group", "title": "x", "participant_ids": vec![&ada.id; 500]});
    let spend = async || {
        for _ in 0..3 {
            assert_eq!(ada.post("/api/chats", group.clone()).await.status, 201);
        }
        (remaining(&ada.get("/api/auth/me").await), Instant::now())
    };
    let is_gone = |(left, since): (i64, Instant), there: i64| {
        let refilled = 1 + (since.elapsed().as_secs_f64() * 5.0) as i64;
        assert!(there <= left + refilled, "{there} of {left} and {refilled}");
    };
    let spent = spend().await;
    assert!(spent.0 < 80, "{spent:?}");
    is_gone(spent, remaining(&there.get("/api/auth/me").await));
    // Without Redis, each counts for itself.
    redis.kill();
    shared("0").await;
    spend().await;
    let alone = remaining(&there.get("/api/auth/me").await);
    assert!(alone > 90, "{alone}");
    redis.start_again().await;
    shared("1").await;
    let spent = spend().await;
    is_gone(spent, remaining(&there.get("/api/auth/me").await));
    for log in [world.server.log(), other.log()] {
        assert_eq!(log.matches("this node counts for itself").count(), 1, "it is said once");
        assert!(!log.contains("redis://"), "{log}");
    }
}

#[tokio::test]
async fn a_burst_is_a_third_of_a_minute() {
    let world = World::with(Database::sqlite(), &[("RATE_LIMIT_FACTOR", "0.1")]).await;
    let ada = world.user("ada").await;
    let first = ada.get("/api/auth/me").await;
    assert_eq!(
        (first.header("x-ratelimit-limit"), first.header("ratelimit-policy")),
        ("100", "\"default\";q=100;w=20")
    );
    let mut answered = 1;
    while ada.get("/api/auth/me").await.status == 200 {
        answered += 1;
    }
    assert!((100..300).contains(&answered), "{answered}");
    assert_eq!(world.nobody().get("/api/problems").await.status, 200, "others are not held up");
}

#[tokio::test]
async fn preflights_cost_nothing() {
    let world = World::with(Database::sqlite(), &[("RATE_LIMIT_FACTOR", "0.1")]).await;
    let mut least = 90;
    for _ in 0..300 {
        let preflight = world
            .nobody()
            .request("OPTIONS", "/api/chats")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST");
        let answer = Answer::to(preflight).await;
        assert_eq!(answer.status, 204);
        assert!(remaining(&answer) >= least, "it says what is left, and takes none of it: {answer:?}");
        least = remaining(&answer);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=100;w=20");
        assert!(answer.header("ratelimit").starts_with("\"default\";r="), "{answer:?}");
    }
    assert!(remaining(&world.nobody().get("/api/problems").await) >= 90);
    let foreign = world.nobody().request("OPTIONS", "/api/chats").header("host", "evil.example");
    let foreign = foreign.header("origin", "https://app.example").header("access-control-request-method", "POST");
    assert_eq!(Answer::to(foreign).await.status, 400);
}

#[tokio::test]
async fn guessing_at_one_account_is_slowed_down_sooner() {
    let world = World::with(Database::sqlite(), &[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    world.user("ada").await;
    let guess = json!({"username": "ada", "password": "not the password"});
    for _ in 0..5 {
        assert_eq!(world.nobody().post("/api/auth/login", guess.clone()).await.status, 401);
    }
    // The next attempt has to wait, also the right one, however the name is written.
    for name in ["ada", "ADA"] {
        let right = json!({"username": name, "password": PASSWORD});
        let answer = world.nobody().post("/api/auth/login", right).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "1"), "{name}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert_eq!(detail, "Too many failed attempts. Try again in 1 second.", "it tells nothing about anybody");
    }
    let other = json!({"username": "bob", "password": "not the password"});
    assert_eq!(world.nobody().post("/api/auth/login", other.clone()).await.status, 429, "from the same address");
    let elsewhere = world.nobody().request("POST", "/api/auth/login").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(Answer::to(elsewhere.json(&other)).await.status, 401, "others are not held up");
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let world = World::with(Database::sqlite(), &[("RATE_LIMIT_FACTOR", "1")]).await;
    world.user("ada").await;
    for guessed in 0..200 {
        let guess = json!({"username": format!("ada{guessed}"), "password": "not the password"});
        let answer = world.nobody().post("/api/auth/login", guess).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
            assert_eq!(guessed, 5, "as many are free");
            // An account that was used from here before is not delayed by guesses at others.
            let right = json!({"username": "ada", "password": PASSWORD});
            assert_eq!(world.nobody().post("/api/auth/login", right).await.status, 200);
            return;
        }
        assert_eq!(answer.status, 401);
    }
    panic!("200 guesses and never told to wait");
}
