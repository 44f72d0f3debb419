//! The time of messages that stay until some time after they were read: it begins when all others have read them.
//!
//! Whoever moves one of the two lowest marks of a chat only notes that there is something to do; the rest is done within a
//! second, by whichever node comes first, in pieces that do not depend on how far the mark moved.

use std::collections::{BTreeMap, HashSet};

use clowder_core::{ChatId, Ctx, MessageId, Result, Timestamp, UserId, Word, sql::Uid};
use clowder_messaging::{
    Change, ChatType, Lifetime, Message,
    change::Expiring,
    lifetimes::{Begins, port::PIECE, waits},
    read::{LowestReadMarks, are_shown},
};
use diesel::{
    dsl::{exists, not},
    prelude::*,
    sql_types::{BigInt, Bool},
};

use super::super::{
    among::AmongIds,
    batch,
    chats::edit::tell,
    db::Tx,
    dialect::{self, Backend, Conn},
    fragment::Fragment,
    group_commit::LOCK_WAIT,
};
use crate::{
    domains::{
        accounts::users,
        messaging::{HAS_WAITING, chats, messages, participants},
    },
    statement::statement,
};

/// In how many chats the time of messages begins in one transaction.
const CHATS: i64 = 64;
/// The condition of the index of messages whose time has not begun, as constant text, so that the databases use it.
const WAITS: Fragment<Bool> = Fragment::new(
    "(messages.lifetime < 0 AND (messages.expires_at IS NULL OR messages.timer_waits) AND messages.deleted_at IS NULL)",
);
/// Notes that one of the two lowest marks of these chats, which are locked, is another now.
pub fn note(conn: &mut Conn, moved: impl IntoIterator<Item = ChatId>) -> Result<()> {
    let moved: Vec<ChatId> = moved.into_iter().collect();
    let has_waiting = Fragment::<Bool>::new(HAS_WAITING);
    let waiting = chats::table.filter(chats::id.eq_any(moved)).filter(not(chats::timers_due)).filter(has_waiting);
    diesel::update(waiting).set(chats::timers_due.eq(true)).execute(conn)?;
    Ok(())
}

/// The same for messages that were just sent: perhaps nobody is left who could read them.
pub fn note_sent<'m>(conn: &mut Conn, sent: impl Iterator<Item = &'m Message>) -> Result<()> {
    let waiting: Vec<&Message> = sent.filter(|message| waits(message)).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let bounded = waiting.iter().filter(|message| message.expires_at.is_some()).map(|message| message.id);
    let bounded: Vec<MessageId> = bounded.collect();
    if !bounded.is_empty() {
        let bounded = messages::table.filter(messages::id.eq_any(bounded));
        diesel::update(bounded).set(messages::timer_waits.eq(true)).execute(conn)?;
    }
    note(conn, waiting.iter().map(|message| message.chat_id).collect::<HashSet<ChatId>>())
}

/// The same for the chats that somebody shares with others with whom they have no block any more: what it kept from beginning
/// may begin. These people are locked, or erased; these chats, and the private ones among them, are locked now, in the order of
/// their ids.
pub fn note_shared(conn: &mut Conn, user: UserId, others: &[UserId]) -> Result<()> {
    let own = participants::table.filter(participants::user_id.eq(user)).select(participants::chat_id);
    let theirs = participants::table.filter(participants::user_id.among(others)).select(participants::chat_id);
    let has_waiting = Fragment::<Bool>::new(HAS_WAITING);
    let shared = chats::table.filter(chats::id.eq_any(own)).filter(chats::id.eq_any(theirs));
    let shared = shared.filter(chats::kind.eq(ChatType::Private.as_str()).or(has_waiting));
    let shared: Vec<ChatId> = shared.order(chats::id).select(chats::id).load(conn)?;
    dialect::messaging::lock_each(conn, &shared)?;
    note(conn, shared)
}

pub fn is_due(conn: &mut Conn) -> Result<bool> {
    Ok(diesel::select(exists(chats::table.filter(chats::timers_due))).get_result(conn)?)
}

