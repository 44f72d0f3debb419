//! Locks of accounts and their sessions.

use clowder_core::{Result, SessionId, UserId};

use super::Conn;

/// Not needed: there is only one writer.
pub fn keep_users(_: &mut Conn, _: &[UserId]) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn keep_free_users(_: &mut Conn, ids: &[UserId]) -> Result<Vec<UserId>> {
    Ok(ids.to_vec())
}

/// Not needed: there is only one writer.
pub fn lock_users(_: &mut Conn, _: &[UserId]) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn keep_user_id(_: &mut Conn, _: UserId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_user(_: &mut Conn, _: UserId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_admins(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_session(_: &mut Conn, _: SessionId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_names(_: &mut Conn, _: &[i64]) -> Result<()> {
    Ok(())
}
