//! Locks of chats and their participants.

use clowder_core::{ChatId, Result, UserId};

use super::Conn;

/// One writer is lock enough.
pub fn lock_chat(_: &mut Conn, _: ChatId) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn lock_participant(_: &mut Conn, _: ChatId, _: UserId) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn keep_participants(_: &mut Conn, _: ChatId, _: &[UserId]) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn lock_creator(_: &mut Conn, _: UserId) -> Result<()> {
    Ok(())
}
