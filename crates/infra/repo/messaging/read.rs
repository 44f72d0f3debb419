//! Moving a read mark.
//!
//! What has to be counted is counted before anything is locked: numbered messages keep their numbers and senders, so
//! how many of a stretch are one's own never changes. Under the lock the count is a subtraction.

use clowder_core::{ChatId, Ctx, Result, UserId};
use clowder_messaging::{
    Change, NewRead, Read,
    read::{LowestReadMarks, ReadFacts, decide},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    journal,
};
use crate::{
    rows::LowestReadMarksRow,
    schema::{chats, messages, participants},
};

/// How many messages of a stretch are looked through at a time, so that others get their turn at the database in between.
const PIECE: i64 = 20_000;

/// What a read mark is going to do.
pub enum Plan {
    /// It is there already.
    Stay(i64),
    Move(Way),
}

/// One way of a read mark.
#[derive(Clone, Copy)]
pub struct Way {
    chat: ChatId,
    user: UserId,
    from: i64,
    to: i64,
    /// How many messages after the mark were the reader's own.
    own_after: i64,
    /// What has to be counted yet: the messages after the first and up to the second.
    uncounted: (i64, i64),
    /// How many of those counted are the reader's own.
    counted: i64,
    /// Whether what lies beyond the way is counted, which is less.
    beyond: bool,
    /// Whether the chat has to be told: the mark is one of the two lowest.
    counts: bool,
}

impl Way {
    /// Counts the next piece.
    pub fn count(mut self, conn: &mut Conn) -> Result<Self> {
        let (after, end) = self.uncounted;
        let until = end.min(after + PIECE);
        if after < until {
            let own = count_own(conn, self.chat, self.user, after, until)?;
            metrics::counter!("clowder_read_mark_messages_total").increment(own.unsigned_abs());
            self.counted += own;
            self.uncounted.0 = until;
        }
        Ok(self)
    }

    pub fn is_counted(&self) -> bool {
        self.uncounted.0 >= self.uncounted.1
    }

    /// How many messages on the way are the reader's own.
    fn own(&self) -> i64 {
        if self.beyond { self.own_after - self.counted } else { self.counted }
    }
}

/// Marks never go back, so one that is found to stay needs no lock. The first piece is counted, which is all there is to
/// most ways. What is counted is never more than what the mark passes: over all their marks together, nobody makes the
/// database count a chat more than once.
pub fn plan(conn: &mut Conn, chat: ChatId, user: UserId, new: NewRead) -> Result<Plan> {
    let facts: Option<(i64, i64, i64, LowestReadMarksRow)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .select((
            participants::read_seq,
            participants::own_after_read,
            chats::last_seq,
            LowestReadMarksRow::as_select(),
        ))
        .first(conn)
        .optional()?;
    let (from, own_after, last_seq, lowest_marks) = facts.ok_or(CHAT_UNKNOWN)?;
    let Some(to) = decide(new, ReadFacts { read_seq: from, last_seq }) else { return Ok(Plan::Stay(from)) };
    // All were read by one query, so the own messages between mark and end are as many as it says.
    let beyond = last_seq - to < to - from;
    let uncounted = if beyond { (to, last_seq) } else { (from, to) };
    let counts = LowestReadMarks::from(lowest_marks).counts(from);
    let way = Way { chat, user, from, to, own_after, uncounted, counted: 0, beyond, counts };
    Ok(Plan::Move(way.count(conn)?))
}

/// Moves the mark; `None` when it is not any more where the plan found it, or counts now.
pub fn advance(tx: &mut Tx<'_>, ctx: &Ctx, way: Way) -> Result<Option<Read>> {
    let Way { chat, user, from, to, counts, .. } = way;
    // Senders hold the chat; of the readers, only those whose mark is one of the two lowest need it.
    if counts {
        dialect::lock_chat(tx.conn, chat)?;
    }
    dialect::lock_participant(tx.conn, chat, user)?;
    let facts: Option<(i64, LowestReadMarksRow)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .select((participants::read_seq, LowestReadMarksRow::as_select()))
        .first(tx.conn)
        .optional()?;
    let (read_seq, lowest_marks) = facts.ok_or(CHAT_UNKNOWN)?;
    if read_seq != from || !counts && LowestReadMarks::from(lowest_marks).counts(from) {
        return Ok(None);
    }
    diesel::update(participants::table.find((chat, user)))
        .set((participants::read_seq.eq(to), participants::own_after_read.eq(participants::own_after_read - way.own())))
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
    diesel::update(chats::table.find(chat)).set(LowestReadMarksRow::from(LowestReadMarks::of(&marks))).execute(conn)?;
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
