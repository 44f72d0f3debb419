//! Reading messages.

use clowder_core::{ChatId, MessageId, Page, Result, UserId, Word, sql::Uid};
use clowder_messaging::{
    ChatRole, Edit, Message, Status, Window,
    edit::EditFacts,
    refusals::{CHAT_UNKNOWN, MESSAGE_UNKNOWN},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable},
};

use super::super::{dialect::Conn, fragment::Fragment};
use crate::{
    rows::{CardRow, MessageRow},
    schema::{message_edits, messages, participants, users},
};

/// The lowest two read marks of a chat: enough to say of any message whether all but its sender have read it.
const SLOWEST: Fragment<Nullable<Uid>> = Fragment::new(
    "(SELECT p.user_id FROM participants p WHERE p.chat_id = participants.chat_id ORDER BY p.read_seq, p.user_id LIMIT 1)",
);
const SLOWEST_SEQ: Fragment<Nullable<BigInt>> = Fragment::new(
    "(SELECT p.read_seq FROM participants p WHERE p.chat_id = participants.chat_id ORDER BY p.read_seq LIMIT 1)",
);
const SECOND_SEQ: Fragment<Nullable<BigInt>> = Fragment::new(
    "(SELECT p.read_seq FROM participants p WHERE p.chat_id = participants.chat_id ORDER BY p.read_seq LIMIT 1 OFFSET 1)",
);

/// A viewer's part in a chat, and how far those have read who have read least.
pub struct Seat {
    pub role: ChatRole,
    slowest: Option<UserId>,
    slowest_seq: Option<i64>,
    second_seq: Option<i64>,
}

impl Seat {
    /// `None` for strangers and for chats that do not exist.
    pub fn of(conn: &mut Conn, chat: ChatId, viewer: UserId) -> Result<Option<Self>> {
        type Row = (String, Option<UserId>, Option<i64>, Option<i64>);
        let row: Option<Row> = participants::table
            .find((chat, viewer))
            .select((participants::role, SLOWEST, SLOWEST_SEQ, SECOND_SEQ))
            .first(conn)
            .optional()?;
        row.map(|(role, slowest, slowest_seq, second_seq)| {
            Ok(Self { role: ChatRole::parse_word(&role)?, slowest, slowest_seq, second_seq })
        })
        .transpose()
    }

    fn status(&self, sender: UserId, seq: i64) -> Status {
        let others = if self.slowest == Some(sender) { self.second_seq } else { self.slowest_seq };
        if others.is_some_and(|read| read >= seq) { Status::Read } else { Status::Sent }
    }

    fn message(&self, (row, sender): (MessageRow, CardRow)) -> Result<Message> {
        let status = self.status(row.sender_id, row.seq);
        row.message(sender, status)
    }
}

pub fn page(conn: &mut Conn, viewer: UserId, chat: ChatId, window: Window, limit: u32) -> Result<Page<Message>> {
    let seat = Seat::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
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
    let items = rows.into_iter().map(|row| seat.message(row)).collect::<Result<Vec<_>>>()?;
    // The next page goes on from here, in the same direction.
    let way = if matches!(window, Window::Before(_)) { "before" } else { "after" };
    let next_cursor = items.last().filter(|_| more).map(|last| format!("{way}.{}", last.seq));
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

/// A message with the viewer's part in its chat.
pub fn facts(conn: &mut Conn, viewer: UserId, id: MessageId) -> Result<EditFacts> {
    let found: Option<(MessageRow, CardRow)> = messages::table
        .inner_join(users::table)
        .filter(messages::id.eq(id))
        .select((MessageRow::as_select(), CardRow::as_select()))
        .first(conn)
        .optional()?;
    let (row, sender) = found.ok_or(MESSAGE_UNKNOWN)?;
    Ok(match Seat::of(conn, row.chat_id, viewer)? {
        Some(seat) => EditFacts { message: seat.message((row, sender))?, role: Some(seat.role) },
        None => EditFacts { message: row.message(sender, Status::Sent)?, role: None },
    })
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
