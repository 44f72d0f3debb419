//! The shared queries, compiled for PostgreSQL.

mod batch;
pub mod connection;
mod dialect;
#[path = "repo/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "one set of queries, compiled once per database")]
pub mod repo;

pub use dialect::read_connections;
