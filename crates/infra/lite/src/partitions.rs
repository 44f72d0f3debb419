//! The journal of SQLite is one table, in one segment: what is old is deleted row by row.

use std::time::Duration;

use clowder_core::{Positions, Result};

use super::{dialect::Conn, repo::Db};

/// There is nothing to prepare and nothing to drop.
#[allow(clippy::unused_async, reason = "PostgreSQL has something to wait for")]
pub async fn turn(_: &Db, _measured: i64, _keep: Duration, _old: Option<&Positions>) -> Result<usize> {
    Ok(0)
}

/// No stream has left the one segment.
pub fn ends(_: &mut Conn) -> Result<Vec<(i16, i32, i64)>> {
    Ok(Vec::new())
}
