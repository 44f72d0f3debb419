//! Locks of accounts and their sessions.

use clowder_core::{Result, Role, SessionId, UserId, Word};
use diesel::{
    prelude::*,
    sql_query,
    sql_types::{Array, BigInt},
};

use super::Conn;
use crate::domains::accounts::{sessions, users};

/// Of several accounts, administrators are locked first, and each kind in the order of ids: whoever changes the standing of
/// accounts locks all administrators before the account.
const ADMIN: &str = "admin";

/// Taken by everybody who needs these accounts to stay unchanged.
pub fn keep_users(conn: &mut Conn, ids: &[UserId]) -> Result<()> {
    let some = users::table.filter(users::id.eq_any(ids)).order((users::role.ne(ADMIN), users::id)).select(users::id);
    some.for_share().load::<UserId>(conn)?;
    Ok(())
}

/// The same for those of these accounts that nobody has locked to change them; returns which.
pub fn keep_free_users(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<UserId>> {
    let some = users::table.filter(users::id.eq_any(ids)).order((users::role.ne(ADMIN), users::id)).select(users::id);
    Ok(some.for_share().skip_locked().load(conn)?)
}

/// Taken by everybody who changes what several people have to do with each other, before anything else.
pub fn lock_users(conn: &mut Conn, ids: &[UserId]) -> Result<()> {
    let some = users::table.filter(users::id.eq_any(ids)).order((users::role.ne(ADMIN), users::id)).select(users::id);
    some.for_no_key_update().load::<UserId>(conn)?;
    Ok(())
}

/// Taken by everybody who writes rows that reference an account, and must not wait for it later.
pub fn keep_user_id(conn: &mut Conn, user: UserId) -> Result<()> {
    users::table.find(user).select(users::id).for_key_share().first::<UserId>(conn).optional()?;
    Ok(())
}

/// Taken by everybody who reads an account and then changes what was read.
pub fn lock_user(conn: &mut Conn, user: UserId) -> Result<()> {
    users::table.find(user).select(users::id).for_no_key_update().first::<UserId>(conn).optional()?;
    Ok(())
}

/// Taken by everybody who changes the standing of accounts, before any single account.
pub fn lock_admins(conn: &mut Conn) -> Result<()> {
    let admins = users::table.filter(users::role.eq(Role::Admin.as_str())).order(users::id).select(users::id);
    admins.for_no_key_update().load::<UserId>(conn)?;
    Ok(())
}

/// Taken by everybody who changes a session or its tokens.
pub fn lock_session(conn: &mut Conn, session: SessionId) -> Result<()> {
    sessions::table.find(session).select(sessions::id).for_update().first::<SessionId>(conn).optional()?;
    Ok(())
}

/// Taken by everybody who gives or reserves names: numbers that stand for them, in their order.
pub fn lock_names(conn: &mut Conn, names: &[i64]) -> Result<()> {
    let lock = sql_query("SELECT pg_advisory_xact_lock(name) FROM unnest($1) AS names(name)");
    lock.bind::<Array<BigInt>, _>(names).execute(conn)?;
    Ok(())
}
