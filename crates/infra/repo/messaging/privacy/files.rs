//! The files about somebody's chats and messages in an export; of others only their cards.

use std::collections::HashMap;

use clowder_core::{Card, ChatId, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{MessageType, polls::Ballot};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::super::{
        dialect::Conn,
        privacy::{
            Asking,
            parts::{ExportPage, ROWS, after},
        },
    },
    super::attached::AllAttached,
    messages::Stretch,
};
use crate::domains::{
    accounts::{CardRow, users},
    messaging::{chats as all_chats, message_edits, messages as sent, participants},
};

/// How many messages of a chat are read in one piece.
const PLACES: i64 = 200;

#[derive(Queryable)]
struct ChatRow {
    id: ChatId,
    kind: String,
    title: Option<String>,
    description: Option<String>,
    created_at: Timestamp,
    role: String,
    joined_at: Timestamp,
    read_seq: i64,
    delivered_seq: i64,
    archived: bool,
    pinned: bool,
    muted_until: Option<Timestamp>,
    notify: String,
    cleared_seq: i64,
}

pub fn chats(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: ChatId = after(mark)?;
    let rows: Vec<ChatRow> = participants::table
        .inner_join(all_chats::table)
        .filter(participants::user_id.eq(asking.user).and(participants::chat_id.gt(after)))
        .order(participants::chat_id)
        .limit(ROWS)
        .select((
            all_chats::id,
            all_chats::kind,
            all_chats::title,
            all_chats::description,
            all_chats::created_at,
            participants::role,
            participants::joined_at,
            participants::read_seq,
            participants::delivered_seq,
            participants::archived,
            participants::pinned,
            participants::muted_until,
            participants::notify,
            participants::cleared_seq,
        ))
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let private: Vec<ChatId> = rows.iter().filter(|row| row.kind == "private").map(|row| row.id).collect();
    let peers = peers(conn, asking.user, &private)?;
    let item = |row: ChatRow| {
        json!({
            "id": row.id, "type": row.kind, "title": row.title, "description": row.description,
            "peer": peers.get(&row.id), "my_role": row.role, "joined_at": row.joined_at, "read_seq": row.read_seq,
            "delivered_seq": row.delivered_seq, "cleared_seq": row.cleared_seq,
            "archived": row.archived, "pinned": row.pinned, "muted_until": row.muted_until, "notify": row.notify,
            "created_at": row.created_at,
        })
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

fn peers(conn: &mut Conn, user: UserId, chats: &[ChatId]) -> Result<HashMap<ChatId, Card>> {
    let others = participants::table
        .inner_join(users::table)
        .filter(participants::chat_id.eq_any(chats).and(participants::user_id.ne(user)));
    let rows: Vec<(ChatId, CardRow)> = others.select((participants::chat_id, CardRow::as_select())).load(conn)?;
    Ok(rows.into_iter().map(|(chat, card)| (chat, card.into())).collect())
}

#[derive(Queryable)]
struct SentRow {
    id: MessageId,
    seq: i64,
    kind: String,
    content: Option<String>,
    client_id: Option<String>,
    created_at: Timestamp,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    reply_to: Option<MessageId>,
    thread_of: Option<MessageId>,
    forwarded: bool,
    data: Option<String>,
}

pub fn messages(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let Some(stretch) = Stretch::next(conn, asking.user, mark, PLACES)? else { return Ok(ExportPage::default()) };
    let rows: Vec<SentRow> = sent::table
        .filter(sent::chat_id.eq(stretch.chat).and(sent::sender_id.eq(asking.user)))
        .filter(sent::seq.gt(stretch.after.seq).and(sent::seq.le(stretch.until)))
        .order(sent::seq)
        .select((
            sent::id,
            sent::seq,
            sent::kind,
            sent::content,
            sent::client_id,
            sent::created_at,
            sent::edited_at,
            sent::deleted_at,
            sent::expires_at,
            sent::reply_id,
            sent::thread_id,
            sent::forwarded_id.is_not_null(),
            sent::data,
        ))
        .load(conn)?;
    let attached = AllAttached::at(conn, &rows.iter().map(|row| (stretch.chat, row.seq)).collect::<Vec<_>>())?;
    let item = |row: SentRow| {
        // It may take a moment until it is deleted.
        let is_there = row.expires_at.is_none_or(|at| at > asking.now);
        let content = row.content.filter(|_| is_there);
        let poll = row.data.filter(|_| is_there && row.kind == MessageType::Poll.as_str());
        // What is asked, without how people have voted.
        let poll: Option<Ballot> = poll.and_then(|data| serde_json::from_str(&data).ok());
        json!({
            "id": row.id, "chat_id": stretch.chat, "seq": row.seq, "type": row.kind, "content": content,
            "client_id": row.client_id, "created_at": row.created_at, "edited_at": row.edited_at,
            "deleted_at": row.deleted_at, "expires_at": row.expires_at, "poll": poll,
            "reply_to": row.reply_to, "thread_of": row.thread_of, "forwarded": row.forwarded,
            "attachments": if is_there { attached.to(stretch.chat, row.seq) } else { Vec::new() },
        })
    };
    let items = rows.into_iter().map(item).collect();
    Ok(ExportPage { items, next: Some(stretch.done()?), seen: stretch.length() })
}

/// One message may have many versions, so they are read in pieces, too.
pub fn edits(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    type Row = (i64, MessageId, i64, String, Timestamp);
    let Some(stretch) = Stretch::next(conn, asking.user, mark, PLACES)? else { return Ok(ExportPage::default()) };
    let (seq, version) = (stretch.after.seq, stretch.after.version);
    let ahead = sent::seq.gt(seq).or(sent::seq.eq(seq).and(message_edits::version.gt(version)));
    let rows: Vec<Row> = message_edits::table
        .inner_join(sent::table.on(sent::chat_id.eq(message_edits::chat_id).and(sent::seq.eq(message_edits::seq))))
        .filter(sent::chat_id.eq(stretch.chat).and(sent::sender_id.eq(asking.user)))
        .filter(ahead.and(sent::seq.ge(seq).and(sent::seq.le(stretch.until))))
        .filter(sent::expires_at.is_null().or(sent::expires_at.gt(asking.now)))
        .order((sent::seq, message_edits::version))
        .limit(ROWS)
        .select((sent::seq, sent::id, message_edits::version, message_edits::content, message_edits::written_at))
        .load(conn)?;
    let (next, seen) = match rows.last() {
        Some((seq, _, version, ..)) if rows.len() as i64 == ROWS => {
            (stretch.stopped(*seq, *version)?, seq - stretch.after.seq)
        }
        _ => (stretch.done()?, stretch.length()),
    };
    let item = |(seq, message_id, version, content, written_at): Row| {
        json!({
            "message_id": message_id, "chat_id": stretch.chat, "seq": seq, "version": version, "content": content,
            "written_at": written_at,
        })
    };
    Ok(ExportPage { items: rows.into_iter().map(item).collect(), next: Some(next), seen })
}
