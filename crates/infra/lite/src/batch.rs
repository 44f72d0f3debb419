//! The statements of the hottest path. On SQLite a statement costs no round trip: one per row, prepared once.

pub mod idempotency;
pub mod journal;
pub mod messaging;
pub mod readers;
pub mod webhooks;

use clowder_core::Result;

use super::dialect::Conn;

/// Not needed: there is only one writer.
pub fn try_claims(_: &mut Conn, _: Vec<i64>) -> Result<Vec<i64>> {
    Ok(Vec::new())
}
