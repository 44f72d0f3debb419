//! Several nodes over a PostgreSQL and a Redis of their own, each of which can fail.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::time::sleep;

use super::Dice;
use crate::{
    Client, Database, Postgres, Redis, Relay, Server,
    server::{binary, migrate},
};

/// Where the nodes that are up listen.
pub type Addresses = Arc<Mutex<Vec<Option<String>>>>;

pub struct Cluster {
    nodes: Vec<Node>,
    addresses: Addresses,
    database: Database,
    postgres: Postgres,
    redis: Option<Redis>,
    /// The present version of the server, and perhaps an earlier one. Each start of a node draws one.
    binaries: Vec<PathBuf>,
}

struct Node {
    server: Option<Server>,
    /// Its way to the database.
    relay: Relay,
    /// Its way to Redis.
    redis_relay: Option<Relay>,
    /// By how many seconds its clock is wrong.
    clock: PathBuf,
    settings: Vec<(&'static str, String)>,
}

/// A migration that this version does not know.
const OF_A_LATER_VERSION: [&str; 4] = [
    "CREATE TABLE of_a_later_version (id uuid PRIMARY KEY, chat_id uuid REFERENCES chats (id))",
    "ALTER TABLE messages ADD COLUMN of_a_later_version text",
    "ALTER TABLE users ADD COLUMN of_a_later_version bigint NOT NULL DEFAULT 7",
    "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    NodeIsKilled,
    NodeStops,
    NodeHangs,
    NodeIsCutFromTheDatabase,
    NodeHearsNothingOfTheDatabase,
    NodeIsFarFromTheDatabase,
    DatabaseCrashes,
    DatabaseRestarts,
    RedisIsKilled,
    RedisHangs,
    RedisForgets,
    NodeIsCutFromRedis,
    NodeHearsNothingOfRedis,
    NodeIsFarFromRedis,
    NodeAndRedisAreKilled,
}

impl Fault {
    pub fn all(with_redis: bool) -> Vec<Self> {
        let mut all = vec![
            Self::NodeIsKilled,
            Self::NodeStops,
            Self::NodeHangs,
            Self::NodeIsCutFromTheDatabase,
            Self::NodeHearsNothingOfTheDatabase,
            Self::NodeIsFarFromTheDatabase,
            Self::DatabaseCrashes,
            Self::DatabaseRestarts,
        ];
        if with_redis {
            all.extend([
                Self::RedisIsKilled,
                Self::RedisHangs,
                Self::RedisForgets,
                Self::NodeIsCutFromRedis,
                Self::NodeHearsNothingOfRedis,
                Self::NodeIsFarFromRedis,
                Self::NodeAndRedisAreKilled,
            ]);
        }
        all
    }
}

impl Cluster {
    pub async fn start(nodes: usize, with_redis: bool, other_binary: Option<PathBuf>) -> Self {
        let postgres = Postgres::new();
        let redis = if with_redis { Some(Redis::start().await) } else { None };
        let binaries: Vec<_> = [binary().clone()].into_iter().chain(other_binary).collect();
        // Everything begins with the earlier version.
        let first = binaries.len() - 1;
        let database = Database::of_version(&binaries[first], postgres.run("start"));
        let mut cluster =
            Self { nodes: Vec::new(), addresses: Addresses::default(), database, postgres, redis, binaries };
        for number in 0..nodes {
            let relay = Relay::to(&cluster.database.url).await;
            let mut settings = vec![
                ("DATABASE_URL", relay.through(&cluster.database.url)),
                // Nobody signs in again meanwhile.
                ("ACCESS_TOKEN_SECONDS", "86400".to_owned()),
            ];
            let mut redis_relay = None;
            if let Some(redis) = &cluster.redis {
                let relay = redis_relay.insert(Relay::to(&redis.url()).await);
                settings.push(("REDIS_URL", relay.through(&redis.url())));
            }
            // Clocks are apart: a little while a node starts, because it would not be ready, and more afterwards.
            let clock = cluster.database.folder.path().join(format!("clock{number}"));
            settings.extend([("DEBUG", "true".to_owned()), ("TEST_CLOCK_FILE", clock.display().to_string())]);
            cluster.nodes.push(Node { server: None, relay, redis_relay, clock, settings });
            cluster.addresses.lock().unwrap().push(None);
            cluster.start_node(number, first as u64).await;
        }
        cluster
    }

    /// A rolling upgrade to the present version: the schema first, then one node after the other. If there is no earlier
    /// version, it is one to a later version that does not exist: what that would change in the schema and write about
    /// these chats appears, and the nodes are started again as they are.
    pub async fn upgrade(&mut self, chats: &[&String]) {
        let is_known = self.binaries.len() > 1;
        if is_known {
            migrate(&self.database.url);
        } else {
            OF_A_LATER_VERSION.iter().for_each(|statement| self.database.psql(statement));
        }
        for number in 0..self.nodes.len() {
            for chat in chats.iter().filter(|_| !is_known) {
                let later = json!({"of_a_later_version": true});
                self.database.scribe().unreadable(chat, 3).tells(("chat", chat), &later).commit();
            }
            assert!(self.take(number).stop().await.success(), "a node that stops has failed");
            self.start_node(number, 0).await;
        }
    }

