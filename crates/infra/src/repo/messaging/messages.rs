//! Reading messages.

use clowder_core::{ChatId, MessageId, Page, PageRequest, Result, UserId, Word};
use clowder_messaging::{
    ChatRole, Edit, Message, Status, Window,
    edit::EditFacts,
    read::Slowest,
    refusals::{CHAT_UNKNOWN, MESSAGE_UNKNOWN},
};
use diesel::prelude::*;

use super::super::{cards::Cards, dialect::Conn};
use crate::{
    rows::{MessageRow, SlowestRow},
    schema::{chats, message_edits, messages, participants},
    store::Memory,
};

/// A viewer's part in a chat, and how far those have read who have read least.
pub struct Seat {
    pub role: ChatRole,
    slowest: Slowest,
}

impl Seat {
    /// `None` for strangers and for chats that do not exist.
    pub fn of(conn: &mut Conn, chat: ChatId, viewer: UserId) -> Result<Option<Self>> {
        let row: Option<(String, SlowestRow)> = participants::table
            .inner_join(chats::table)
            .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(viewer)))
            .select((participants::role, SlowestRow::as_select()))
            .first(conn)
            .optional()?;
        row.map(|(role, slowest)| Ok(Self { role: ChatRole::parse_word(&role)?, slowest: slowest.into() })).transpose()
    }

    fn message(&self, row: MessageRow, cards: &Cards) -> Result<Message> {
        let (sender, status) = (cards.card(row.sender_id)?, self.slowest.status(row.sender_id, row.seq));
        row.message(sender, status)
    }
}

pub fn page(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    chat: ChatId,
    window: Window,
    limit: u32,
) -> Result<Page<Message>> {
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
    let cards = Cards::of(conn, memory, rows.iter().map(|row| row.sender_id))?;
    let items = rows.into_iter().map(|row| seat.message(row, &cards)).collect::<Result<Vec<_>>>()?;
    // The next page goes on from here, in the same direction.
    let way = if matches!(window, Window::Before(_)) { "before" } else { "after" };
    let next_cursor = items.last().filter(|_| more).map(|last| format!("{way}.{}", last.seq));
    Ok(Page { items, next_cursor })
}

type Rows = (Vec<MessageRow>, bool);

fn older(conn: &mut Conn, chat: ChatId, before: i64, limit: i64) -> Result<Rows> {
    let rows = messages::table
        .filter(messages::chat_id.eq(chat).and(messages::seq.lt(before)))
        .order(messages::seq.desc())
        .limit(limit + 1)
        .select(MessageRow::as_select())
        .load(conn)?;
    Ok(cut(rows, limit))
}

fn newer(conn: &mut Conn, chat: ChatId, after: i64, limit: i64) -> Result<Rows> {
    let rows = messages::table
        .filter(messages::chat_id.eq(chat).and(messages::seq.gt(after)))
        .order(messages::seq.asc())
        .limit(limit + 1)
        .select(MessageRow::as_select())
        .load(conn)?;
    Ok(cut(rows, limit))
}

fn cut(mut rows: Vec<MessageRow>, limit: i64) -> Rows {
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    (rows, more)
}

/// A message with the viewer's part in its chat.
pub fn facts(conn: &mut Conn, memory: Option<&Memory>, viewer: UserId, id: MessageId) -> Result<EditFacts> {
    let found = messages::table.filter(messages::id.eq(id)).select(MessageRow::as_select()).first(conn).optional()?;
    let row = found.ok_or(MESSAGE_UNKNOWN)?;
    let cards = Cards::of(conn, memory, [row.sender_id])?;
    Ok(match Seat::of(conn, row.chat_id, viewer)? {
        Some(seat) => EditFacts { role: Some(seat.role), message: seat.message(row, &cards)? },
        None => EditFacts {
            role: None,
            message: cards.card(row.sender_id).and_then(|card| row.message(card, Status::Sent))?,
        },
    })
}

pub fn one(conn: &mut Conn, memory: Option<&Memory>, viewer: UserId, id: MessageId) -> Result<Message> {
    let facts = facts(conn, memory, viewer, id)?;
    facts.role.ok_or(MESSAGE_UNKNOWN)?;
    Ok(facts.message)
}

pub fn history(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    id: MessageId,
    page: &PageRequest,
) -> Result<Page<Edit>> {
    let message = one(conn, memory, viewer, id)?;
    let after = page.number()?;
    let Some(content) = message.content else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let earlier: Vec<(i64, String, clowder_core::Timestamp)> = message_edits::table
        .filter(message_edits::message_id.eq(id).and(message_edits::version.gt(after.unwrap_or(0))))
        .order(message_edits::version)
        .limit(page.fetch())
        .select((message_edits::version, message_edits::content, message_edits::written_at))
        .load(conn)?;
    let mut edits: Vec<Edit> =
        earlier.into_iter().map(|(version, content, written_at)| Edit { version, content, written_at }).collect();
    // What it says now comes after what it said.
    if after.is_none_or(|after| after < message.version) {
        let written_at = message.edited_at.unwrap_or(message.created_at);
        edits.push(Edit { version: message.version, content, written_at });
    }
    Ok(Page::cut(edits, page, |edit| edit.version.to_string()))
}
