//! Locks of recipients of emails.

use clowder_core::Result;

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_mailbox(_: &mut Conn, _: &str) -> Result<()> {
    Ok(())
}
