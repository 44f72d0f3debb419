//! What people have removed for themselves, as far as it concerns what they see of a chat. Most have removed nothing, which
//! their membership says: for them, nothing is looked up here.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use clowder_core::{ChatId, Id, Recorded, Result, UserId, Word};
use clowder_messaging::{MessageType, change::SHOW_THE_MESSAGE, keeping::without_words};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
    sql_types::{BigInt, Bool, Nullable},
};
use serde::Deserialize;

use super::super::{
    among::AmongIds,
    batch,
    dialect::{Backend, Conn},
    fragment::Fragment,
    journal::said::{rewrite, said},
    people::Viewer,
};
use crate::{
    domains::messaging::{ChatSummary, messages, participants, removed_messages as table},
    statement::statement,
};
use clowder_core::sql::Uid;

macro_rules! stays {
    () => {
        "(participants.removed_count = 0 OR NOT EXISTS (SELECT 1 FROM removed_messages r \
         WHERE r.chat_id = messages.chat_id AND r.seq = messages.seq AND r.user_id = participants.user_id))"
    };
}

/// Whether a participant has not removed a message.
pub const STAYS: Fragment<Bool> = Fragment::new(stays!());

/// Whether a participant sees a message of the chat, as [`crate::domains::messaging::MESSAGE_IS_SEEN`] says it.
pub const IS_SEEN: Fragment<Bool> =
    Fragment::new(concat!("(messages.seq > participants.visible_from AND ", stays!(), ")"));

/// After which message a participant sees a chat, whatever they have cleared since: what others learn of what they see.
pub const ENTERED_FROM: Fragment<BigInt> =
    Fragment::new("coalesce(participants.entered_from, participants.visible_from)");

/// The number of the newest message that a participant sees. The removed ones are looked up one by one: PostgreSQL makes a
/// join of a `NOT EXISTS`, and without statistics it reads all of them for each message.
const LAST: Fragment<Nullable<BigInt>> = Fragment::new(
    "(SELECT m.seq FROM messages m WHERE m.chat_id = participants.chat_id AND m.seq > participants.visible_from \
     AND (SELECT 1 FROM removed_messages r WHERE r.chat_id = m.chat_id AND r.seq = m.seq \
     AND r.user_id = participants.user_id) IS NULL ORDER BY m.seq DESC LIMIT 1)",
);

/// The same for a message of a query that has no participant; the removed ones are looked up one by one.
#[diesel::dsl::auto_type(no_type_alias)]
pub fn stays(viewer: UserId) -> _ {
    let own = table::table
        .filter(table::chat_id.eq(messages::chat_id))
        .filter(table::seq.eq(messages::seq))
        .filter(table::user_id.eq(viewer))
        .select(table::seq);
    own.single_value().is_null()
}

/// Whether somebody has removed a message.
pub fn is_removed(conn: &mut Conn, viewer: UserId, chat: ChatId, seq: i64) -> Result<bool> {
    Ok(diesel::select(exists(table::table.find((chat, seq, viewer)))).get_result(conn)?)
}

/// Those of these messages of the viewer's chats that they have removed.
pub fn among(
    conn: &mut Conn,
    viewer: UserId,
    places: impl IntoIterator<Item = (ChatId, i64)>,
) -> Result<Vec<(ChatId, i64)>> {
    let (mut chats, seqs): (Vec<ChatId>, Vec<i64>) = places.into_iter().unzip();
    if chats.is_empty() {
        return Ok(Vec::new());
    }
    chats.sort_unstable();
    chats.dedup();
    // Some may be the same numbers of other chats, which nobody asks for.
    let own = table::table.filter(table::user_id.eq(viewer).and(table::chat_id.among(&chats)));
    Ok(own.filter(table::seq.eq_any(seqs)).select((table::chat_id, table::seq)).load(conn)?)
}

/// How many messages of a chat these people have removed, who are about to come back.
pub fn counts(conn: &mut Conn, chat: ChatId, users: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let own = table::table.filter(table::user_id.among(users).and(table::chat_id.eq(chat)));
    let counts: Vec<(UserId, i64)> = own.group_by(table::user_id).select((table::user_id, count_star())).load(conn)?;
    Ok(counts.into_iter().collect())
}