/// Begins the time of a piece of the messages that have been read; answers how many there were, and which chat comes next if
/// there may be more. Chats that somebody holds are passed over until everything else is done.
pub fn begin(tx: &mut Tx<'_>, ctx: &Ctx, after: Option<ChatId>) -> Result<(usize, Option<ChatId>)> {
    dialect::wait_at_most(tx.conn, LOCK_WAIT)?;
    let due = chats::table.filter(chats::timers_due).order(chats::id).limit(CHATS).select(chats::id).into_boxed();
    let due = if let Some(after) = after { due.filter(chats::id.gt(after)) } else { due };
    let due: Vec<ChatId> = due.load(tx.conn)?;
    let next = due.last().copied().filter(|_| due.len() as i64 == CHATS);
    let free: Vec<ChatId> = batch::messaging::lock_chats(tx.conn, &due)?.into_iter().map(|chat| chat.id).collect();
    let mut room = PIECE;
    let mut changes = Vec::new();
    let erased = erased_partners(tx.conn, &free)?;
    for row in batch::messaging::lowest_kept(tx.conn, &free)? {
        let chat = row.id;
        let (user, seq, next) = (row.lowest_reader_id, row.lowest_read_seq, row.second_lowest_read_seq);
        let lowest = are_shown(row.participant_count).then_some(LowestReadMarks { user, seq, next });
        let gone: Vec<UserId> = erased.iter().filter(|(place, _)| *place == chat).map(|(_, user)| *user).collect();
        let begun = begin_in(tx, ctx, chat, Begins::of(lowest, &gone), room)?;
        // Others may be left in the chat.
        if begun.len() < room {
            diesel::update(chats::table.find(chat)).set(chats::timers_due.eq(false)).execute(tx.conn)?;
        }
        room -= begun.len();
        changes.extend(begun);
        if room == 0 {
            break;
        }
    }
    tell(tx, ctx, &changes)?;
    Ok((changes.len(), if room == 0 { after } else { next }))
}

/// Whose accounts are erased in those of these chats that are private: elsewhere, their marks do not count anyway.
fn erased_partners(conn: &mut Conn, places: &[ChatId]) -> Result<Vec<(ChatId, UserId)>> {
    let private = participants::table
        .inner_join(chats::table)
        .inner_join(users::table.on(users::id.eq(participants::user_id)))
        .filter(participants::chat_id.eq_any(places).and(chats::kind.eq(ChatType::Private.as_str())))
        .filter(users::deleted_at.is_not_null());
    Ok(private.select((participants::chat_id, participants::user_id)).load(conn)?)
}

/// Who has a block with somebody else in the chat, and up to which of their messages the other one had read when it began.
/// What was read later does not show to them, so it begins the time of none of their messages either.
fn parted(conn: &mut Conn, chat: ChatId) -> Result<Vec<(UserId, i64)>> {
    let side = |sender: &str, reader: &str| {
        format!(
            "SELECT s.user_id, coalesce((SELECT max(r.seq) FROM receipts r WHERE r.chat_id = o.chat_id \
             AND r.user_id = o.user_id AND r.read = true AND r.at <= b.since), 0) FROM participants s \
             JOIN blocks b ON b.{sender} = s.user_id \
             JOIN participants o ON o.chat_id = s.chat_id AND o.user_id = b.{reader} WHERE s.chat_id = ?"
        )
    };
    let sides = [side("user_id", "blocked_id"), side("blocked_id", "user_id")].join(" UNION ALL ");
    let pairs = statement::<(Uid, BigInt), Backend>(sides).bind::<Uid, _>(chat).bind::<Uid, _>(chat);
    let mut least = BTreeMap::<UserId, i64>::new();
    for (sender, read) in pairs.load::<(UserId, i64)>(conn)? {
        least.entry(sender).and_modify(|least| *least = read.min(*least)).or_insert(read);
    }
    Ok(least.into_iter().collect())
}

fn begin_in(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, begins: Begins, room: usize) -> Result<Vec<Change>> {
    type Row = (i64, MessageId, Option<i64>, Option<Timestamp>);
    let mut waiting = messages::table
        .filter(messages::chat_id.eq(chat))
        .filter(WAITS)
        .order(messages::seq)
        .limit(room as i64)
        .select((messages::seq, messages::id, messages::lifetime, messages::expires_at))
        .into_boxed();
    let Begins { person, theirs, others } = begins;
    if let Some(person) = person {
        let by_them = messages::sender_id.eq(person).and(messages::seq.le(theirs));
        waiting = waiting.filter(messages::sender_id.ne(person).and(messages::seq.le(others)).or(by_them));
        // The index ends here.
        waiting = waiting.filter(messages::seq.le(theirs.max(others)));
        for (sender, read) in parted(tx.conn, chat)? {
            waiting = waiting.filter(messages::sender_id.ne(sender).or(messages::seq.le(read)));
        }
    }
    let rows: Vec<Row> = waiting.load(tx.conn)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut by_end = BTreeMap::<Timestamp, Vec<MessageId>>::new();
    let mut changes = Vec::with_capacity(rows.len());
    for (seq, message_id, lifetime, at_most) in rows {
        let end = Lifetime::from_number(lifetime.unwrap_or_default()).end(ctx.now);
        let expires_at = at_most.map_or(end, |at_most| at_most.min(end));
        by_end.entry(expires_at).or_default().push(message_id);
        changes.push(Change::MessageExpiring(Expiring { chat_id: chat, message_id, seq, expires_at }));
    }
    for (end, ids) in by_end {
        let some = messages::table.filter(messages::id.eq_any(ids));
        let begun = (messages::expires_at.eq(end), messages::timer_waits.eq(None::<bool>));
        diesel::update(some).set(begun).execute(tx.conn)?;
    }
    // Summaries of chats are cached under their revision.
    diesel::update(chats::table.find(chat)).set(chats::revision.eq(chats::revision + 1)).execute(tx.conn)?;
    Ok(changes)
}
