//! A message that somebody reports, with what was written before it, as they see it.

use clowder_core::{Card, ChatId, MessageId, Result, Timestamp, UserId};
pub use clowder_messaging::Attachment;
use diesel::prelude::*;

use super::{
    super::{cards::Cards, dialect::Conn},
    attached::AllAttached,
    messages,
    removed::IS_SEEN,
};
use crate::domains::messaging::{MessageRow, messages as table, participants};

pub struct Said {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub sender: Card,
    pub content: Option<String>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub attachments: Vec<Attachment>,
}

/// The message after at most so many others, or `message.unknown`. Those whose time is over have no text and no files.
pub fn seen(conn: &mut Conn, viewer: UserId, now: Timestamp, id: MessageId, before: i64) -> Result<Vec<Said>> {
    let message = messages::one(conn, None, viewer, now, id)?;
    let own = participants::chat_id.eq(table::chat_id).and(participants::user_id.eq(viewer));
    let rows = table::table
        .inner_join(participants::table.on(own))
        .filter(table::chat_id.eq(message.chat_id).and(table::seq.le(message.seq)))
        .filter(IS_SEEN)
        .order(table::seq.desc())
        .limit(before + 1)
        .select(MessageRow::as_select());
    let rows: Vec<MessageRow> = rows.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.sender_id))?;
    let attached = AllAttached::of(conn, rows.iter().filter(|row| row.expires_at.is_none_or(|at| at > now)))?;
    let said = rows.into_iter().rev().map(|row| {
        Ok(Said {
            attachments: attached.to(row.chat_id, row.seq),
            sender: cards.card(row.sender_id)?,
            id: row.id,
            chat_id: row.chat_id,
            seq: row.seq,
            content: row.said()?.filter(|_| row.expires_at.is_none_or(|at| at > now)),
            created_at: row.created_at,
            edited_at: row.edited_at,
        })
    });
    said.collect()
}
