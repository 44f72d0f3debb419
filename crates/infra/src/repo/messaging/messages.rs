//! Reading messages.

use clowder_core::{ChatId, MessageId, Page, Result, UserId, Word};
use clowder_messaging::{
    ChatRole, Edit, Message, Status, Window,
    edit::EditFacts,
    refusals::{CHAT_UNKNOWN, MESSAGE_UNKNOWN},
};
use diesel::prelude::*;

use super::super::dialect::Conn;
use crate::{
    rows::{CardRow, MessageRow},
    schema::{message_edits, messages, participants, users},
};

/// The two lowest read marks of a chat: enough to say of any message whether all but its sender have read it.
pub struct Laggards(Vec<(UserId, i64)>);

impl Laggards {
    pub fn of(conn: &mut Conn, chat: ChatId) -> Result<Self> {
        Ok(Self(
            participants::table
                .filter(participants::chat_id.eq(chat))
                .order(participants::read_seq)
                .limit(2)
                .select((participants::user_id, participants::read_seq))
                .load(conn)?,
        ))
    }

    fn status(&self, sender: UserId, seq: i64) -> Status {
        match self.0.iter().find(|(user, _)| *user != sender) {
            Some((_, read_seq)) if *read_seq >= seq => Status::Read,
            _ => Status::Sent,
        }
    }

    fn message(&self, (row, sender): (MessageRow, CardRow)) -> Result<Message> {
        let status = self.status(row.sender_id, row.seq);
        row.message(sender, status)
    }
}

pub fn role(conn: &mut Conn, chat: ChatId, user: UserId) -> Result<Option<ChatRole>> {
    let role: Option<String> =
        participants::table.find((chat, user)).select(participants::role).first(conn).optional()?;
    role.map(|role| ChatRole::parse_word(&role)).transpose()
}

pub fn page(conn: &mut Conn, viewer: UserId, chat: ChatId, window: Window, limit: u32) -> Result<Page<Message>> {
    role(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    let laggards = Laggards::of(conn, chat)?;
    let limit = i64::from(limit);
    let (rows, more) = match window {
        Window::Before(seq) => older(conn, chat, seq, limit)?,
        Window::After(seq) => newer(conn, chat, seq, limit)?,
        Window::Around(seq) => {
            let (mut rows, _) = older(conn, chat, seq, limit / 2)?;
            rows.reverse();
            let (newer, more) = newer(conn, chat, seq - 1, limit - rows.len() as i64)?;
            rows.extend(newer);
            (rows, more)
        }
    };
    let items = rows.into_iter().map(|row| laggards.message(row)).collect::<Result<Vec<_>>>()?;
    // The next page goes on from here, in the same direction.
    let next_cursor = items.last().filter(|_| more).map(|last| last.seq.to_string());
    Ok(Page { items, next_cursor })
}

type Rows = (Vec<(MessageRow, CardRow)>, bool);

fn older(conn: &mut Conn, chat: ChatId, before: i64, limit: i64) -> Result<Rows> {
    let rows = messages::table
        .inner_join(users::table)
        .filter(messages::chat_id.eq(chat).and(messages::seq.lt(before)))
        .order(messages::seq.desc())
        .limit(limit + 1)
        .select((MessageRow::as_select(), CardRow::as_select()))
        .load(conn)?;
    Ok(cut(rows, limit))
}

fn newer(conn: &mut Conn, chat: ChatId, after: i64, limit: i64) -> Result<Rows> {
    let rows = messages::table
        .inner_join(users::table)
        .filter(messages::chat_id.eq(chat).and(messages::seq.gt(after)))
        .order(messages::seq.asc())
        .limit(limit + 1)
        .select((MessageRow::as_select(), CardRow::as_select()))
        .load(conn)?;
    Ok(cut(rows, limit))
}

fn cut(mut rows: Vec<(MessageRow, CardRow)>, limit: i64) -> Rows {
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    (rows, more)
}

/// A message with the viewer's part in its chat; `message.unknown` when there is none.
pub fn facts(conn: &mut Conn, viewer: UserId, id: MessageId) -> Result<EditFacts> {
    let found: Option<(MessageRow, CardRow)> = messages::table
        .inner_join(users::table)
        .filter(messages::id.eq(id))
        .select((MessageRow::as_select(), CardRow::as_select()))
        .first(conn)
        .optional()?;
    let (row, sender) = found.ok_or(MESSAGE_UNKNOWN)?;
    let role = role(conn, row.chat_id, viewer)?;
    let laggards = Laggards::of(conn, row.chat_id)?;
    Ok(EditFacts { message: laggards.message((row, sender))?, role })
}

pub fn one(conn: &mut Conn, viewer: UserId, id: MessageId) -> Result<Message> {
    let facts = facts(conn, viewer, id)?;
    facts.role.ok_or(MESSAGE_UNKNOWN)?;
    Ok(facts.message)
}

pub fn history(conn: &mut Conn, viewer: UserId, id: MessageId) -> Result<Vec<Edit>> {
    let message = one(conn, viewer, id)?;
    let Some(content) = message.content else { return Ok(Vec::new()) };
    let earlier: Vec<(i64, String, clowder_core::Timestamp)> = message_edits::table
        .filter(message_edits::message_id.eq(id))
        .order(message_edits::version)
        .select((message_edits::version, message_edits::content, message_edits::written_at))
        .load(conn)?;
    let mut edits: Vec<Edit> =
        earlier.into_iter().map(|(version, content, written_at)| Edit { version, content, written_at }).collect();
    edits.push(Edit { version: message.version, content, written_at: message.edited_at.unwrap_or(message.created_at) });
    Ok(edits)
}
