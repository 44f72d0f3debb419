//! Locks of chats and their participants.

use clowder_core::{ChatId, Result, UserId};
use clowder_messaging::scheduled::ScheduledId;
use diesel::{prelude::*, sql_query, sql_types::Text};

use super::Conn;
use crate::domains::messaging::{chats, participants, scheduled_messages};

/// Taken by everybody who changes a chat or a message in it.
pub fn lock_chat(conn: &mut Conn, chat: ChatId) -> Result<()> {
    chats::table.find(chat).select(chats::id).for_no_key_update().first::<ChatId>(conn).optional()?;
    Ok(())
}

/// The same for several, in the order of their ids.
pub fn lock_each(conn: &mut Conn, ids: &[ChatId]) -> Result<()> {
    let some = chats::table.filter(chats::id.eq_any(ids)).order(chats::id).select(chats::id);
    some.for_no_key_update().load::<ChatId>(conn)?;
    Ok(())
}

/// Taken by whoever needs these chats to be there until the end; nobody who changes them waits for it. Returns those that
/// are.
pub fn keep_chats(conn: &mut Conn, ids: &[ChatId]) -> Result<Vec<ChatId>> {
    let some = chats::table.filter(chats::id.eq_any(ids)).filter(chats::deleted_at.is_null());
    Ok(some.order(chats::id).select(chats::id).for_key_share().load(conn)?)
}

/// Taken by everybody who moves a participant's read mark.
pub fn lock_participant(conn: &mut Conn, chat: ChatId, user: UserId) -> Result<()> {
    let one = participants::table.find((chat, user)).select(participants::user_id);
    one.for_no_key_update().first::<UserId>(conn).optional()?;
    Ok(())
}

/// Taken by everybody who needs the read marks of these participants to stay; the chat itself is locked before.
pub fn keep_participants(conn: &mut Conn, chat: ChatId, users: &[UserId]) -> Result<()> {
    let some = participants::table.filter(participants::chat_id.eq(chat).and(participants::user_id.eq_any(users)));
    some.order(participants::user_id).select(participants::user_id).for_share().load::<UserId>(conn)?;
    Ok(())
}

/// Taken by everybody who creates a chat, so that each of their chats is counted.
pub fn lock_creator(conn: &mut Conn, creator: UserId) -> Result<()> {
    let lock = sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    lock.bind::<Text, _>(format!("chats of {creator}")).execute(conn)?;
    Ok(())
}

/// Taken by everybody who changes a scheduled message; its author is locked before, unless it is sent.
pub fn lock_scheduled(conn: &mut Conn, id: ScheduledId) -> Result<()> {
    let one = scheduled_messages::table.find(id).select(scheduled_messages::id);
    one.for_no_key_update().first::<ScheduledId>(conn).optional()?;
    Ok(())
}
