//! What somebody missed: found by topic, and only as far as they followed it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use clowder_core::{
    Error, Id, Positions, Recorded, Result, Topic, UserId, Word,
    follow::{Step, stretches},
    journal::{Chunk, Replay, Replayed},
};
use diesel::{connection::SimpleConnection, define_sql_function, prelude::*, sql_types};

use super::{
    super::{
        batch,
        db::Db,
        dialect::{Backend, Conn, STREAMS, stream_of},
    },
    entry,
};
use crate::{
    domains::journal::{JournalRow, journal},
    merge::{Merge, Place},
};

define_sql_function! {
    /// How many octets a text has.
    fn octet_length(text: sql_types::Text) -> sql_types::Integer;
}

type Condition = Box<dyn BoxableExpression<journal::table, Backend, SqlType = sql_types::Bool>>;

/// A change by which a user came to follow a topic, or stopped.
pub struct FollowStep {
    stream: i16,
    place: Place,
    pub topic: Topic,
    pub step: Step,
}

/// The changes of all streams in `(from, to]`, up to the heads without `to`; `None` when there can be none.
fn between(from: &Positions, to: Option<&Positions>) -> Result<Option<Condition>> {
    let mut any: Option<Condition> = None;
    for index in 0..STREAMS {
        let stream = number(index)?;
        let after = journal::stream.eq(stream).and(journal::position.gt(from.get(index)));
        let one: Condition = match to.map(|to| to.get(index)) {
            Some(until) if until <= from.get(index) => continue,
            Some(until) => Box::new(after.and(journal::position.le(until))),
            None => Box::new(after),
        };
        any = Some(match any {
            Some(any) => Box::new(any.or(one)),
            None => one,
        });
    }
    Ok(any)
}

/// What a user entered and left in `(from, to]`, in the order of each stream; up to the heads without `to`.
pub fn steps(conn: &mut Conn, user: UserId, from: &Positions, to: Option<&Positions>) -> Result<Vec<FollowStep>> {
    type Row = (i16, i64, i32, Option<String>, Option<String>, Option<Id<()>>);
    let Some(between) = between(from, to)? else { return Ok(Vec::new()) };
    let rows: Vec<Row> = journal::table
        .filter(journal::follower_id.eq(user))
        .filter(between)
        .order((journal::stream, journal::position))
        .select((
            journal::stream,
            journal::position,
            octet_length(journal::data),
            journal::follow,
            journal::followed_kind,
            journal::followed_id,
        ))
        .load(conn)?;
    let mut steps = Vec::new();
    for (stream, position, octets, step, kind, id) in rows {
        // What this version cannot read has no part in what it follows.
        let (Some(step), Some(kind), Some(id)) = (step, kind, id) else { continue };
        let (Some(step), Ok(kind)) = (Step::find(&step), kind.parse()) else { continue };
        steps.push(FollowStep { stream, place: (position, octets), topic: Topic::new(kind, id), step });
    }
    Ok(steps)
}

/// Reads what somebody missed, a piece at a time, each with a connection of its own.
pub struct Reader {
    db: Db,
    /// `None` once reading has failed.
    missed: Option<Missed>,
}

impl Reader {
    pub async fn open(db: &Db, user: UserId, followed: Arc<[Topic]>, from: Positions, to: Positions) -> Result<Self> {
        let missed = db.read(move |conn| {
            let steps = steps(conn, user, &from, Some(&to))?;
            Ok(Missed::new(user, &followed, from.clone(), to.clone(), steps))
        });
        Ok(Self { missed: Some(missed.await?), db: db.clone() })
    }
}

#[async_trait]
impl Replay for Reader {
    async fn next(&mut self, chunk: Chunk) -> Result<Option<Replayed>> {
        let gone = || Error::internal("a replay was read on after it had failed");
        let missed = self.missed.take().ok_or_else(gone)?;
        if missed.reached.reach(&missed.to) {
            self.missed = Some(missed);
            return Ok(None);
        }
        let held = Mutex::new(Some(missed));
        let read = self.db.read(move |conn| {
            // Reading a piece moves on and cannot be repeated, so a dead connection has to be found out before.
            conn.batch_execute("SELECT 1")?;
            let mut missed = held.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(gone)?;
            let piece = missed.read(conn, chunk)?;
            Ok((missed, piece))
        });
        let (missed, piece) = read.await?;
        self.missed = Some(missed);
        Ok(Some(piece))
    }
}

/// Which changes are to be told to whom, and how far they have been told.
struct Missed {
    user: UserId,
    now: HashSet<Topic>,
    /// What is about a topic stands in the stream of that topic.
    followed: BTreeMap<i16, Vec<Topic>>,
    steps: HashMap<Topic, Vec<(i64, Step)>>,
    /// Steps that are told whatever their topic is.
    told: BTreeMap<(i16, i64), i32>,
    /// Entering what has been left since.
    hidden: HashSet<(i16, i64)>,
    reached: Positions,
    to: Positions,
    /// The stream that is being read.
    stream: usize,
    merge: Option<Merge>,
}

