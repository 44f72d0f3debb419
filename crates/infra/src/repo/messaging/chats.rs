//! Reading chats as one participant sees them.

use std::collections::HashMap;

use clowder_core::{Card, ChatId, Error, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_messaging::{Chat, ChatFilter, ChatRole, ChatType, Status, refusals::CHAT_UNKNOWN};
use diesel::{dsl::count_star, prelude::*, sql_types::Bool};

use super::super::{dialect::Conn, fragment::Fragment};
use crate::{
    rows::{CardRow, MessageRow},
    schema::{chats, messages, participants, users},
};

/// Whether everybody but its sender has read a message. A viewer who has not is answer enough; else the index over
/// read marks has it in one step.
const READ_BY_ALL: Fragment<Bool> = Fragment::new(
    "(chats.participant_count > 1 \
     AND coalesce(participants.read_seq >= messages.seq OR participants.user_id = messages.sender_id, false) \
     AND NOT EXISTS (SELECT 1 FROM participants p \
     WHERE p.chat_id = messages.chat_id AND p.read_seq < messages.seq AND p.user_id <> messages.sender_id))",
);

/// Whether a chat has messages of others after the read mark that are not deleted.
const UNREAD: Fragment<Bool> = Fragment::new(
    "(chats.last_seq - participants.read_seq - participants.own_after_read > (SELECT count(*) \
     FROM messages m WHERE m.chat_id = chats.id AND m.seq > participants.read_seq AND m.deleted_at IS NOT NULL \
     AND m.sender_id <> participants.user_id))",
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = chats)]
struct ChatRow {
    id: ChatId,
    kind: String,
    title: Option<String>,
    description: Option<String>,
    participant_count: i64,
    last_seq: i64,
    deleted_count: i64,
    created_at: Timestamp,
    active_at: Timestamp,
    version: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = participants)]
struct SeatRow {
    role: String,
    read_seq: i64,
    own_after_read: i64,
}

/// A chat, the viewer's seat in it, and its last message with sender and whether all have read it.
type Seated = (ChatRow, SeatRow, Option<MessageRow>, Option<CardRow>, bool);

/// The chats of a viewer with all that one query can tell of them.
macro_rules! seated {
    ($viewer:expr) => {
        participants::table
            .inner_join(chats::table)
            .left_join(messages::table.on(messages::chat_id.eq(chats::id).and(messages::seq.eq(chats::last_seq))))
            .left_join(users::table.on(users::id.eq(messages::sender_id)))
            .filter(participants::user_id.eq($viewer))
            .select((
                ChatRow::as_select(),
                SeatRow::as_select(),
                Option::<MessageRow>::as_select(),
                Option::<CardRow>::as_select(),
                READ_BY_ALL,
            ))
    };
}

pub fn list(conn: &mut Conn, viewer: UserId, filter: &ChatFilter, page: &PageRequest) -> Result<Page<Chat>> {
    let mut query = seated!(viewer).order((chats::active_at.desc(), chats::id.desc())).limit(page.fetch()).into_boxed();
    if let Some(kind) = filter.kind {
        query = query.filter(chats::kind.eq(kind.as_str()));
    }
    match filter.unread {
        Some(true) => query = query.filter(UNREAD),
        Some(false) => query = query.filter(diesel::dsl::not(UNREAD)),
        None => {}
    }
    if let Some(cursor) = &page.cursor {
        let (at, id) = key(cursor).ok_or_else(|| Error::field("?cursor", "cursor", "is not one of ours"))?;
        query = query.filter(chats::active_at.lt(at).or(chats::active_at.eq(at).and(chats::id.lt(id))));
    }
    let rows: Vec<Seated> = query.load(conn)?;
    let page = Page::cut(rows, page, |(chat, ..)| format!("{}.{}", chat.active_at.as_micros(), chat.id));
    Ok(Page { items: views(conn, viewer, page.items)?, next_cursor: page.next_cursor })
}

