//! Writes the index: what was sent, what was edited, what is gone, and everything anew when the rules have changed.

use std::collections::{BTreeSet, HashMap};

use clowder_core::{ChatId, Ctx, Id, MessageId, Recorded, Result, Word};
use clowder_messaging::{
    Message, MessageType,
    change::{MESSAGE_DELETED, MESSAGE_SENT, MESSAGE_UPDATED},
    search::{Progress, port::STEP, tokens::VERSION},
};
use diesel::{
    dsl::{count_star, sql},
    expression::SqlLiteral,
    prelude::*,
    sql_types::BigInt,
};
use serde::Deserialize;
use uuid::Uuid;

use super::super::{
    among::AmongIds,
    batch::messaging::mentions::mentioned_at,
    db::Tx,
    dialect::{self, Conn},
    messaging::titles,
};
use crate::domains::messaging::{
    Addressed, Indexed, SaidRow, SearchIndexRow, chats, data_of, messages, said, search_chats, search_index,
};

/// What changes say of a message, as far as it matters here.
#[derive(Deserialize)]
struct Said {
    id: MessageId,
}

/// The same of one that is gone.
#[derive(Deserialize)]
struct Gone {
    chat_id: ChatId,
    seq: i64,
}

/// Reads the journal. Whoever deletes a text does not wait for this: they mark the message as gone, and what this has read
/// before does not count any more. Edits are here because a server of the version before does not index them.
pub fn note(tx: &mut Tx<'_>, _: &Ctx, changes: &[Recorded]) -> Result<()> {
    let (mut said, mut gone) = (Vec::new(), Vec::new());
    for change in changes {
        match &*change.name {
            MESSAGE_SENT | MESSAGE_UPDATED => {
                said.extend(serde_json::from_str::<Said>(change.data.get()).ok().map(|said| said.id));
            }
            MESSAGE_DELETED => {
                gone.extend(serde_json::from_str::<Gone>(change.data.get()).ok().map(|gone| (gone.chat_id, gone.seq)));
            }
            _ => {}
        }
    }
    if said.is_empty() && gone.is_empty() {
        return Ok(());
    }
    dialect::search::lock_index(tx.conn)?;
    index(tx, &said)?;
    gone.sort_unstable();
    gone.dedup();
    dialect::search::clean(tx.conn, &gone)
}

type Columns = (
    messages::chat_id,
    messages::seq,
    messages::version,
    messages::kind,
    messages::sender_id,
    messages::content,
    messages::data,
    messages::attached,
);

/// What of a message is indexed.
const COLUMNS: Columns = (
    messages::chat_id,
    messages::seq,
    messages::version,
    messages::kind,
    messages::sender_id,
    messages::content,
    messages::data,
    messages::attached,
);

/// Indexes these messages as they are now. The caller holds the index.
fn index(tx: &mut Tx<'_>, ids: &[MessageId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    dialect::search::keep_messages(tx.conn, ids)?;
    written(tx, ids)
}

/// Indexes messages that this transaction has written without a word in the journal. Their chats are locked.
pub fn written(tx: &mut Tx<'_>, ids: &[MessageId]) -> Result<()> {
    let rows = messages::table.filter(messages::id.among(ids)).order((messages::chat_id, messages::seq));
    let mut rows: Vec<SaidRow> = rows.select(COLUMNS).load(tx.conn)?;
    // What the system says has no words of people.
    rows.retain(|row| row.content.is_some() && row.kind != MessageType::System.as_str());
    put(tx, &rows)
}

fn put(tx: &mut Tx<'_>, rows: &[SaidRow]) -> Result<()> {
    let numbers = numbers(tx.conn, rows.iter().map(|row| row.chat_id).collect())?;
    let mut addressed = addressed(tx.conn, rows)?;
    let mut indexed = Vec::with_capacity(rows.len());
    for row in rows {
        let said = said(&row.kind, row.content.clone(), row.data.as_deref())?;
        if let (Some(number), Some(said)) = (numbers.get(&row.chat_id), said) {
            let to = addressed.remove(&(row.chat_id, row.seq)).unwrap_or_default();
            indexed.push(Indexed::new(row, *number, &said, &to));
        }
    }
    dialect::search::put(tx.conn, &indexed)
}

