//! Locks of invitations.

use clowder_accounts::model::InviteId;
use clowder_core::Result;
use diesel::prelude::*;

use super::Conn;
use crate::domains::sign_ups::invites;

/// Taken by everybody who uses an invitation.
pub fn lock_invite(conn: &mut Conn, invite: InviteId) -> Result<()> {
    invites::table.find(invite).select(invites::id).for_no_key_update().first::<InviteId>(conn).optional()?;
    Ok(())
}