impl Missed {
    fn new(user: UserId, followed: &[Topic], from: Positions, to: Positions, steps: Vec<FollowStep>) -> Self {
        let mut missed = Self {
            user,
            now: followed.iter().copied().collect(),
            followed: BTreeMap::new(),
            steps: HashMap::new(),
            told: BTreeMap::new(),
            hidden: HashSet::new(),
            reached: from,
            to,
            stream: 0,
            merge: None,
        };
        for FollowStep { stream, place, topic, step } in steps {
            if step == Step::Leave || missed.now.contains(&topic) {
                missed.told.insert((stream, place.0), place.1);
            } else {
                missed.hidden.insert((stream, place.0));
            }
            missed.steps.entry(topic).or_default().push((place.0, step));
        }
        for topic in followed {
            missed.followed.entry(stream_of(*topic)).or_default().push(*topic);
        }
        missed
    }

    /// The next piece.
    fn read(&mut self, conn: &mut Conn, chunk: Chunk) -> Result<Replayed> {
        let (mut changes, mut room) = (Vec::new(), chunk);
        while self.stream < STREAMS && room.rows > 0 && room.octets > 0 {
            let until = self.to.get(self.stream);
            if self.reached.get(self.stream) < until {
                let stream = number(self.stream)?;
                let mut merge = match self.merge.take() {
                    Some(merge) => merge,
                    None => self.merge(stream, self.reached.get(self.stream), until),
                };
                let (places, whole) = take(conn, stream, &mut merge, &mut room, chunk)?;
                let last = places.last().copied();
                let wanted = places.into_iter().filter(|position| !self.hidden.contains(&(stream, *position)));
                changes
                    .extend(load(conn, stream, wanted.collect())?.into_iter().filter(|change| self.concerns(change)));
                if !whole {
                    self.reached.advance(self.stream, last.unwrap_or(0));
                    self.merge = Some(merge);
                    break;
                }
                self.reached.advance(self.stream, until);
            }
            self.stream += 1;
            self.merge = None;
        }
        Ok(Replayed { changes, reached: self.reached.clone() })
    }

    /// The places in `(after, until]` of a stream at which something stands that may be theirs.
    fn merge(&self, stream: i16, after: i64, until: i64) -> Merge {
        // What is about a user may stand in any stream.
        let mut parts = vec![(Id::from_uuid(self.user.uuid()), after + 1..=until)];
        for topic in self.followed.get(&stream).into_iter().flatten() {
            let steps = self.steps.get(topic).map_or(&[][..], Vec::as_slice);
            let id = Id::from_uuid(topic.id);
            parts.extend(stretches(steps, after, until).into_iter().map(|stretch| (id, stretch)));
        }
        let told = self.told.range((stream, after + 1)..=(stream, until));
        Merge::new(parts, told.map(|((_, position), octets)| (*position, *octets)))
    }

    /// Places are found by the id of a topic alone.
    fn concerns(&self, change: &Recorded) -> bool {
        let is_told = || {
            let stream = i16::try_from(change.stream);
            stream.is_ok_and(|stream| self.told.contains_key(&(stream, change.position)))
        };
        change.topic == Topic::user(self.user) || self.now.contains(&change.topic) || is_told()
    }
}

/// Takes as many places as there is room for, and says whether these were all. The first of a chunk is taken in any
/// case.
fn take(conn: &mut Conn, stream: i16, merge: &mut Merge, room: &mut Chunk, chunk: Chunk) -> Result<(Vec<i64>, bool)> {
    let mut places = Vec::new();
    while room.rows > 0 {
        let next = merge.peek(|windows| batch::journal::places(conn, stream, windows))?;
        let Some((position, octets)) = next else { return Ok((places, true)) };
        let octets = usize::try_from(octets).unwrap_or(0);
        if octets > room.octets && room.rows < chunk.rows {
            break;
        }
        merge.take();
        places.push(position);
        room.rows -= 1;
        room.octets = room.octets.saturating_sub(octets);
    }
    Ok((places, false))
}

/// What this version can read of what stands at these positions.
fn load(conn: &mut Conn, stream: i16, positions: Vec<i64>) -> Result<Vec<Recorded>> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<JournalRow> = journal::table
        .filter(journal::stream.eq(stream).and(journal::position.eq_any(positions)))
        .order(journal::position)
        .select(JournalRow::as_select())
        .load(conn)?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        changes.extend(entry(row)?.change);
    }
    Ok(changes)
}

/// The number of a stream as the database has it.
fn number(index: usize) -> Result<i16> {
    i16::try_from(index).map_err(|_| Error::internal("too many streams"))
}

/// The number of a stream as positions count it.
pub fn index(stream: i16) -> Result<usize> {
    usize::try_from(stream).map_err(|_| Error::internal("a stream below zero"))
}
