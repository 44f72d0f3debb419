//! Two nodes that reach PostgreSQL through PgBouncer in transaction mode.

use std::time::{Duration, Instant};

use clowder_tests::{Database, Pooler, Postgres, Redis, Server, World, database::psql, world::each};
use futures_util::future::join_all;
use serde_json::json;

use super::nodes::until_bus_is;

/// How many connections the clients have in all: those of the pooler, one of each node that listens, and that of the
/// question itself.
const MOST: usize = Pooler::CONNECTIONS + 2 + 1;

/// Fails if a connection is not as Clowder wants it, or has kept what was meant for one transaction.
const AS_IT_SHOULD_BE: &str = "DO $$ BEGIN \
    IF (current_setting('synchronous_commit'), current_setting('lock_timeout'), current_setting('statement_timeout'), \
        current_setting('jit')) <> ('on', '1500ms', '10s', 'off') \
    THEN RAISE EXCEPTION 'a setting is wrong'; END IF; END $$";

/// How nodes hear of each other.
enum Bus {
    Redis,
    /// Over connections that do not go through the pooler.
    Direct,
    /// By chance, or not at all.
    Pooled,
}

async fn behind_a_pooler(by: Bus) {
    let postgres = Postgres::new();
    let database = Database::at(postgres.run("start"));
    let direct = database.url.clone();
    let pooler = Pooler::before(&direct).await;
    let pooled = pooler.through(&direct);
    let redis = Redis::start().await;
    let url = redis.url();
    let (more, bus) = match by {
        Bus::Redis => (Some(("REDIS_URL", &*url)), Some("redis: messages arrive")),
        Bus::Direct => (Some(("DATABASE_DIRECT_URL", &*direct)), Some("postgres: messages arrive")),
        Bus::Pooled => (None, None),
    };
    let settings: Vec<_> = [("DATABASE_URL", &*pooled)].into_iter().chain(more).collect();
    let world = World::with(database, &settings).await;
    let other = Server::start(&world.database, &settings).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let bob = bob.at(&other);
    if let Some(state) = bus {
        until_bus_is([&ada, &bob], state).await;
    }

    // Both send at once, each message twice.
    let base = ada.chat(&chat).await["last_seq"].as_i64().unwrap();
    let mut sockets = [ada.socket().await, bob.socket().await];
    let (path, each_sends) = (format!("/api/chats/{chat}/messages"), 60);
    let sent = (0..4 * each_sends).map(|n| {
        let (sender, path) = (if n % 2 == 0 { &ada } else { &bob }, &path);
        let new = json!({"content": "hello", "client_id": format!("{}", n / 4)});
        async move { sender.post(path, new).await }
    });
    for answer in join_all(sent).await {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    }
    let expected: Vec<_> = (base + 1..=base + 2 * each_sends).map(|seq| json!(seq)).collect();
    for socket in &mut sockets {
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            heard.push(socket.until("message.sent").await["data"].clone());
        }
        assert_eq!(each(&heard, "seq"), expected, "each once and in order");
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    let open: usize = psql(&direct, open).parse().unwrap();
    assert!((Pooler::CONNECTIONS..=MOST).contains(&open), "{open}");

    // A lock that somebody else holds is not waited for longer than without a pooler.
    let held = world.database.holding(&format!("SELECT 1 FROM users WHERE id = '{}' FOR UPDATE", ada.id));
    let asked = Instant::now();
    let answer = ada.may_fail().patch("/api/users/me", json!({"display_name": "Ada"})).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    drop(held);
    // All of its connections at once.
    let through = Database::of_another(pooled.clone());
    let held: Vec<_> = (0..Pooler::CONNECTIONS).map(|_| through.holding(AS_IT_SHOULD_BE)).collect();
    drop(held);
    ada.patch("/api/users/me", json!({"display_name": "Ada"})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_work_behind_a_pooler_and_listen_past_it() {
    behind_a_pooler(Bus::Direct).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_work_behind_a_pooler_with_redis() {
    behind_a_pooler(Bus::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_listen_through_a_pooler_lose_nothing() {
    behind_a_pooler(Bus::Pooled).await;
}
