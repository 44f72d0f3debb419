//! A PostgreSQL that is faulty: unresponsive, cut off, read-only, out of connections, locked.

use std::time::Duration;

use clowder_tests::{Answer, Database, Postgres, Relay, User, World, answer, database::psql};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Short limits, to keep the story short.
const DEADLINES: &[(&str, &str)] = &[
    ("DATABASE_STATEMENT_SECONDS", "2"),
    ("DATABASE_WAIT_SECONDS", "2"),
    ("DATABASE_CONNECT_SECONDS", "2"),
    ("JOB_CONCURRENCY", "0"),
];

/// Repeats the call until this is the answer.
async fn until(status: u16, ask: impl AsyncFn() -> Answer) -> Answer {
    answer(&format!("{status}"), async || Some(ask().await).filter(|answer| answer.status == status)).await
}

/// How many calls of both kinds succeed when all are made at once; the others must get a proper refusal.
async fn at_once(user: &User, chat: &str, calls: usize) -> usize {
    let mut asked = Vec::new();
    for i in 0..calls {
        let (user, chat) = (user.clone(), chat.to_owned());
        asked.push(tokio::spawn(async move {
            match i % 6 {
                0..=2 => user.may_fail().get("/api/chats").await,
                3 => user.may_fail().patch("/api/auth/me", json!({"bio": format!("{i}")})).await,
                _ => {
                    user.may_fail()
                        .post(&format!("/api/chats/{chat}/messages"), json!({"content": format!("{i}")}))
                        .await
                }
            }
        }));
    }
    let mut well = 0;
    for answer in asked {
        let answer = answer.await.unwrap();
        assert!(matches!(answer.status, 200 | 201 | 503), "{}", answer.text);
        well += usize::from(answer.status != 503);
    }
    well
}

/// A server whose PostgreSQL is reached through a relay, with somebody in it and a chat of theirs.
async fn behind_a_relay(settings: &[(&str, &str)]) -> (World, Relay, User, String) {
    let mut database = Database::postgres();
    let relay = Relay::to(&database.url).await;
    database.url = relay.through(&database.url);
    let world = World::with(database, settings).await;
    let ada = world.user("ada").await;
    let chat = ada.group("Cats", &[&world.user("bob").await]).await;
    (world, relay, ada, chat)
}

/// Waits until a send is accepted.
async fn sends_again(user: &User, chat: &str) {
    let path = format!("/api/chats/{chat}/messages");
    until(201, async || user.may_fail().post(&path, json!({"content": "back"})).await).await;
}