fn key(cursor: &str) -> Option<(Timestamp, ChatId)> {
    let (at, id) = cursor.split_once('.')?;
    let at: i64 = at.parse().ok().filter(|at| (0..=4_000_000_000_000_000).contains(at))?;
    Some((Timestamp::from_micros(at), id.parse().ok()?))
}

pub fn one(conn: &mut Conn, viewer: UserId, chat: ChatId) -> Result<Chat> {
    let seated: Option<Seated> = seated!(viewer).filter(participants::chat_id.eq(chat)).first(conn).optional()?;
    views(conn, viewer, vec![seated.ok_or(CHAT_UNKNOWN)?])?.pop().ok_or_else(|| CHAT_UNKNOWN.into())
}

pub fn followed(conn: &mut Conn, user: UserId) -> Result<Vec<ChatId>> {
    Ok(participants::table.filter(participants::user_id.eq(user)).select(participants::chat_id).load(conn)?)
}

/// Adds to each chat what only some need: the other person of a private chat, and how many unread ones are deleted.
fn views(conn: &mut Conn, viewer: UserId, rows: Vec<Seated>) -> Result<Vec<Chat>> {
    let some = |wanted: fn(&ChatRow, &SeatRow) -> bool| -> Vec<ChatId> {
        rows.iter().filter(|(chat, seat, ..)| wanted(chat, seat)).map(|(chat, ..)| chat.id).collect()
    };
    let private = some(|chat, _| chat.kind == ChatType::Private.as_str());
    let maybe_deleted = some(|chat, seat| chat.deleted_count > 0 && chat.last_seq > seat.read_seq);
    let mut peers = peers(conn, viewer, &private)?;
    let deleted = deleted_unread(conn, viewer, &maybe_deleted)?;
    rows.into_iter()
        .map(|(chat, seat, last, sender, read)| {
            let gone = deleted.get(&chat.id).copied().unwrap_or(0);
            let status = if read { Status::Read } else { Status::Sent };
            let last = last.zip(sender).map(|(row, sender)| row.message(sender, status));
            Ok(Chat {
                id: chat.id,
                kind: ChatType::parse_word(&chat.kind)?,
                title: chat.title,
                description: chat.description,
                peer: peers.remove(&chat.id),
                participant_count: chat.participant_count,
                my_role: ChatRole::parse_word(&seat.role)?,
                read_seq: seat.read_seq,
                // A message may come and go between the two queries.
                unread_count: (chat.last_seq - seat.read_seq - seat.own_after_read - gone).max(0),
                last_seq: chat.last_seq,
                last_message: last.transpose()?,
                created_at: chat.created_at,
                active_at: chat.active_at,
                version: chat.version,
            })
        })
        .collect()
}

fn peers(conn: &mut Conn, viewer: UserId, private: &[ChatId]) -> Result<HashMap<ChatId, Card>> {
    if private.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(ChatId, CardRow)> = participants::table
        .inner_join(users::table)
        .filter(participants::chat_id.eq_any(private).and(participants::user_id.ne(viewer)))
        .select((participants::chat_id, CardRow::as_select()))
        .load(conn)?;
    Ok(rows.into_iter().map(|(chat, card)| (chat, card.into())).collect())
}

/// How many messages of others after the read mark are deleted: they do not count as unread.
fn deleted_unread(conn: &mut Conn, viewer: UserId, ids: &[ChatId]) -> Result<HashMap<ChatId, i64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let unread = messages::chat_id
        .eq(participants::chat_id)
        .and(messages::seq.gt(participants::read_seq))
        .and(messages::sender_id.ne(participants::user_id))
        .and(messages::deleted_at.is_not_null());
    let rows: Vec<(ChatId, i64)> = participants::table
        .inner_join(messages::table.on(unread))
        .filter(participants::user_id.eq(viewer).and(participants::chat_id.eq_any(ids)))
        .group_by(participants::chat_id)
        .select((participants::chat_id, count_star()))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
