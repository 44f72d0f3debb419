//! Two nodes over one PostgreSQL, with a Redis that fails over: to a replica chosen by Sentinels, and in a Cluster. And
//! with one that speaks TLS.

use std::time::{Duration, Instant};

use clowder_tests::{
    Redis, RedisCluster, Sentinels, Server, User, World, mail::Certificate, until, within, world::each,
};
use serde_json::json;
use tokio::time::timeout;

use super::{
    nodes::{two_nodes, until_bus_is},
    presence::until_is,
};

/// How long it may take until all is as before.
const AGAIN: Duration = Duration::from_secs(40);

/// What a node says that does not reach Redis.
const POLLED: &str = "redis: no message arrives, so changes are polled";

struct Nodes {
    world: World,
    other: Server,
    ada: User,
    bob: User,
    chat: String,
}

impl Nodes {
    async fn start(redis: &str) -> Self {
        Self::start_with(&[("REDIS_URL", redis)]).await
    }

    async fn start_with(settings: &[(&str, &str)]) -> Self {
        let (world, other, ada, bob, chat) = two_nodes(settings).await;
        until_bus_is([&ada, &bob], "redis: messages arrive").await;
        let nodes = Self { world, other, ada, bob, chat };
        nodes.until_they_count_together().await;
        nodes
    }

    async fn until_they_count_together(&self) {
        within(AGAIN, "both count in Redis", async || {
            let mut shared = 0;
            for user in [&self.ada, &self.bob] {
                let metrics = user.get("/metrics").await.text;
                shared += usize::from(metrics.contains("\nclowder_limits_shared 1\n"));
            }
            shared == 2
        })
        .await;
    }

    /// One server dies. No event is lost, repeated or reordered, and afterwards typing and presence pass from node to
    /// node again, and rates are counted together.
    async fn outlive(&self, dies: impl FnOnce()) {
        let Self { world, other, ada, bob, chat } = self;
        let base = ada.chat(chat).await["last_seq"].as_i64().unwrap();
        let (mut heard, mut typed, mut bobs) = (bob.socket().await, ada.socket().await, bob.socket().await);
        ada.says(chat, "before").await;
        dies();
        let died = Instant::now();
        // These are counted, too, so each node learns at once that Redis is gone if it is.
        ada.says(chat, "0").await;
        bob.says(chat, "1").await;
        for n in 2..20 {
            ada.says(chat, &n.to_string()).await;
        }
        let mut seen = Vec::new();
        while seen.len() < 21 {
            seen.push(heard.until("message.sent").await["data"].clone());
        }
        assert_eq!(each(&seen, "seq"), (base + 1..=base + 21).map(|seq| json!(seq)).collect::<Vec<_>>());
        within(AGAIN, "typing is seen at the other node", async || {
            bobs.command("typing.start", json!({"chat_id": chat})).await.unwrap();
            timeout(Duration::from_millis(2_500), typed.until("typing.start")).await.is_ok()
        })
        .await;
        println!("typing passes again after {:?}", died.elapsed());
        bobs.command("typing.stop", json!({"chat_id": chat})).await.unwrap();
        typed.until("typing.stop").await;
        let newcomer = world.user(&format!("cem{base}")).await.at(other);
        let _online = newcomer.socket().await;
        until_is(ada, &newcomer, "online").await;
        self.until_they_count_together().await;
        until_bus_is([ada, bob], "redis: messages arrive").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_choose_another_redis() {
    let mut redis = Sentinels::start().await;
    let nodes = Nodes::start(&redis.url()).await;
    assert!(redis.servers[1].order("SET any 1").await.starts_with("-READONLY"));
    nodes.outlive(|| redis.servers[0].kill()).await;
    assert_eq!(redis.servers[1].order("SET any 1").await, "+OK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_redis_loses_one_node_after_the_other() {
    let mut redis = RedisCluster::start().await;
    let nodes = Nodes::start(&redis.url()).await;
    // One of these has the rates, and the nodes listen to the first that answers.
    for number in 0..3 {
        nodes.outlive(|| redis.servers[number].kill()).await;
        redis.servers[number].start_again().await;
        until("it belongs to the cluster again", async || {
            redis.servers[number].all("CLUSTER INFO").await.contains("cluster_state:ok")
        })
        .await;
        redis.until_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_reached_by_tls_with_a_password_and_only_if_its_certificate_is_trusted() {
    let certificate = Certificate::new();
    let (mut redis, url) = Redis::start_tls(&certificate, "s3cret").await;
    let trusted = certificate.file();
    let nodes = Nodes::start_with(&[("REDIS_URL", &url), ("SSL_CERT_FILE", &trusted)]).await;
    let doubtful = Server::start(&nodes.world.database, &[("REDIS_URL", &url)]).await;
    until_bus_is([&nodes.ada.at(&doubtful), &nodes.bob.at(&doubtful)], POLLED).await;
    redis.kill();
    until_bus_is([&nodes.ada, &nodes.bob], POLLED).await;
    redis.start_again().await;
    nodes.outlive(|| ()).await;
}
