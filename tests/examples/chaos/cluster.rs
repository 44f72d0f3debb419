//! Several nodes over a PostgreSQL and a Redis of their own, each of which can fail.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use clowder_tests::{Database, Postgres, Redis, Relay, Server};
use tokio::time::sleep;

use super::Dice;

/// Where the nodes that are up listen.
pub type Addresses = Arc<Mutex<Vec<Option<String>>>>;

pub struct Cluster {
    nodes: Vec<Node>,
    addresses: Addresses,
    database: Database,
    postgres: Postgres,
    redis: Option<Redis>,
}

struct Node {
    server: Option<Server>,
    /// Its way to the database.
    relay: Relay,
    settings: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    NodeIsKilled,
    NodeStops,
    NodeHangs,
    NodeIsCutFromTheDatabase,
    NodeHearsNothingOfTheDatabase,
    DatabaseCrashes,
    DatabaseRestarts,
    RedisIsKilled,
    RedisHangs,
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
            Self::DatabaseCrashes,
            Self::DatabaseRestarts,
        ];
        if with_redis {
            all.extend([Self::RedisIsKilled, Self::RedisHangs, Self::NodeAndRedisAreKilled]);
        }
        all
    }
}

impl Cluster {
    pub async fn start(nodes: usize, with_redis: bool) -> Self {
        let postgres = Postgres::new();
        let database = Database::at(postgres.run("start"));
        let redis = if with_redis { Some(Redis::start().await) } else { None };
        let mut cluster = Self { nodes: Vec::new(), addresses: Addresses::default(), database, postgres, redis };
        for number in 0..nodes {
            let relay = Relay::to(&cluster.database.url).await;
            let mut settings = vec![
                ("DATABASE_URL", relay.through(&cluster.database.url)),
                // Nobody signs in again meanwhile.
                ("ACCESS_TOKEN_SECONDS", "86400".to_owned()),
            ];
            settings.extend(cluster.redis.as_ref().map(|redis| ("REDIS_URL", redis.url())));
            // Clocks are apart, as far as nodes accept it.
            let clock = cluster.database.folder.path().join(format!("clock{number}"));
            std::fs::write(&clock, (0.4 * number as f64 - 0.4).to_string()).unwrap();
            settings.extend([("DEBUG", "true".to_owned()), ("TEST_CLOCK_FILE", clock.display().to_string())]);
            cluster.nodes.push(Node { server: None, relay, settings });
            cluster.addresses.lock().unwrap().push(None);
            cluster.start_node(number).await;
        }
        cluster
    }

    pub fn addresses(&self) -> Addresses {
        Arc::clone(&self.addresses)
    }

    async fn start_node(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let settings: Vec<_> = node.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = Server::start(&self.database, &settings).await;
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
                self.start_node(number).await;
            }
            Fault::NodeStops => {
                assert!(self.take(number).stop().await.success(), "a node that stops has failed");
                sleep(while_it_lasts).await;
                self.start_node(number).await;
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
            Fault::NodeAndRedisAreKilled => {
                self.redis().kill();
                self.take(number).kill().await;
                sleep(while_it_lasts).await;
                self.start_node(number).await;
                self.redis().start_again().await;
            }
        }
    }

    fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().unwrap()
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
