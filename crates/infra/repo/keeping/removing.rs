//! Messages that people remove for themselves, and chats that they clear.

use clowder_core::{ChatId, Ctx, Error, MessageId, Result, UserId, Versions, versions};
use clowder_messaging::{
    Change,
    keeping::{Cleared, MOST_REMOVED, Outcome, Removed, may_remove},
    refusals::{CHAT_UNKNOWN, MESSAGE_STALE, MESSAGE_UNKNOWN},
    scheduled::Problem,
};
use diesel::{
    dsl::{count_star, exists, not},
    prelude::*,
};

use super::super::{
    among::AmongIds,
    chats::{
        edit::tell,
        hold::{Held, hold},
    },
    db::Tx,
    dialect::{self, Conn},
    messaging::removed::{self, ENTERED_FROM},
    relations::threads,
};
use crate::domains::messaging::{
    messages as said, participants, removed_messages as table, saved_messages as saved, thread_marks as marks,
};

/// A message of a chat that the caller sees, or saw before they removed it: with its number and version.
type Seen = (MessageId, i64, i64);

/// Those of a call.
struct All {
    caller: UserId,
    seen: Vec<Seen>,
    /// The numbers of those that are removed already.
    removed: Vec<(ChatId, i64)>,
}

/// Those of these messages, in their order, while the chat is locked, and nothing else of the caller's can be removed.
fn seen(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, ids: &[MessageId]) -> Result<All> {
    dialect::accounts::lock_user(tx.conn, ctx.user()?)?;
    let Held { caller, .. } = hold(tx, ctx, chat, &[])?;
    let from: i64 = participants::table.find((chat, caller)).select(participants::visible_from).first(tx.conn)?;
    // By their ids alone, because SQLite would read all messages of the chat for them.
    let found = said::table.filter(said::id.among(ids)).order(said::seq);
    let found: Vec<(ChatId, Seen)> =
        found.select((said::chat_id, (said::id, said::seq, said::version))).load(tx.conn)?;
    let seen: Vec<Seen> =
        found.into_iter().filter(|(of, (_, seq, _))| *of == chat && *seq > from).map(|(_, seen)| seen).collect();
    let removed = removed::among(tx.conn, caller, seen.iter().map(|(_, seq, _)| (chat, *seq)))?;
    Ok(All { caller, seen, removed })
}

pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId, version: Option<&Versions>) -> Result<()> {
    let chat: Option<ChatId> = said::table.filter(said::id.eq(id)).select(said::chat_id).first(tx.conn).optional()?;
    let chat = chat.ok_or(MESSAGE_UNKNOWN)?;
    let all = seen(tx, ctx, chat, &[id]).map_err(|error| match error {
        Error::Refused(refusal) if refusal.code == CHAT_UNKNOWN.code => MESSAGE_UNKNOWN.into(),
        error => error,
    })?;
    let (_, _, current) = all.seen.first().ok_or(MESSAGE_UNKNOWN)?;
    versions::check(version, *current, MESSAGE_STALE)?;
    put(tx, ctx, chat, all)
}

pub fn remove_all(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, ids: &[MessageId]) -> Result<Vec<Outcome>> {
    let all = seen(tx, ctx, chat, ids)?;
    let mut outcomes = Vec::<Outcome>::with_capacity(ids.len());
    for id in ids {
        // Each is answered once.
        if !outcomes.iter().any(|known| known.id == *id) {
            let is_there = all.seen.iter().any(|(seen, ..)| seen == id);
            let problem = (!is_there).then(|| Problem::of(MESSAGE_UNKNOWN.code.to_owned()));
            outcomes.push(Outcome { id: *id, deleted_at: None, problem });
        }
    }
    put(tx, ctx, chat, all)?;
    Ok(outcomes)
}

/// Writes which messages somebody has removed. They are not saved any more, and their threads not followed.
fn put(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, all: All) -> Result<()> {
    let All { caller, mut seen, removed } = all;
    seen.retain(|(_, seq, _)| !removed.contains(&(chat, *seq)));
    if seen.is_empty() {
        return Ok(());
    }
    let more = seen.len() as i64;
    let mut count: i64 = table::table.filter(table::user_id.eq(caller)).select(count_star()).first(tx.conn)?;
    if count + more > MOST_REMOVED {
        count -= forget_left(tx.conn, caller)?;
    }
    may_remove(count, more)?;
    let row = |(_, seq, _): &Seen| (table::chat_id.eq(chat), table::seq.eq(*seq), table::user_id.eq(caller));
    diesel::insert_into(table::table).values(seen.iter().map(row).collect::<Vec<_>>()).execute(tx.conn)?;
    diesel::update(participants::table.find((chat, caller)))
        .set(participants::removed_count.eq(participants::removed_count + more))
        .execute(tx.conn)?;
    let ids: Vec<MessageId> = seen.iter().map(|(id, ..)| *id).collect();
    let kept = saved::table.filter(saved::user_id.eq(caller).and(saved::message_id.eq_any(&ids)));
    tx.deleted_text |= diesel::delete(kept).execute(tx.conn)? > 0;
    let followed = marks::table.filter(marks::user_id.eq(caller).and(marks::chat_id.eq(chat)));
    diesel::delete(followed.filter(marks::message_id.eq_any(&ids))).execute(tx.conn)?;
    tell(tx, ctx, &[Change::MessagesRemoved(caller, Removed { chat_id: chat, ids })])
}

/// Forgets what somebody has removed in chats that they have left, and answers how much it was.
fn forget_left(conn: &mut Conn, user: UserId) -> Result<i64> {
    let membership = participants::table
        .filter(participants::chat_id.eq(table::chat_id).and(participants::user_id.eq(table::user_id)));
    let left = table::table.filter(table::user_id.eq(user)).filter(not(exists(membership)));
    Ok(diesel::delete(left).execute(conn)? as i64)
}

/// What others see of the read mark stays: nobody learns of it.
pub fn clear(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<Cleared> {
    let Held { caller, row, .. } = hold(tx, ctx, chat, &[])?;
    let cleared = Cleared { chat_id: chat, up_to: row.last_seq };
    let own = participants::table.find((chat, caller));
    let from: i64 = own.select(participants::visible_from).first(tx.conn)?;
    if from >= cleared.up_to {
        return Ok(cleared);
    }
    diesel::update(own)
        .set((
            participants::entered_from.eq(ENTERED_FROM.nullable()),
            participants::visible_from.eq(cleared.up_to),
            participants::cleared_seq.eq(cleared.up_to),
            participants::removed_count.eq(0),
            participants::read_seq.eq(cleared.up_to),
            participants::own_after_read.eq(0),
        ))
        .execute(tx.conn)?;
    diesel::delete(table::table.filter(table::user_id.eq(caller).and(table::chat_id.eq(chat)))).execute(tx.conn)?;
    let kept = saved::table.filter(saved::user_id.eq(caller).and(saved::chat_id.eq(chat)));
    tx.deleted_text |= diesel::delete(kept).execute(tx.conn)? > 0;
    threads::leave(tx.conn, chat, &[caller])?;
    tell(tx, ctx, &[Change::ChatCleared(caller, cleared)])?;
    Ok(cleared)
}
