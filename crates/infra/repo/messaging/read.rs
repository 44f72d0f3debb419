//! Moving a read mark.
//!
//! Everything that has to be counted is counted before anything is locked: messages keep their numbers and senders, so
//! the number of one's own messages in a range never changes. Under the lock the count is a subtraction. Marks share
//! commits with each other and with messages.

use std::collections::{BTreeSet, HashMap, HashSet};

use clowder_core::{ChatId, Ctx, Result, UserId};
use clowder_messaging::{
    NewRead, Read,
    read::{LowestReadMarks, ReadFacts, are_shown, decide},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;

use super::{
    super::{
        batch,
        db::Tx,
        dialect::{self, Conn},
        group_commit::Outcome,
    },
    apart::PARTED,
    receipts::{self, COUNTS, DISCREET, Moving},
    send::Changes,
};
use crate::domains::messaging::{LowestReadMarksRow, MarkMove, MarksRow, chats, messages, participants};

/// How many messages of a range are counted at a time, so that others get their turn at the database in between.
const PIECE: i64 = 20_000;

/// The plan for moving a read mark.
pub enum Plan {
    /// It is already there.
    Stay(i64),
    Move(Way),
}

/// One move of a read mark.
#[derive(Clone, Copy)]
pub struct Way {
    chat: ChatId,
    user: UserId,
    from: i64,
    to: i64,
    /// What others see of the mark.
    shown_from: i64,
    /// The mark of what has arrived.
    delivered_from: i64,
    /// Whether the chat is closed, so that nobody is told of anything in it.
    closed: bool,
    /// Whether the reader hides the mark.
    discreet: bool,
    /// Whether a block parts the reader from somebody in the chat.
    parted: bool,
    /// How many messages after the mark were the reader's own.
    own_after: i64,
    /// What is still to be counted: the messages after the first and up to the second.
    uncounted: (i64, i64),
    /// How many of those counted are the reader's own.
    counted: i64,
    /// Whether the messages beyond the move are counted instead, because they are fewer.
    beyond: bool,
    /// Whether the chat must be updated: the mark is one of the two lowest, and others see it move.
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

    fn moving(&self) -> Moving {
        let Self { chat, user, to, delivered_from, parted, .. } = *self;
        Moving { chat, user, to, read_from: Some(self.from), delivered_from, discreet: self.is_hidden(), parted }
    }

    fn is_hidden(&self) -> bool {
        self.discreet || self.closed
    }

    fn mark_move(&self) -> MarkMove {
        MarkMove {
            chat_id: self.chat,
            user_id: self.user,
            read_seq: self.to,
            shown_read_seq: if self.is_hidden() { self.shown_from } else { self.to },
            delivered_seq: if self.closed { self.delivered_from } else { self.to },
            own: self.own(),
        }
    }

    /// How many messages in the move are the reader's own.
    fn own(&self) -> i64 {
        if self.beyond { self.own_after - self.counted } else { self.counted }
    }
}

/// Marks never go back, so a mark that stays needs no lock. The first piece is counted here, which is enough for most
/// moves. Only messages that the mark passes are counted: so over all their marks together, nobody can make the
/// database count a chat more than once.
pub fn plan(conn: &mut Conn, chat: ChatId, user: UserId, new: NewRead) -> Result<Plan> {
    type Row = (i64, i64, i64, i64, i64, i64, bool, LowestReadMarksRow, bool, bool);
    let facts: Option<Row> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .filter(chats::deleted_at.is_null())
        .select((
            participants::read_seq,
            participants::shown_read_seq,
            participants::delivered_seq,
            participants::own_after_read,
            chats::last_seq,
            chats::participant_count,
            chats::closed,
            LowestReadMarksRow::as_select(),
            DISCREET,
            PARTED,
        ))
        .first(conn)
        .optional()?;
    let (from, shown_from, delivered_from, own_after, last_seq, participants, closed, lowest_marks, discreet, parted) =
        facts.ok_or(CHAT_UNKNOWN)?;
    let Some(to) = decide(new, ReadFacts { read_seq: from, last_seq }) else { return Ok(Plan::Stay(from)) };
    // All values were read by one query, so the numbers of own messages between mark and end are consistent.
    let beyond = last_seq - to < to - from;
    let uncounted = match (own_after, beyond) {
        (0, _) => (to, to),
        (_, true) => (to, last_seq),
        (_, false) => (from, to),
    };
    let hidden = discreet || closed;
    let counts = are_shown(participants) && !hidden && LowestReadMarks::from(lowest_marks).counts(shown_from);
    let way = Way {
        chat,
        user,
        from,
        to,
        shown_from,
        delivered_from,
        closed,
        discreet,
        parted,
        own_after,
        uncounted,
        counted: 0,
        beyond,
        counts,
    };
    Ok(Plan::Move(way.count(conn)?))
}

/// A planned move of a read mark, fully counted.
pub struct PendingMark {
    ctx: Ctx,
    way: Way,
}

impl PendingMark {
    pub fn new(ctx: &Ctx, way: Way) -> Self {
        Self { ctx: ctx.clone(), way }
    }

    /// The reader's membership in the chat.
    pub fn key(&self) -> (ChatId, UserId) {
        (self.way.chat, self.way.user)
    }

    /// Whether the chat must be updated.
    pub fn counts(&self) -> bool {
        self.way.counts
    }
}

type Outcomes = Vec<Outcome<Option<Read>>>;

/// Moves marks and returns their changes, which are not written yet; `None` for a mark that is no longer where its plan
/// found it, or has become one of the lowest. It locks what it needs without waiting.
pub fn write_batch<'m>(tx: &mut Tx<'_>, marks: &[&'m PendingMark]) -> Result<(Outcomes, Changes<'m>)> {
    let facts = Facts::load(tx.conn, marks)?;
    let mut seen = HashSet::new();
    // If one reader has two marks in a chat, the second has to be planned again.
    let attempt = |mark: &&PendingMark| {
        if seen.insert(mark.key()) { facts.attempt(&mark.way) } else { Outcome::Done(Ok(None)) }
    };
    let mut outcomes: Vec<_> = marks.iter().map(attempt).collect();
    let mut moves: Vec<usize> = (0..marks.len()).filter(|index| matches!(outcomes[*index], Outcome::Again)).collect();
    let ways: Vec<Way> = moves.iter().map(|index| marks[*index].way).collect();
    let lowest = Lowest::load(tx.conn, &ways)?;
    moves.retain(|index| {
        let way = &marks[*index].way;
        let held = way.counts && lowest.held.contains(&way.chat);
        if held {
            outcomes[*index] = Outcome::Held;
        }
        !held
    });
    let ways: Vec<Way> = moves.iter().map(|index| marks[*index].way).collect();
    let moved: Vec<_> = ways.iter().map(Way::mark_move).collect();
    let moving = facts.moving(&moves.iter().map(|index| marks[*index]).collect::<Vec<_>>());
    if !moved.is_empty() {
        batch::messaging::advance_marks(tx.conn, &moved, &receipts::times(&moving, &facts.chats))?;
    }
    let told = lowest.with(&ways);
    if !told.is_empty() {
        batch::messaging::store_lowest_marks(tx.conn, &told)?;
    }
    for index in moves {
        let PendingMark { ctx, way } = marks[index];
        let read = Read { chat_id: way.chat, user_id: way.user, seq: way.to, at: ctx.now };
        outcomes[index] = Outcome::Done(Ok(Some(read)));
    }
    let changes = receipts::tell(tx.conn, &moving, &facts.chats)?;
    Ok((outcomes, changes))
}

/// What is kept of the marks of a chat.
pub struct Kept {
    /// Whether its lowest marks are kept, because others see marks.
    pub shown: bool,
    /// Whether one of the two has closed the chat.
    closed: bool,
    /// Whether the others are told: not in a closed chat.
    pub told: bool,
    /// Whether marks are told only to those whose messages they pass.
    pub discreet: bool,
    lowest: LowestReadMarks,
}

impl Kept {
    pub fn load(conn: &mut Conn, chats: &[ChatId]) -> Result<HashMap<ChatId, Self>> {
        let chats = batch::messaging::lowest_kept(conn, chats)?;
        let kept = chats.into_iter().map(|row| {
            let shown = are_shown(row.participant_count);
            let lowest = LowestReadMarks {
                user: row.lowest_reader_id,
                seq: row.lowest_read_seq,
                next: row.second_lowest_read_seq,
            };
            let (closed, discreet) = (row.closed, row.discreet);
            (row.id, Self { shown, closed, told: shown && !closed, discreet, lowest })
        });
        Ok(kept.collect())
    }
}

/// What is known of all marks of a batch, after the chats that they need and they themselves have been locked.
struct Facts {
    held: HashSet<(ChatId, UserId)>,
    marks: HashMap<(ChatId, UserId), MarksRow>,
    chats: HashMap<ChatId, Kept>,
}

impl Facts {
    fn load(conn: &mut Conn, marks: &[&PendingMark]) -> Result<Self> {
        // Senders lock the chat; of the readers, only those whose mark is one of the two lowest need it.
        let mut wanted: Vec<_> = marks.iter().filter(|mark| mark.way.counts).map(|mark| mark.way.chat).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let locked: HashSet<_> = batch::messaging::lock_chats(conn, &wanted)?.into_iter().map(|chat| chat.id).collect();
        wanted.retain(|chat| !locked.contains(chat));
        let held_chats = if wanted.is_empty() { Vec::new() } else { batch::messaging::held_chats(conn, &wanted)? };
        let (held, free): (Vec<&&PendingMark>, Vec<_>) =
            marks.iter().partition(|mark| mark.way.counts && held_chats.contains(&mark.way.chat));
        let mut pairs: Vec<_> = free.iter().map(|mark| mark.key()).collect();
        let found: HashMap<_, _> = batch::messaging::lock_marks(conn, &pairs)?
            .into_iter()
            .map(|row| ((row.chat_id, row.user_id), row))
            .collect();
        pairs.retain(|pair| !found.contains_key(pair));
        let held_seats = if pairs.is_empty() { Vec::new() } else { batch::messaging::held_seats(conn, &pairs)? };
        // Determined only now, because a locked mark may have become one of the two lowest until then.
        let mut chats: Vec<_> = found.keys().map(|(chat, _)| *chat).collect();
        chats.sort_unstable();
        chats.dedup();
        let chats = Kept::load(conn, &chats)?;
        let held = held.iter().map(|mark| mark.key()).chain(held_seats).collect();
        Ok(Self { held, marks: found, chats })
    }

    /// The moves of these marks. The mark of what has arrived may have moved since the plan.
    fn moving<'m>(&self, marks: &[&'m PendingMark]) -> Vec<(&'m Ctx, Moving)> {
        let moving = |mark: &&'m PendingMark| {
            let PendingMark { ctx, way } = *mark;
            let delivered_from = self.marks.get(&mark.key()).map_or(way.delivered_from, |row| row.delivered_seq);
            (ctx, Moving { delivered_from, ..way.moving() })
        };
        marks.iter().map(moving).collect()
    }

    /// `Again` for a mark that has to move.
    fn attempt(&self, way: &Way) -> Outcome<Option<Read>> {
        if self.held.contains(&(way.chat, way.user)) {
            return Outcome::Held;
        }
        let mark = self.marks.get(&(way.chat, way.user));
        let (Some(mark), Some(Kept { shown, closed, lowest, .. })) = (mark, self.chats.get(&way.chat)) else {
            return Outcome::Done(Err(CHAT_UNKNOWN.into()));
        };
        let has_moved = mark.read_seq != way.from || mark.shown_read_seq != way.shown_from || *closed != way.closed;
        if has_moved || !way.counts && !way.is_hidden() && *shown && lowest.counts(way.shown_from) {
            return Outcome::Done(Ok(None));
        }
        Outcome::Again
    }
}

