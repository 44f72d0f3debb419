//! Locks of groups.

use clowder_core::Result;
use clowder_social::groups::GroupId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::groups::groups;

/// Taken by everybody who changes a group or who is in it, before its chat.
pub fn lock_group(conn: &mut Conn, group: GroupId) -> Result<()> {
    groups::table.find(group).select(groups::id).for_no_key_update().first::<GroupId>(conn).optional()?;
    Ok(())
}
