//! Locks of chats and their participants.

use clowder_core::{ChatId, Result, UserId};
use clowder_messaging::scheduled::ScheduledId;

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_chat(_: &mut Conn, _: ChatId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_participant(_: &mut Conn, _: ChatId, _: UserId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn keep_participants(_: &mut Conn, _: ChatId, _: &[UserId]) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_creator(_: &mut Conn, _: UserId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_scheduled(_: &mut Conn, _: ScheduledId) -> Result<()> {
    Ok(())
}