/// The lowest marks of the other participants, in the chats where one of the lowest marks moves.
#[derive(Default)]
struct Lowest {
    others: HashMap<ChatId, Vec<(UserId, i64)>>,
    /// The chats in which another transaction is moving one of the lowest marks.
    held: HashSet<ChatId>,
}

impl Lowest {
    fn load(conn: &mut Conn, ways: &[Way]) -> Result<Self> {
        let counting: HashSet<_> = ways.iter().filter(|way| way.counts).map(|way| way.chat).collect();
        if counting.is_empty() {
            return Ok(Self::default());
        }
        let moving: HashSet<_> = ways.iter().map(|way| (way.chat, way.user)).collect();
        let room = |chat: &ChatId| 2 + ways.iter().filter(|way| way.chat == *chat).count() as i64;
        let wanted: Vec<_> = counting.iter().map(|chat| (*chat, room(chat))).collect();
        let mut others = HashMap::<_, Vec<_>>::new();
        for (chat, user, seq) in batch::messaging::lowest_marks(conn, &wanted)? {
            let lowest = others.entry(chat).or_default();
            if lowest.len() < 2 && !moving.contains(&(chat, user)) {
                lowest.push((user, seq));
            }
        }
        let found: Vec<_> =
            others.iter().flat_map(|(chat, lowest)| lowest.iter().map(|(user, seq)| (*chat, *user, *seq))).collect();
        // Another transaction may just be moving a mark that was not among the lowest until now, and need not lock the
        // chat for that. Marks never go back, so those that have not moved are still the lowest.
        let kept: HashSet<_> = batch::messaging::keep_marks(conn, &found)?.into_iter().collect();
        let held = found.iter().filter(|mark| !kept.contains(mark)).map(|(chat, ..)| *chat).collect();
        Ok(Self { others, held })
    }

