//! Several Redis servers of a test's own, of which one takes over when another dies.

use std::process::Command;

use crate::{Redis, redis::free_port, until};

/// A primary with a replica, and three Sentinels that watch them.
pub struct Sentinels {
    pub servers: [Redis; 2],
    sentinels: Vec<Redis>,
}

impl Sentinels {
    pub async fn start() -> Self {
        let primary = Redis::start_with(&["--repl-diskless-sync-delay", "0"]).await;
        let port = primary.port().to_string();
        let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &port]).await;
        // Otherwise it would never be chosen.
        until("the replica has it all", async || primary.order("WAIT 1 100").await == ":1").await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Redis::start_sentinel(&port).await);
        }
        until("the Sentinels know each other and the replica", async || {
            for sentinel in &sentinels {
                if !sentinel.order("SENTINEL CKQUORUM main").await.starts_with("+OK 3")
                    || sentinel.order("SENTINEL REPLICAS main").await != "*1"
                {
                    return false;
                }
            }
            true
        })
        .await;
        Self { servers: [primary, replica], sentinels }
    }

    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|it| format!("127.0.0.1:{}", it.port())).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }
}

/// Three primaries with a replica each.
pub struct RedisCluster {
    pub servers: Vec<Redis>,
}

impl RedisCluster {
    pub async fn start() -> Self {
        let (mut servers, mut hosts) = (Vec::new(), Vec::new());
        for _ in 0..6 {
            let bus = free_port().to_string();
            let mut own = vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1000"];
            own.extend(["--repl-diskless-sync-delay", "0"]);
            let server = Redis::start_with(&own).await;
            hosts.push(format!("127.0.0.1:{}@{bus}", server.port()));
            servers.push(server);
        }
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(hosts)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .expect("redis-cli is not installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let cluster = Self { servers };
        cluster.until_whole().await;
        cluster
    }

    /// Each primary has a replica that could take over.
    pub async fn until_whole(&self) {
        until("all slots are served, and twice", async || {
            let mut replicated = 0;
            for server in &self.servers {
                // A replica answers with an error.
                match server.order("WAIT 1 50").await.as_str() {
                    ":1" => replicated += 1,
                    ":0" => return false,
                    _ => {}
                }
                if !server.all("CLUSTER INFO").await.contains("cluster_state:ok") {
                    return false;
                }
            }
            replicated == 3
        })
        .await;
    }

    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        format!("redis://{}/0", hosts.join(","))
    }
}
