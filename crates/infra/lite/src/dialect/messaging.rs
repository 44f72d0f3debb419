//! Locks of chats and their participants.

use clowder_core::{ChatId, Result, UserId};
use clowder_messaging::scheduled::ScheduledId;

use diesel::prelude::*;

use super::Conn;
use crate::domains::messaging::chats;

/// Not needed: there is only one writer.
pub fn lock_chat(_: &mut Conn, _: ChatId) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_each(_: &mut Conn, _: &[ChatId]) -> Result<()> {
    Ok(())
}

/// Which of these chats are there. No lock is needed: there is only one writer.
pub fn keep_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<ChatId>> {
    let some = chats::table.filter(chats::id.eq_any(ids)).filter(chats::deleted_at.is_null());
    Ok(some.order(chats::id).select(chats::id).load(conn)?)
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