    /// The two lowest of each chat after these have moved.
    fn with(&self, ways: &[Way]) -> Vec<(ChatId, LowestReadMarksRow)> {
        let counting: BTreeSet<_> = ways.iter().filter(|way| way.counts).map(|way| way.chat).collect();
        let lowest = |chat: ChatId| {
            let moved = ways.iter().filter(|way| way.chat == chat).map(|way| (way.user, way.to));
            let mut marks: Vec<_> = self.others.get(&chat).into_iter().flatten().copied().chain(moved).collect();
            marks.sort_unstable_by_key(|(user, seq)| (*seq, *user));
            (chat, LowestReadMarks::of(&marks).into())
        };
        counting.into_iter().map(lowest).collect()
    }
}

/// How many messages of a range are theirs, `after` excluded and `until` included.
fn count_own(conn: &mut Conn, chat: ChatId, user: UserId, after: i64, until: i64) -> Result<i64> {
    Ok(messages::table
        .filter(messages::chat_id.eq(chat).and(messages::sender_id.eq(user)))
        .filter(messages::seq.gt(after).and(messages::seq.le(until)))
        .count()
        .get_result(conn)?)
}

/// Locks the lowest marks of the others, waiting for transactions that are moving one of them.
pub fn keep_lowest(conn: &mut Conn, chat: ChatId, except: UserId) -> Result<()> {
    let lowest = |conn: &mut Conn| -> Result<Vec<UserId>> {
        Ok(participants::table
            .filter(participants::chat_id.eq(chat).and(participants::user_id.ne(except)))
            .filter(COUNTS)
            .order((participants::shown_read_seq, participants::user_id))
            .limit(2)
            .select(participants::user_id)
            .load(conn)?)
    };
    let mut users = lowest(conn)?;
    loop {
        dialect::messaging::keep_participants(conn, chat, &users)?;
        let found = lowest(conn)?;
        if found == users {
            return Ok(());
        }
        users = found;
    }
}
