//! Locks of the readers of the journal.

use clowder_core::Result;

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_reader(_: &mut Conn, _: &str) -> Result<()> {
    Ok(())
}
