//! Moving a read mark.
//!
//! What has to be counted is counted before anything is locked: numbered messages keep their numbers and senders, so
//! how many of a stretch are one's own never changes. Under the lock the count is a subtraction.

use clowder_core::{ChatId, Ctx, Result, UserId};
use clowder_messaging::{
    Change, NewRead, Read,
    read::{ReadFacts, Slowest, decide},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    journal,
};
use crate::{
    rows::SlowestRow,
    schema::{chats, messages, participants},
};

/// What a read mark is going to do.
pub enum Plan {
    /// It is there already.
    Stay(i64),
    Move(Step),
}

/// One way of a read mark.
#[derive(Clone, Copy)]
pub struct Step {
    chat: ChatId,
    user: UserId,
    from: i64,
    to: i64,
    /// How many messages on the way are the reader's own.
    own: i64,
    /// Whether the chat has to be told: the mark is one of the two lowest.
    counts: bool,
}

/// Marks never go back, so one that is found to stay needs no lock.
pub fn plan(conn: &mut Conn, chat: ChatId, user: UserId, new: NewRead) -> Result<Plan> {
    let facts: Option<(i64, i64, i64, SlowestRow)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .select((participants::read_seq, participants::own_after_read, chats::last_seq, SlowestRow::as_select()))
        .first(conn)
        .optional()?;
    let (from, own_after, last_seq, slowest) = facts.ok_or(CHAT_UNKNOWN)?;
    let Some(to) = decide(new, ReadFacts { read_seq: from, last_seq }) else { return Ok(Plan::Stay(from)) };
    // All were read by one query, so the own messages between mark and end are as many as it says.
    let own = if to == last_seq {
        own_after
    } else if to - from <= last_seq - to {
        count_own(conn, chat, user, from, to)?
    } else {
        own_after - count_own(conn, chat, user, to, last_seq)?
    };
    Ok(Plan::Move(Step { chat, user, from, to, own, counts: Slowest::from(slowest).counts(from) }))
}

/// Moves the mark; `None` when it is not any more where the plan found it, or counts now.
pub fn advance(tx: &mut Tx<'_>, ctx: &Ctx, step: Step) -> Result<Option<Read>> {
    let Step { chat, user, from, to, own, counts } = step;
    // Senders hold the chat; of the readers, only those whose mark is one of the two lowest need it.
    if counts {
        dialect::lock_chat(tx.conn, chat)?;
    }
    dialect::lock_participant(tx.conn, chat, user)?;
    let facts: Option<(i64, SlowestRow)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .select((participants::read_seq, SlowestRow::as_select()))
        .first(tx.conn)
        .optional()?;
    let (read_seq, slowest) = facts.ok_or(CHAT_UNKNOWN)?;
    if read_seq != from || !counts && Slowest::from(slowest).counts(from) {
        return Ok(None);
    }
    diesel::update(participants::table.find((chat, user)))
        .set((participants::read_seq.eq(to), participants::own_after_read.eq(participants::own_after_read - own)))
        .execute(tx.conn)?;
    if counts {
        note_slowest(tx.conn, chat)?;
    }
    let read = Read { chat_id: chat, user_id: user, seq: to, at: ctx.now };
    journal::append(tx, ctx, &Change::MessageRead(read.clone()))?;
    Ok(Some(read))
}

/// How many messages of a stretch are theirs, `after` excluded and `until` included.
fn count_own(conn: &mut Conn, chat: ChatId, user: UserId, after: i64, until: i64) -> Result<i64> {
    Ok(messages::table
        .filter(messages::chat_id.eq(chat).and(messages::sender_id.eq(user)))
        .filter(messages::seq.gt(after).and(messages::seq.le(until)))
        .count()
        .get_result(conn)?)
}

/// Keeps on the chat who has read least; for whoever moves a mark, or the people of a chat, and holds it.
pub fn note_slowest(conn: &mut Conn, chat: ChatId) -> Result<()> {
    let mut marks = lowest(conn, chat)?;
    // Somebody may just be moving a mark that did not count until now, and need not hold the chat for that.
    loop {
        let users: Vec<_> = marks.iter().map(|(user, _)| *user).collect();
        dialect::keep_participants(conn, chat, &users)?;
        let found = lowest(conn, chat)?;
        if found == marks {
            break;
        }
        marks = found;
    }
    diesel::update(chats::table.find(chat)).set(SlowestRow::from(Slowest::of(&marks))).execute(conn)?;
    Ok(())
}

/// The two lowest marks. Those that are kept stay the lowest: the others only move up.
fn lowest(conn: &mut Conn, chat: ChatId) -> Result<Vec<(UserId, i64)>> {
    Ok(participants::table
        .filter(participants::chat_id.eq(chat))
        .order((participants::read_seq, participants::user_id))
        .limit(2)
        .select((participants::user_id, participants::read_seq))
        .load(conn)?)
}