/// Whom these messages mention; those that mention nobody are left out.
fn addressed(conn: &mut Conn, rows: &[SaidRow]) -> Result<HashMap<(ChatId, i64), Addressed>> {
    let mut all = HashMap::new();
    for row in rows {
        let Some(marked) = row.marked()? else { continue };
        if marked.people > 0 || marked.everybody() {
            let to = Addressed { people: Vec::new(), everybody: marked.everybody() };
            all.insert((row.chat_id, row.seq), to);
        }
    }
    if all.is_empty() {
        return Ok(all);
    }
    let places: Vec<(ChatId, i64)> = all.keys().copied().collect();
    for row in mentioned_at(conn, &places)? {
        if let Some(to) = all.get_mut(&(row.chat_id, row.seq)) {
            to.people.push(row.user_id);
        }
    }
    Ok(all)
}

/// An edited message is found by what it says now, from the commit on. Its chat is locked.
pub fn edited(tx: &mut Tx<'_>, message: &Message) -> Result<()> {
    let row = SaidRow {
        chat_id: message.chat_id,
        seq: message.seq,
        version: message.version,
        kind: message.kind.as_str().to_owned(),
        sender_id: message.sender.id,
        content: message.content.clone(),
        data: data_of(message)?,
        attached: message.attachments.len() as i64,
    };
    put(tx, &[row])
}

/// Deleted messages are not found any more, from the commit on. Their chats are locked, and their texts are deleted.
pub fn forget(tx: &mut Tx<'_>, gone: &[Message]) -> Result<()> {
    let mut places: Vec<_> = gone.iter().map(|message| (message.chat_id, message.seq)).collect();
    places.sort_unstable();
    dialect::search::forget(tx.conn, &places)
}

/// The numbers of chats in the index; those that have none get one.
fn numbers(conn: &mut Conn, chats: BTreeSet<ChatId>) -> Result<HashMap<ChatId, i64>> {
    let known = known_numbers(conn, &chats)?;
    if known.len() == chats.len() {
        return Ok(known);
    }
    for chat in chats.iter().filter(|chat| !known.contains_key(chat)) {
        let row = search_chats::chat_id.eq(*chat);
        diesel::insert_into(search_chats::table).values(row).on_conflict_do_nothing().execute(conn)?;
    }
    known_numbers(conn, &chats)
}

fn known_numbers(conn: &mut Conn, chats: &BTreeSet<ChatId>) -> Result<HashMap<ChatId, i64>> {
    let known = search_chats::table.filter(search_chats::chat_id.among(chats));
    let known: Vec<(ChatId, i64)> = known.select((search_chats::chat_id, search_chats::number)).load(conn)?;
    Ok(known.into_iter().collect())
}

pub fn state(conn: &mut Conn) -> Result<SearchIndexRow> {
    Ok(search_index::table.find(1_i64).select(SearchIndexRow::as_select()).first(conn)?)
}

/// Whether the index is being rebuilt, or must be. One of later rules is left alone.
pub const fn wants_more(state: &SearchIndexRow) -> bool {
    state.running || state.rules < VERSION
}

pub const fn progress(state: &SearchIndexRow) -> Progress {
    Progress { done: state.done, total: state.total, running: wants_more(state) }
}

fn nobody() -> ChatId {
    Id::from_uuid(Uuid::nil())
}

/// Before the first message of all chats, `seq` says that titles are being indexed.
const TITLES: i64 = -1;

/// Begins from the first title.
fn begun(conn: &mut Conn, rules: i64) -> Result<SearchIndexRow> {
    let last: Vec<i64> = chats::table.filter(chats::last_seq.gt(0)).select(chats::last_seq).load(conn)?;
    let titles: i64 = chats::table.filter(chats::title.is_not_null()).select(count_star()).first(conn)?;
    let total = last.into_iter().sum::<i64>() + titles;
    Ok(SearchIndexRow { rules, running: true, chat_id: nobody(), seq: TITLES, done: 0, total })
}

