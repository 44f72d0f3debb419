//! What somebody missed: found by topic, and only as far as they followed it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::RangeInclusive,
};

use clowder_core::{
    Error, Id, Positions, Recorded, Result, Topic, UserId, Word,
    follow::{Step, stretches},
    journal::{Chunk, Replayed},
};
use diesel::{define_sql_function, prelude::*, sql_types};

use super::{
    super::dialect::{Backend, Conn, STREAMS, stream_of},
    entry,
};
use crate::{rows::JournalRow, schema::journal};

define_sql_function! {
    /// How many octets a text has.
    fn octet_length(text: sql_types::Text) -> sql_types::Integer;
}

/// SQLite takes 32,766 variables in a statement.
const TOPICS_AT_ONCE: usize = 30_000;
/// SQLite refuses expressions that are nested deeper than 1,000.
const STRETCHES_AT_ONCE: usize = 100;

/// Position and size of a change.
type Place = (i64, i32);
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
        let stream = i16::try_from(index).map_err(|_| Error::internal("too many streams"))?;
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

pub fn replay(
    conn: &mut Conn,
    user: UserId,
    followed: &[Topic],
    from: &Positions,
    to: &Positions,
    chunk: Chunk,
) -> Result<Replayed> {
    let missed = Missed::new(user, followed, steps(conn, user, from, Some(to))?);
    let (mut replayed, mut room) = (Replayed { changes: Vec::new(), reached: from.clone() }, chunk);
    for stream in 0..STREAMS {
        let (after, until) = (from.get(stream), to.get(stream));
        if after >= until {
            continue;
        }
        if room.rows == 0 || room.octets == 0 {
            break;
        }
        let number = i16::try_from(stream).map_err(|_| Error::internal("too many streams"))?;
        let mut places = missed.places(conn, number, after, until, room.rows)?;
        let found = places.len();
        let sizes = places.iter().map(|(_, octets)| usize::try_from(*octets).unwrap_or(0));
        let fits = room.fit(sizes.clone());
        room.rows -= fits;
        room.octets = room.octets.saturating_sub(sizes.take(fits).sum());
        places.truncate(fits);
        // Without as many as were asked for, there are no more.
        let whole = fits == found && room.rows > 0;
        let reached = if whole { until } else { places.last().map_or(until, |(position, _)| *position) };
        let wanted: Vec<i64> =
            places.iter().map(|(position, _)| *position).filter(|position| !missed.hides(number, *position)).collect();
        if !wanted.is_empty() {
            let rows: Vec<JournalRow> = journal::table
                .filter(journal::stream.eq(number).and(journal::position.eq_any(wanted)))
                .order(journal::position)
                .select(JournalRow::as_select())
                .load(conn)?;
            for row in rows {
                replayed.changes.extend(entry(row)?.change.filter(|change| missed.concerns(number, change)));
            }
        }
        replayed.reached.advance(stream, reached);
        if !whole {
            break;
        }
    }
    Ok(replayed)
}

/// Which changes are to be told to whom.
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
}

impl Missed {
    fn new(user: UserId, followed: &[Topic], steps: Vec<FollowStep>) -> Self {
        let mut missed = Self {
            user,
            now: followed.iter().copied().collect(),
            followed: BTreeMap::new(),
            steps: HashMap::new(),
            told: BTreeMap::new(),
            hidden: HashSet::new(),
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

    /// Places are found by the id of a topic alone.
    fn concerns(&self, stream: i16, change: &Recorded) -> bool {
        let is_told = || self.told.contains_key(&(stream, change.position));
        change.topic == Topic::user(self.user) || self.now.contains(&change.topic) || is_told()
    }

    fn hides(&self, stream: i16, position: i64) -> bool {
        self.hidden.contains(&(stream, position))
    }

    /// The first `limit` places in `(after, until]` of a stream, in order, each once.
    fn places(&self, conn: &mut Conn, stream: i16, after: i64, until: i64, limit: usize) -> Result<Vec<Place>> {
        // What is about a user may stand in any stream.
        let mut whole: Vec<Id<()>> = vec![Id::from_uuid(self.user.uuid())];
        let mut parts: Vec<(Id<()>, RangeInclusive<i64>)> = Vec::new();
        for topic in self.followed.get(&stream).into_iter().flatten() {
            let id = Id::from_uuid(topic.id);
            match self.steps.get(topic) {
                None => whole.push(id),
                Some(steps) => parts.extend(stretches(steps, after, until).into_iter().map(|part| (id, part))),
            }
        }
        let told = self.told.range((stream, after + 1)..=(stream, until));
        let mut places: Vec<Place> = told.map(|((_, position), octets)| (*position, *octets)).collect();
        for topics in whole.chunks(TOPICS_AT_ONCE) {
            let of_these = Box::new(journal::topic_id.eq_any(topics.to_vec()));
            places.extend(first(conn, stream, after, until, of_these, limit)?);
        }
        for parts in parts.chunks(STRETCHES_AT_ONCE) {
            let in_these = parts.iter().map(|(id, part)| -> Condition {
                Box::new(journal::topic_id.eq(*id).and(journal::position.between(*part.start(), *part.end())))
            });
            if let Some(in_these) = in_these.reduce(|any, one| Box::new(any.or(one))) {
                places.extend(first(conn, stream, after, until, in_these, limit)?);
            }
        }
        places.sort_unstable();
        places.dedup();
        places.truncate(limit);
        Ok(places)
    }
}

fn first(
    conn: &mut Conn,
    stream: i16,
    after: i64,
    until: i64,
    condition: Condition,
    limit: usize,
) -> Result<Vec<Place>> {
    let places = journal::table
        .filter(journal::stream.eq(stream))
        .filter(journal::position.gt(after).and(journal::position.le(until)))
        .filter(condition)
        .order(journal::position)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((journal::position, octet_length(journal::data)));
    Ok(places.load(conn)?)
}

/// The number of a stream as positions count it.
pub fn index(stream: i16) -> Result<usize> {
    usize::try_from(stream).map_err(|_| Error::internal("a stream below zero"))
}