/// The checks that fail, as readiness tells them, which it does within a second.
async fn unready(world: &World) -> Vec<Value> {
    let ask = async || {
        let asked = Instant::now();
        let answer = world.nobody().may_fail().get("/api/health/ready").await;
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        answer
    };
    until(503, ask).await.refused(503, "not_ready")["errors"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_falls_silent_holds_nobody() {
    let (world, relay, ada, chat) = behind_a_relay(DEADLINES).await;
    assert_eq!(at_once(&ada, &chat, 30).await, 30, "{}", world.server.log());

    relay.silence_present();
    let asked = Instant::now();
    at_once(&ada, &chat, 30).await;
    assert!(asked.elapsed() < Duration::from_secs(10), "everybody is told within a bound: {:?}", asked.elapsed());
    sends_again(&ada, &chat).await;
    until(200, async || world.nobody().may_fail().get("/api/health/ready").await).await;
    assert_eq!(at_once(&ada, &chat, 30).await, 30, "the silent connections are gone");
    let measured = world.nobody().may_fail().get("/metrics").await.text;
    assert!(measured.contains("clowder_database_cut_total"), "it is counted");
    assert!(measured.contains(r#"clowder_database_errors_total{database="postgres""#), "by kind");

    relay.silence();
    let calls = tokio::spawn({
        let (ada, chat) = (ada.clone(), chat.clone());
        async move { at_once(&ada, &chat, 30).await }
    });
    let failing = unready(&world).await;
    assert!(failing.iter().any(|check| check["pointer"] == "database"), "{failing:?}");
    assert_eq!(world.nobody().may_fail().get("/api/health/live").await.status, 200);
    assert_eq!(calls.await.unwrap(), 0);

    let asked = Instant::now();
    assert!(world.server.stop().await.code().is_some(), "it ends by itself");
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
}

/// Sends one after the other, each once the server has surely taken the one before, and says how long each waited.
async fn one_after_the_other(user: &User, chat: &str, sends: usize) -> Vec<(Answer, Duration)> {
    let mut asked = Vec::new();
    for i in 0..sends {
        let (user, path) = (user.clone(), format!("/api/chats/{chat}/messages"));
        asked.push(tokio::spawn({
            let user = user.clone();
            async move {
                let began = Instant::now();
                (user.may_fail().post(&path, json!({"content": format!("{i}")})).await, began.elapsed())
            }
        }));
        for _ in 0..10 {
            assert_eq!(user.may_fail().get("/api/health/live").await.status, 200);
        }
    }
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_on_a_host_that_falls_silent_are_told_within_the_bound() {
    let (world, relay, ada, chat) = behind_a_relay(DEADLINES).await;
    // A statement has 2 s, and a missing response another 2 s.
    let bound = Duration::from_millis(4900);
    ada.says(&chat, "warm").await;
    relay.silence();
    for (answer, waited) in one_after_the_other(&ada, &chat, 8).await {
        answer.refused(503, "unavailable");
        assert!(waited < bound, "{waited:?}");
    }
    relay.speak();
    sends_again(&ada, &chat).await;

    // Nor does stopping drop anybody without a message.
    relay.silence();
    let sends = tokio::spawn({
        let (ada, chat) = (ada.clone(), chat.clone());
        async move {
            let began = Instant::now();
            let sends = (0..8).map(|i| {
                let (ada, path) = (ada.clone(), format!("/api/chats/{chat}/messages"));
                tokio::spawn(async move { ada.may_fail().post(&path, json!({"content": format!("{i}")})).await })
            });
            for answer in sends.collect::<Vec<_>>() {
                answer.await.unwrap().refused(503, "unavailable");
            }
            began.elapsed()
        }
    });
    assert!(!unready(&world).await.is_empty());
    assert!(world.server.stop().await.code().is_some(), "it ends by itself");
    let waited = sends.await.unwrap();
    assert!(waited < bound, "{waited:?}");
}

/// They wait for each other, but not for each other's connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_marks_on_a_host_that_falls_silent_are_told_within_the_bound() {
    let (world, relay, ada, chat) = behind_a_relay(DEADLINES).await;
    let bob = world.login("bob").await;
    let last = bob.says(&chat, "hello").await["seq"].clone();
    let path = format!("/api/chats/{chat}/read");
    ada.post(&path, json!({"seq": 0})).await.expect(200);

    relay.silence();
    let marks: Vec<_> = (0..8)
        .map(|_| {
            let (ada, path, mark) = (ada.clone(), path.clone(), json!({"seq": last}));
            tokio::spawn(async move {
                let began = Instant::now();
                (ada.may_fail().post(&path, mark).await, began.elapsed())
            })
        })
        .collect();
    let mut bounds = Vec::new();
    for mark in marks {
        let (answer, waited) = mark.await.unwrap();
        answer.refused(503, "unavailable");
        bounds.push(waited);
    }
    bounds.sort();
    // One statement gets no response for 4 s; calls that wait for it are refused after 2 s.
    assert!(bounds[6] < Duration::from_millis(2900) && bounds[7] < Duration::from_millis(4900), "{bounds:?}");
    relay.speak();
    let marked = until(200, async || ada.may_fail().post(&path, json!({"seq": last})).await).await;
    assert_eq!(marked.body["seq"], last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_cut_cost_nobody_an_answer() {
    let (world, relay, ada, chat) = behind_a_relay(&[]).await;
    assert_eq!(at_once(&ada, &chat, 60).await, 60);
    relay.cut_present().await;
    assert_eq!(at_once(&ada, &chat, 60).await, 60, "cut on the way: {}", world.server.log());
    // 57P01, sent to idle connections; waits until each has received it.
    psql(
        &world.database.url,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> \
         pg_backend_pid()",
    );
    assert_eq!(at_once(&ada, &chat, 60).await, 60, "ended by an administrator");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_unnoticed_cost_nobody_an_answer() {
    let (world, relay, ada, chat) = behind_a_relay(&[]).await;
    assert_eq!(at_once(&ada, &chat, 60).await, 60);
    // More calls than there are connections of either kind, one after the other.
    relay.forget_present();
    for _ in 0..24 {
        ada.may_fail().get("/api/chats").await.expect(200);
    }
    for i in 0..24 {
        ada.may_fail().patch("/api/auth/me", json!({"bio": format!("{i}")})).await.expect(200);
        ada.says(&chat, "still here").await;
    }
    relay.forget_present();
    assert_eq!(at_once(&ada, &chat, 60).await, 60, "{}", world.server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_was_switched_is_let_go() {
    let postgres = Postgres::new();
    let url = postgres.run("start");
    let world = World::new(Database::at(url.clone())).await;
    let ada = world.user("ada").await;
    let chat = ada.group("Cats", &[&world.user("bob").await]).await;
    assert_eq!(at_once(&ada, &chat, 30).await, 30, "{}", world.server.log());

    // As after a failover: open sessions become read-only, new ones may write.
    psql(&url, "ALTER DATABASE postgres SET default_transaction_read_only = off");
    psql(&url, "ALTER SYSTEM SET default_transaction_read_only = on");
    psql(&url, "SELECT pg_reload_conf()");
    // Sessions learn of it one after the other. The first write that is refused replaces them all.
    clowder_tests::until("a write is refused", async || {
        ada.may_fail().post(&format!("/api/chats/{chat}/messages"), json!({"content": "on"})).await;
        world.nobody().may_fail().get("/metrics").await.text.contains(r#"kind="read_only""#)
    })
    .await;
    assert_eq!(at_once(&ada, &chat, 30).await, 30, "all connections are new ones");

    // And as without a primary: nobody may write, and the error says so.
    psql(&url, "ALTER DATABASE postgres RESET default_transaction_read_only");
    psql(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND \
         backend_type = 'client backend'",
    );
    until(503, async || ada.may_fail().post(&format!("/api/chats/{chat}/messages"), json!({"content": "no"})).await)
        .await;
    ada.may_fail().get("/api/chats").await.expect(200);
    let failing = until(503, async || world.nobody().may_fail().get("/api/health/ready").await).await;
    assert!(failing.text.contains("writes"), "{}", failing.text);
    psql(&url, "ALTER SYSTEM RESET default_transaction_read_only");
    psql(&url, "SELECT pg_reload_conf()");
    until(201, async || ada.may_fail().post(&format!("/api/chats/{chat}/messages"), json!({"content": "yes"})).await)
        .await;
    until(200, async || world.nobody().may_fail().get("/api/health/ready").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_used_up_slow_nobody_down_for_long() {
    let postgres = Postgres::new();
    let url = postgres.run("start");
    psql(&url, "CREATE ROLE app LOGIN PASSWORD 'app' CONNECTION LIMIT 3");
    psql(&url, "CREATE DATABASE app OWNER app");
    let (_, host) = url.rsplit_once('@').unwrap();
    let (host, _) = host.split_once('/').unwrap();
    let world = World::new(Database::at(format!("postgres://app:app@{host}/app"))).await;
    let ada = world.user("ada").await;
    let chat = ada.group("Cats", &[&world.user("bob").await]).await;
    assert_eq!(at_once(&ada, &chat, 90).await, 90, "few connections do for many calls");

    psql(&url, "ALTER ROLE app CONNECTION LIMIT 0");
    psql(&url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    until(503, async || ada.may_fail().get("/api/chats").await).await;
    let failing = unready(&world).await;
    assert!(failing.iter().any(|check| check["message"] == "cannot be reached"), "{failing:?}");
    psql(&url, "ALTER ROLE app CONNECTION LIMIT -1");
    sends_again(&ada, &chat).await;
    until(200, async || world.nobody().may_fail().get("/api/health/ready").await).await;

    // A restart while there are no calls affects nobody.
    postgres.run("stop");
    assert_eq!(ada.may_fail().get("/api/chats").await.status, 503);
    postgres.run("start");
    // The result of a readiness check is kept for a moment, so a call shows more.
    until(200, async || ada.may_fail().get("/api/chats").await).await;
    until(200, async || world.nobody().may_fail().get("/api/health/ready").await).await;
    until(200, async || ada.may_fail().patch("/api/auth/me", json!({"bio": "back"})).await).await;
    assert_eq!(at_once(&ada, &chat, 30).await, 30, "{}", world.server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_keeps_neither_readers_nor_other_writers() {
    let world = World::new(Database::postgres()).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Cats", &[&bob]).await;
    let message = ada.says(&chat, "hello").await["id"].as_str().unwrap().to_owned();
    let held = world.database.holding(&format!("SELECT id FROM chats WHERE id = '{chat}' FOR UPDATE"));
    // More than there are writers.
    let edits: Vec<_> = (0..40)
        .map(|i| {
            let (ada, path) = (ada.clone(), format!("/api/messages/{message}"));
            tokio::spawn(async move { ada.may_fail().patch(&path, json!({"content": format!("{i}")})).await })
        })
        .collect();
    for _ in 0..20 {
        let asked = Instant::now();
        bob.may_fail().get("/api/chats").await.expect(200);
        assert!(asked.elapsed() < Duration::from_secs(1), "readers have connections of their own");
    }
    let asked = Instant::now();
    until(200, async || bob.may_fail().patch("/api/auth/me", json!({"bio": "still here"})).await).await;
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    for edit in edits {
        let edit = edit.await.unwrap();
        assert_eq!(edit.status, 503, "a lock that is held is no fault: {}", edit.text);
    }
    let measured = world.nobody().may_fail().get("/metrics").await.text;
    assert!(measured.contains(r#"kind="contended""#), "{measured}");
    drop(held);
    until(200, async || ada.may_fail().patch(&format!("/api/messages/{message}"), json!({"content": "x"})).await).await;
}
