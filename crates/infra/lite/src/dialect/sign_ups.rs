//! Locks of invitations.

use clowder_accounts::model::InviteId;
use clowder_core::Result;

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_invite(_: &mut Conn, _: InviteId) -> Result<()> {
    Ok(())
}
