//! Everything that touches the outside: databases, the journal, hashing, tokens.
//!
//! [`Store::open`] takes a URL and gives the ports of all domains. PostgreSQL and SQLite are always both compiled:
//! the sources under `repo/` are ordinary, fully typed diesel over `super::dialect`, and are compiled once per
//! database, by `pg` and by `lite`. What differs between the two is a function of the same name in both dialects.

pub mod api_keys;
mod chat_summaries;
pub mod clock;
mod cron;
pub mod emails;
pub mod feed;
pub mod hasher;
pub mod job_runner;
pub mod keys;
mod lite;
pub mod mail;
mod merge;
mod pg;
pub mod privacy;
pub mod private;
mod profiles;
pub mod receipts;
mod rows;
mod schema;
pub mod seal;
mod standings;
mod statement;
pub mod store;
pub mod tokens;
pub mod totp;
pub mod turns;
pub mod url;
pub mod worker_pool;

pub use feed::{Followed, Follower};
pub use job_runner::JobRunner;
pub use pg::connection::Deadlines;
pub use store::{Check, Options, Store, Upkeep};
pub use url::DatabaseUrl;
