//! The shared queries, compiled for SQLite.

mod batch;
mod dialect;
#[path = "repo/mod.rs"]
pub mod repo;
mod scrub;

pub use dialect::read_connections;
