//! Locks of the readers of the journal.

use clowder_core::Result;
use diesel::prelude::*;

use super::Conn;
use crate::domains::readers::readers;

/// Taken by a reader that works, and by everybody who deletes what it has written and must not get it back.
pub fn lock_reader(conn: &mut Conn, name: &str) -> Result<()> {
    readers::table.find(name).select(readers::name).for_no_key_update().first::<String>(conn).optional()?;
    Ok(())
}
