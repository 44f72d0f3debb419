//! Locks of groups and of those who have to do with them.

use clowder_core::{Result, UserId};
use clowder_social::groups::GroupId;

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_users(_: &mut Conn, _: &[UserId]) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_group(_: &mut Conn, _: GroupId) -> Result<()> {
    Ok(())
}
