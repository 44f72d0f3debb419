//! Locks of groups and of those who have to do with them.

use clowder_core::{Result, UserId};
use clowder_social::groups::GroupId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::{accounts::users, groups::groups};

/// Taken by everybody who changes what these people have to do with groups, before the group.
pub fn lock_users(conn: &mut Conn, ids: &[UserId]) -> Result<()> {
    let some = users::table.filter(users::id.eq_any(ids)).order(users::id).select(users::id);
    some.for_no_key_update().load::<UserId>(conn)?;
    Ok(())
}

/// Taken by everybody who changes a group or who is in it, before its chat.
pub fn lock_group(conn: &mut Conn, group: GroupId) -> Result<()> {
    groups::table.find(group).select(groups::id).for_no_key_update().first::<GroupId>(conn).optional()?;
    Ok(())
}