pub fn rebuild(tx: &mut Tx<'_>) -> Result<Progress> {
    dialect::search::lock_index(tx.conn)?;
    let state = state(tx.conn)?;
    let begun = begun(tx.conn, state.rules)?;
    save(tx, begun)
}

/// Indexes the next titles or messages of a rebuilding.
pub fn step(tx: &mut Tx<'_>) -> Result<Progress> {
    dialect::search::lock_index(tx.conn)?;
    let mut state = state(tx.conn)?;
    if !wants_more(&state) {
        return Ok(progress(&state));
    }
    if !state.running {
        state = begun(tx.conn, state.rules)?;
    }
    if state.seq == TITLES {
        let (done, last) = titles::renew(tx, state.chat_id)?;
        state.done += done;
        state.total = state.total.max(state.done);
        (state.chat_id, state.seq) = last.map_or((nobody(), 0), |chat| (chat, TITLES));
        return save(tx, state);
    }
    let mut next = after(tx.conn, state.chat_id, state.seq, STEP)?;
    if (next.len() as i64) < STEP {
        let left = STEP - next.len() as i64;
        next.extend(behind(tx.conn, state.chat_id, left)?);
    }
    let fit = fitting(&next);
    let is_end = fit == next.len() && (fit as i64) < STEP;
    next.truncate(fit);
    let ids: Vec<MessageId> = next.iter().map(|(_, _, id, _)| *id).collect();
    index(tx, &ids)?;
    let silent = messages::table.filter(messages::id.among(&ids)).filter(messages::content.is_null());
    let mut silent: Vec<(ChatId, i64)> = silent.select((messages::chat_id, messages::seq)).load(tx.conn)?;
    silent.sort_unstable();
    dialect::search::clean(tx.conn, &silent)?;
    state.done += next.len() as i64;
    match next.last().filter(|_| !is_end) {
        Some((chat, seq, ..)) => (state.chat_id, state.seq) = (*chat, *seq),
        None => {
            state =
                SearchIndexRow { rules: state.rules.max(VERSION), running: false, chat_id: nobody(), seq: 0, ..state }
        }
    }
    state.total = state.total.max(state.done);
    save(tx, state)
}

/// A message of a step, and the octets of its text.
type Next = (ChatId, i64, MessageId, i64);

/// How many octets of text a step indexes: with more, a slow machine would hold the index, and a transaction of the database,
/// for seconds.
const STEP_OCTETS: i64 = 128 << 10;

/// How many of these messages a step takes, at least one.
fn fitting(next: &[Next]) -> usize {
    let mut left = STEP_OCTETS;
    let fit = next.iter().take_while(|(.., octets)| {
        let fits = left > 0;
        left -= octets;
        fits
    });
    fit.count()
}

fn octets() -> SqlLiteral<BigInt> {
    sql("CAST(COALESCE(octet_length(messages.content), 0) + COALESCE(octet_length(messages.data), 0) AS BIGINT)")
}

/// The next messages of a chat.
fn after(conn: &mut Conn, chat: ChatId, seq: i64, most: i64) -> Result<Vec<Next>> {
    let next = messages::table.filter(messages::chat_id.eq(chat).and(messages::seq.gt(seq)));
    let next = next.order(messages::seq).limit(most);
    Ok(next.select((messages::chat_id, messages::seq, messages::id, octets())).load(conn)?)
}

/// The first messages of the chats behind one.
fn behind(conn: &mut Conn, chat: ChatId, most: i64) -> Result<Vec<Next>> {
    let next = messages::table.filter(messages::chat_id.gt(chat)).order((messages::chat_id, messages::seq)).limit(most);
    Ok(next.select((messages::chat_id, messages::seq, messages::id, octets())).load(conn)?)
}

fn save(tx: &mut Tx<'_>, state: SearchIndexRow) -> Result<Progress> {
    diesel::update(search_index::table.find(1_i64)).set(&state).execute(tx.conn)?;
    Ok(progress(&state))
}
