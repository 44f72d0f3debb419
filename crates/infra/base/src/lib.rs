//! What both databases share, compiled once: hashing, keys, sealing, tokens, emails, the feed, rates, workers, and of
//! each domain its tables and rows. It is reached through `clowder-infra` alone.

pub mod api_keys;
pub mod bus;
pub mod clock;
pub mod connection;
pub mod counting;
pub mod cron;
pub mod domains;
pub mod emails;
pub mod epochs;
pub mod feed;
pub mod hasher;
pub mod high_water;
pub mod job_runner;
pub mod keys;
pub mod mail;
pub mod merge;
pub mod privacy;
pub mod private;
pub mod profiles;
pub mod rates;
pub mod readers;
pub mod receipts;
pub mod redis_way;
pub mod seal;
pub mod segments;
pub mod shared_sockets;
pub mod skew;
pub mod sqlite_pages;
pub mod standings;
pub mod statement;
pub mod store;
pub mod texts;
pub mod tokens;
pub mod tombstones;
pub mod totp;
pub mod turns;
pub mod url;
pub mod withheld;
pub mod worker_pool;

pub use connection::Deadlines;
pub use feed::{Followed, Follower};
pub use job_runner::JobRunner;
pub use readers::Readers;
pub use store::{Check, DatabaseOptions, Options, Upkeep};
pub use url::DatabaseUrl;
