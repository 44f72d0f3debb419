//! The shared queries, compiled for PostgreSQL. They have no unit tests, which would compile everything a second time:
//! what can be tested on its own is in `clowder-infra-base`, the rest in the contract tests of `clowder-infra`.
#![allow(rustdoc::private_intra_doc_links, reason = "for contributors; everybody else imports the facade")]

mod batch;
mod dialect;
mod identity;
mod partitions;
#[path = "../../repo/mod.rs"]
pub mod repo;

// The queries use these names as if they were here.
use clowder_infra_base::{
    DatabaseUrl, api_keys, clock, connection, cron, domains, emails, epochs, feed, hasher, high_water, keys, merge,
    privacy, readers, receipts, seal, segments, skew, statement, store, tokens, tombstones, totp, turns, withheld,
    worker_pool,
};

#[cfg(debug_assertions)]
use clowder_infra_base::texts;

pub use dialect::read_connections;
pub use identity::refused;
pub use partitions::owns_tables;
