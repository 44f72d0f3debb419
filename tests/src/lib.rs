//! A kit for stories, which test the real server.
//!
//! A story is an `async fn(World)`. [`on_both!`] runs it twice, on SQLite and on PostgreSQL, each time against a
//! separate server process on a free port with a database of its own; or, after `shared;`, against those of the suite.
//! Nothing here sleeps: a story waits for a response, a frame or an exit, and fails if none arrives within
//! [`PATIENCE`].

pub mod authenticator;
pub mod browser;
pub mod chaos;
pub mod client;
pub mod command;
pub mod database;
mod documented;
pub mod documents;
pub mod domains;
pub mod files;
pub mod firefox;
pub mod job_process;
pub mod lists;
pub mod mail;
pub mod pooler;
pub mod postgres;
mod process;
pub mod proxy;
pub mod push;
pub mod receiver;
pub mod recorded;
pub mod redis;
pub mod redis_groups;
pub mod relay;
pub mod scribe;
pub mod server;
mod shared;
pub mod socket;
pub mod stream;
pub mod tags;
pub mod texts;
pub mod things;
pub mod wait;
pub mod web_pages;
pub mod world;

pub use browser::{Browser, Site};
pub use client::{Answer, Client};
pub use database::Database;
pub use firefox::Firefox;
pub use job_process::JobProcess;
pub use mail::{Mailbox, Post, ReceivedEmail};
pub use pooler::Pooler;
pub use postgres::{Postgres, SmallPostgres};
pub use proxy::Place;
pub use redis::Redis;
pub use redis_groups::{RedisCluster, Sentinels};
pub use relay::Relay;
pub use scribe::Scribe;
pub use server::Server;
pub use socket::{Auth, Heard, Socket};
pub use stream::Stream;
pub use wait::{answer, until, within};
pub use world::{User, World};

use std::{
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    time::Duration,
};

/// How long a story waits for something that should happen at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Within this time all nodes know about revoked or changed access.
pub const SECOND: Duration = Duration::from_secs(1);

/// Runs each story on both databases; after `with […];` the server has these settings, and after `shared;` or
/// `shared with […];` it is one of the suite, where all names of a test get a suffix of their own ([`World::name`]).
#[macro_export]
macro_rules! on_both {
    ($($story:ident),+ $(,)?) => { $crate::on_both!(with []; $($story),+); };
    (shared; $($story:ident),+ $(,)?) => { $crate::on_both!(shared with []; $($story),+); };
    (shared with $settings:tt; $($story:ident),+ $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$story($crate::World::shared_on_sqlite(&$settings).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$story($crate::World::shared_on_postgres(&$settings).await).await;
            }
        }
    )+};
    (with $settings:tt; $($story:ident),+ $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let database = $crate::Database::sqlite();
                super::$story($crate::World::with(database, &$settings).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let database = $crate::Database::postgres();
                super::$story($crate::World::with(database, &$settings).await).await;
            }
        }
    )+};
}

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A setting of the test run itself.
pub fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests are told where things are by whoever runs them")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A unique name: for databases, and for keys that only have to differ.
pub fn unique() -> String {
    format!("{:016x}", RandomState::new().hash_one(0))
}
