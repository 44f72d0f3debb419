//! Locks of accounts and their sessions.

use clowder_core::{Result, Role, SessionId, UserId, Word};
use diesel::prelude::*;

use super::Conn;
use crate::domains::accounts::{sessions, users};

/// Whoever needs these accounts to stay as they are holds this.
pub fn keep_users(conn: &mut Conn, ids: &[UserId]) -> Result<()> {
    users::table.filter(users::id.eq_any(ids)).order(users::id).select(users::id).for_share().load::<UserId>(conn)?;
    Ok(())
}

/// Whoever writes rows that name an account, and must not wait for it later, holds this.
pub fn keep_user_id(conn: &mut Conn, user: UserId) -> Result<()> {
    users::table.find(user).select(users::id).for_key_share().first::<UserId>(conn).optional()?;
    Ok(())
}

/// Whoever reads an account and then changes what was read holds this.
pub fn lock_user(conn: &mut Conn, user: UserId) -> Result<()> {
    users::table.find(user).select(users::id).for_no_key_update().first::<UserId>(conn).optional()?;
    Ok(())
}

/// Whoever changes where accounts stand holds this, before any single account.
pub fn lock_admins(conn: &mut Conn) -> Result<()> {
    let admins = users::table.filter(users::role.eq(Role::Admin.as_str())).order(users::id).select(users::id);
    admins.for_no_key_update().load::<UserId>(conn)?;
    Ok(())
}

/// Whoever changes a session or a token of it holds this.
pub fn lock_session(conn: &mut Conn, session: SessionId) -> Result<()> {
    sessions::table.find(session).select(sessions::id).for_update().first::<SessionId>(conn).optional()?;
    Ok(())
}