    /// How often nodes have closed sockets because their clients did not read.
    pub async fn overflows(&self) -> u64 {
        let mut all = 0;
        for server in self.nodes.iter().filter_map(|node| node.server.as_ref()) {
            let metrics = Client::new(&server.address).get("/metrics").await.text;
            let count = metrics.lines().find_map(|line| line.strip_prefix("clowder_sockets_too_slow_total "));
            all += count.map_or(0, |count| count.parse::<u64>().unwrap());
        }
        all
    }

    pub fn addresses(&self) -> Addresses {
        Arc::clone(&self.addresses)
    }

    async fn start_node(&mut self, number: usize, version: u64) {
        let node = &mut self.nodes[number];
        let set_clock = |ahead: f64| std::fs::write(&node.clock, ahead.to_string()).unwrap();
        let apart = number as f64 - 1.0;
        set_clock(0.4 * apart);
        let settings: Vec<_> = node.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let binary = &self.binaries[version as usize % self.binaries.len()];
        let server = Server::start_binary(binary, &self.database, &settings).await;
        set_clock(3.0 * apart);
        self.addresses.lock().unwrap()[number] = Some(server.address.clone());
        node.server = Some(server);
    }

    fn take(&mut self, number: usize) -> Server {
        self.addresses.lock().unwrap()[number] = None;
        self.nodes[number].server.take().unwrap()
    }

    /// Lets something fail for a while. Afterwards all is as before.
    pub async fn suffer(&mut self, fault: Fault, dice: &mut Dice) {
        let number = dice.below(self.nodes.len() as u64) as usize;
        let while_it_lasts = Duration::from_millis(200 + dice.below(2_000));
        match fault {
            Fault::NodeIsKilled => {
                self.take(number).kill().await;
                sleep(while_it_lasts).await;
                self.start_node(number, dice.roll()).await;
            }
            Fault::NodeStops => {
                assert!(self.take(number).stop().await.success(), "a node that stops has failed");
                sleep(while_it_lasts).await;
                self.start_node(number, dice.roll()).await;
            }
            Fault::NodeHangs => {
                let server = self.nodes[number].server.as_ref().unwrap();
                server.freeze();
                sleep(while_it_lasts).await;
                server.thaw();
            }
            Fault::NodeIsCutFromTheDatabase => self.nodes[number].relay.cut_present().await,
            Fault::NodeHearsNothingOfTheDatabase => {
                self.nodes[number].relay.silence();
                sleep(while_it_lasts).await;
                self.nodes[number].relay.speak();
                self.nodes[number].relay.cut_present().await;
            }
            Fault::NodeIsFarFromTheDatabase => self.nodes[number].relay.is_far(dice, while_it_lasts).await,
            Fault::DatabaseCrashes => {
                self.postgres.run("crash");
                sleep(while_it_lasts).await;
                self.postgres.run("start");
            }
            Fault::DatabaseRestarts => {
                self.postgres.run("stop");
                self.postgres.run("start");
            }
            Fault::RedisIsKilled => {
                self.redis().kill();
                sleep(while_it_lasts).await;
                self.redis().start_again().await;
            }
            Fault::RedisHangs => {
                self.redis().freeze();
                sleep(while_it_lasts).await;
                self.redis().thaw();
            }
            Fault::RedisForgets => self.redis().flush().await,
            Fault::NodeIsCutFromRedis => self.way_to_redis(number).cut_present().await,
            Fault::NodeHearsNothingOfRedis => {
                let relay = self.way_to_redis(number);
                relay.silence();
                sleep(while_it_lasts).await;
                relay.speak();
                relay.cut_present().await;
            }
            Fault::NodeIsFarFromRedis => self.way_to_redis(number).is_far(dice, while_it_lasts).await,
            Fault::NodeAndRedisAreKilled => {
                self.redis().kill();
                self.take(number).kill().await;
                sleep(while_it_lasts).await;
                self.start_node(number, dice.roll()).await;
                self.redis().start_again().await;
            }
        }
    }

    fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().unwrap()
    }

    fn way_to_redis(&self, number: usize) -> &Relay {
        self.nodes[number].redis_relay.as_ref().unwrap()
    }
}

impl Relay {
    /// What goes over it takes long for a while.
    async fn is_far(&self, dice: &mut Dice, while_it_lasts: Duration) {
        self.delay(Duration::from_millis(5 + dice.below(100)));
        sleep(while_it_lasts).await;
        self.delay(Duration::ZERO);
    }
}

/// The address of a node that is up, as far as is known.
pub async fn any(addresses: &Addresses, dice: &mut Dice) -> String {
    loop {
        let up: Vec<_> = addresses.lock().unwrap().iter().flatten().cloned().collect();
        if !up.is_empty() {
            return up[dice.below(up.len() as u64) as usize].clone();
        }
        sleep(Duration::from_millis(50)).await;
    }
}
