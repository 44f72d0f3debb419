//! What goes into a copy, file by file and piece by piece: what somebody gave and did, never a secret, and of others no
//! more than their cards.

use std::collections::HashMap;

use clowder_accounts::model::{Invite, InviteId};
use clowder_core::{ApiKeyId, Card, ChatId, Error, Id, MessageId, PageRequest, Result, SessionId, Timestamp, UserId};
use diesel::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{accounts::profile, audit, dialect::Conn, preferences},
    Asking,
    messages::Stretch,
    parts::ExportPage,
};
use crate::{
    rows::{
        accounts::{CardRow, SessionRow},
        api_keys::ApiKeyRow,
        sign_ups::InviteRow,
    },
    schema::{
        accounts::{sessions as devices, users},
        api_keys::api_keys as keys,
        credentials::mailed_tokens,
        messaging::{chats as all_chats, message_edits, messages as sent, participants},
        sign_ups::invites as invited,
        two_factor::{recovery_codes, two_factor as factors},
    },
};

/// How many rows are read in one piece.
const ROWS: i64 = 200;
/// How many places of a chat are looked at in one piece.
const PLACES: i64 = 200;

fn one(item: Value) -> ExportPage {
    ExportPage { items: vec![item], ..ExportPage::default() }
}

/// A page of a list that goes by ids.
fn page<T>(items: Vec<Value>, last: Option<Id<T>>) -> ExportPage {
    let next = last.filter(|_| items.len() as i64 == ROWS).map(|id| id.to_string());
    ExportPage { items, next, seen: 0 }
}

/// The id to go on from: the least there is at the start.
fn after<T>(mark: Option<&str>) -> Result<Id<T>> {
    match mark {
        None => Ok(Id::from_uuid(uuid::Uuid::nil())),
        Some(mark) => mark.parse().map_err(|_| Error::internal("a mark that is no id")),
    }
}

pub fn account(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    Ok(one(serde_json::to_value(profile::own(conn, asking.user)?)?))
}

pub fn settings(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    Ok(one(serde_json::to_value(preferences::settings(conn, asking.user)?)?))
}

pub fn two_factor(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    let enabled_at: Option<Option<Timestamp>> =
        factors::table.find(asking.user).select(factors::enabled_at).first(conn).optional()?;
    let own = recovery_codes::table.filter(recovery_codes::user_id.eq(asking.user));
    let left: i64 = own.filter(recovery_codes::used_at.is_null()).count().get_result(conn)?;
    Ok(one(json!({"enabled_at": enabled_at.flatten(), "recovery_codes_left": left})))
}

pub fn sessions(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: SessionId = after(mark)?;
    let rows: Vec<SessionRow> = devices::table
        .filter(devices::user_id.eq(asking.user).and(devices::id.gt(after)))
        .order(devices::id)
        .limit(ROWS)
        .select(SessionRow::as_select())
        .load(conn)?;
    let last: Option<SessionId> = rows.last().map(|row| row.id);
    let item = |row: SessionRow| {
        json!({
            "id": row.id, "name": row.name, "agent": row.agent, "address": row.address, "opened_from": row.opened_from, "created_at": row.created_at,
            "last_used_at": row.last_used_at, "expires_at": row.expires_at, "ended_at": row.ended_at,
        })
    };
    Ok(page(rows.into_iter().map(item).collect(), last))
}

/// The newest first, as everybody reads it of the own account.
pub fn security(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let request = PageRequest { limit: ROWS as u32, cursor: mark.map(str::to_owned) };
    let page = audit::timeline(conn, &asking.ring, asking.user, &request)?;
    let items = page.items.iter().map(serde_json::to_value).collect::<serde_json::Result<_>>()?;
    Ok(ExportPage { items, next: page.next_cursor, seen: 0 })
}

/// Of all that was mailed, only what asked for something is kept, and that for a few days; never its token.
pub fn emails(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    type Row = (String, String, Timestamp, Timestamp, Option<Timestamp>);
    let rows: Vec<Row> = mailed_tokens::table
        .filter(mailed_tokens::user_id.eq(asking.user))
        .order(mailed_tokens::created_at)
        .limit(10_000)
        .select((
            mailed_tokens::purpose,
            mailed_tokens::email,
            mailed_tokens::created_at,
            mailed_tokens::expires_at,
            mailed_tokens::used_at,
        ))
        .load(conn)?;
    let item = |(purpose, email, created_at, expires_at, used_at): Row| json!({"purpose": purpose, "email": email, "created_at": created_at, "expires_at": expires_at, "used_at": used_at});
    Ok(ExportPage { items: rows.into_iter().map(item).collect(), ..ExportPage::default() })
}

pub fn api_keys(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: ApiKeyId = after(mark)?;
    let rows: Vec<ApiKeyRow> = keys::table
        .filter(keys::user_id.eq(asking.user).and(keys::id.gt(after)))
        .order(keys::id)
        .limit(ROWS)
        .select(ApiKeyRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let items = rows.into_iter().map(|row| serde_json::to_value(row.api_key()));
    Ok(page(items.collect::<serde_json::Result<_>>()?, last))
}

pub fn invites(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: InviteId = after(mark)?;
    let rows: Vec<InviteRow> = invited::table
        .filter(invited::created_by.eq(asking.user).and(invited::id.gt(after)))
        .order(invited::id)
        .limit(ROWS)
        .select(InviteRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let items = rows.into_iter().map(|row| serde_json::to_value(Invite::from(row)));
    Ok(page(items.collect::<serde_json::Result<_>>()?, last))
}

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
        ))
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let private: Vec<ChatId> = rows.iter().filter(|row| row.kind == "private").map(|row| row.id).collect();
    let peers = peers(conn, asking.user, &private)?;
    let item = |row: ChatRow| {
        json!({
            "id": row.id, "type": row.kind, "title": row.title, "description": row.description,
            "peer": peers.get(&row.id), "my_role": row.role, "joined_at": row.joined_at, "read_seq": row.read_seq,
            "created_at": row.created_at,
        })
    };
    Ok(page(rows.into_iter().map(item).collect(), last))
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
        ))
        .load(conn)?;
    let item = |row: SentRow| {
        json!({
            "id": row.id, "chat_id": stretch.chat, "seq": row.seq, "type": row.kind, "content": row.content,
            "client_id": row.client_id, "created_at": row.created_at, "edited_at": row.edited_at,
            "deleted_at": row.deleted_at,
        })
    };
    let items = rows.into_iter().map(item).collect();
    Ok(ExportPage { items, next: Some(stretch.done()?), seen: stretch.length() })
}

/// One message may have many versions, so they are read piece by piece too.
pub fn edits(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    type Row = (i64, MessageId, i64, String, Timestamp);
    let Some(stretch) = Stretch::next(conn, asking.user, mark, PLACES)? else { return Ok(ExportPage::default()) };
    let (seq, version) = (stretch.after.seq, stretch.after.version);
    let ahead = sent::seq.gt(seq).or(sent::seq.eq(seq).and(message_edits::version.gt(version)));
    let rows: Vec<Row> = message_edits::table
        .inner_join(sent::table.on(sent::chat_id.eq(message_edits::chat_id).and(sent::seq.eq(message_edits::seq))))
        .filter(sent::chat_id.eq(stretch.chat).and(sent::sender_id.eq(asking.user)))
        .filter(ahead.and(sent::seq.ge(seq).and(sent::seq.le(stretch.until))))
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