/// How many of those that the viewer has removed in these chats would be unread.
pub fn unread(conn: &mut Conn, viewer: UserId, chats: &[ChatId]) -> Result<HashMap<ChatId, i64>> {
    if chats.is_empty() {
        return Ok(HashMap::new());
    }
    let membership = participants::chat_id.eq(table::chat_id).and(participants::user_id.eq(table::user_id));
    let counts: Vec<(ChatId, i64)> = table::table
        .inner_join(participants::table.on(membership))
        .inner_join(messages::table.on(messages::chat_id.eq(table::chat_id).and(messages::seq.eq(table::seq))))
        .filter(table::user_id.eq(viewer).and(table::chat_id.among(chats)))
        .filter(table::seq.gt(participants::read_seq).and(messages::sender_id.ne(table::user_id)))
        .filter(messages::deleted_at.is_null().and(messages::kind.ne(MessageType::System.as_str())))
        .group_by(table::chat_id)
        .select((table::chat_id, count_star()))
        .load(conn)?;
    Ok(counts.into_iter().collect())
}

/// Shows the viewer of these chats, in which they have removed something, the last message that they see.
pub fn show_last(
    conn: &mut Conn,
    viewer: UserId,
    chats: &[ChatId],
    summaries: &mut HashMap<ChatId, Arc<ChatSummary>>,
) -> Result<()> {
    if chats.is_empty() {
        return Ok(());
    }
    let own = participants::table.filter(participants::user_id.eq(viewer).and(participants::chat_id.among(chats)));
    let mut last: Vec<(ChatId, Option<i64>)> = own.select((participants::chat_id, LAST)).load(conn)?;
    last.retain(|(chat, seq)| {
        let shown = summaries.get(chat).and_then(|summary| summary.last.as_ref());
        shown.map(|shown| shown.seq) != *seq
    });
    let places: Vec<_> = last.iter().filter_map(|(chat, seq)| Some((*chat, (*seq)?))).collect();
    let rows = if places.is_empty() { Vec::new() } else { batch::messaging::messages_at(conn, &places)? };
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.chat_id, row)).collect();
    for (chat, _) in last {
        if let Some(summary) = summaries.get_mut(&chat) {
            *summary = Arc::new(ChatSummary { last: rows.remove(&chat), ..(**summary).clone() });
        }
    }
    Ok(())
}

/// What a change says of a message, as far as it matters here.
#[derive(Deserialize)]
struct Shown {
    chat_id: ChatId,
    seq: i64,
}

/// Takes the texts that somebody has removed, or cleared, out of changes that are about to be replayed to them: what they
/// have missed ends with the removal, and until then they see no more than after it.
pub fn conceal(conn: &mut Conn, viewer: Viewer, changes: &mut Vec<Recorded>) -> Result<()> {
    let shows = |change: &&Recorded| SHOW_THE_MESSAGE.contains(&&*change.name);
    let chat_of = |change: &Recorded| -> ChatId { Id::from_uuid(change.topic.id) };
    let chats: HashSet<ChatId> = changes.iter().filter(shows).map(chat_of).collect();
    if chats.is_empty() {
        return Ok(());
    }
    let own = participants::table.filter(participants::user_id.eq(viewer.id).and(participants::chat_id.among(&chats)));
    let partly = own.filter(participants::removed_count.gt(0).or(participants::cleared_seq.gt(0)));
    let partly: Vec<(ChatId, i64)> = partly.select((participants::chat_id, participants::cleared_seq)).load(conn)?;
    let cleared: HashMap<ChatId, i64> = partly.into_iter().collect();
    let is_partly = |change: &Recorded| shows(&change) && cleared.contains_key(&chat_of(change));
    let shown: Vec<(usize, Shown)> = said(changes, is_partly);
    let removed = among(conn, viewer.id, shown.iter().map(|(_, shown)| (shown.chat_id, shown.seq)))?;
    for (index, Shown { chat_id, seq }) in shown {
        let is_cleared = cleared.get(&chat_id).is_some_and(|up_to| seq <= *up_to);
        if let Some(change) = changes.get_mut(index).filter(|_| is_cleared || removed.contains(&(chat_id, seq))) {
            rewrite(change, without_words)?;
        }
    }
    Ok(())
}

/// Deletes some of what is kept about a chat that goes with everything in it; none when there is none left.
pub fn clear(conn: &mut Conn, chat: ChatId, most: i64) -> Result<u64> {
    let some = statement::<(), Backend>(
        "DELETE FROM removed_messages WHERE (chat_id, seq, user_id) IN (SELECT r.chat_id, r.seq, r.user_id \
         FROM removed_messages r WHERE r.chat_id = ? ORDER BY r.seq, r.user_id LIMIT ?)",
    );
    Ok(some.bind::<Uid, _>(chat).bind::<BigInt, _>(most).execute(conn)? as u64)
}
