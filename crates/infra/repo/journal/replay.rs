//! What somebody missed: found by topic, and only as far as they followed it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use clowder_core::{
    Error, Id, Positions, Recorded, Result, Topic, UserId, Word,
    follow::{Following, Step, stretches},
    journal::{Chunk, Replay, Replayed},
};
use diesel::connection::SimpleConnection;

use super::{
    super::{
        batch,
        db::Db,
        dialect::{Conn, STREAMS, stream_of},
        domains,
        people::Viewer,
    },
    entry, look,
};
use crate::{
    merge::{Merge, Place},
    segments::{KnownSegments, Segments, Span},
};

/// A change by which a user began or stopped following a topic.
pub struct FollowStep {
    stream: i16,
    place: Place,
    pub topic: Topic,
    pub step: Step,
}

/// The topics that a user entered and left in `(from, to]`, in the order of each stream; up to the heads without `to`.
pub fn steps(
    conn: &mut Conn,
    segments: &Segments,
    user: UserId,
    from: &Positions,
    to: Option<&Positions>,
) -> Result<Vec<FollowStep>> {
    if to.is_some_and(|to| from.reach(to)) {
        return Ok(Vec::new());
    }
    let rows = batch::journal::steps(conn, user, segments.between(from, to), from, to)?;
    let mut steps = Vec::new();
    for (stream, position, octets, step, kind, id) in rows {
        // Steps that this version cannot read are ignored.
        let (Some(step), Some(kind), Some(id)) = (step, kind, id) else { continue };
        let (Some(step), Ok(kind)) = (Step::find(&step), kind.parse()) else { continue };
        steps.push(FollowStep { stream, place: (position, octets), topic: Topic::new(kind, id), step });
    }
    Ok(steps)
}

/// Reads what somebody missed in chunks, each with a connection of its own.
pub struct Reader {
    db: Db,
    /// `None` after an error.
    missed: Option<Missed>,
}

impl Reader {
    pub async fn open(
        db: &Db,
        known: &Arc<KnownSegments>,
        viewer: Viewer,
        followed: Arc<[Following]>,
        from: Positions,
        to: Positions,
    ) -> Result<Self> {
        let known = Arc::clone(known);
        let missed = db.read(move |conn| Missed::find(conn, &known, viewer, &followed, &from, &to));
        Ok(Self { missed: Some(missed.await?), db: db.clone() })
    }
}

/// Whether somebody may have missed more than `most` changes between these positions.
pub async fn exceeds(
    db: &Db,
    known: &Arc<KnownSegments>,
    viewer: Viewer,
    followed: Arc<[Following]>,
    (from, to): (Positions, Positions),
    most: usize,
) -> Result<bool> {
    let known = Arc::clone(known);
    db.read(move |conn| Missed::find(conn, &known, viewer, &followed, &from, &to)?.exceeds(conn, most)).await
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
            // Reading a chunk advances the state and cannot be repeated, so a dead connection must be detected before.
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

/// Which changes are to be replayed to whom, and the progress.
struct Missed {
    segments: Arc<Segments>,
    viewer: Viewer,
    /// What they follow, and after which number.
    now: HashMap<Topic, i64>,
    /// Changes about a topic are in the stream of that topic.
    followed: BTreeMap<i16, Vec<Topic>>,
    steps: HashMap<Topic, Vec<(i64, Step)>>,
    /// Steps that are replayed for any topic.
    told: BTreeMap<(i16, i64), i32>,
    /// Entering topics that were left since.
    hidden: HashSet<(i16, i64)>,
    reached: Positions,
    to: Positions,
    /// The stream that is being read.
    stream: usize,
    /// The part of it that is being read, and how far that goes.
    part: Option<(Merge, Span)>,
}

impl Missed {
    fn new(
        segments: Arc<Segments>,
        viewer: Viewer,
        followed: &[Following],
        from: Positions,
        to: Positions,
        steps: Vec<FollowStep>,
    ) -> Self {
        let mut missed = Self {
            segments,
            viewer,
            now: followed.iter().map(|it| (it.topic, it.after)).collect(),
            followed: BTreeMap::new(),
            steps: HashMap::new(),
            told: BTreeMap::new(),
            hidden: HashSet::new(),
            reached: from,
            to,
            stream: 0,
            part: None,
        };
        for FollowStep { stream, place, topic, step } in steps {
            if step == Step::Leave || missed.now.contains_key(&topic) {
                missed.told.insert((stream, place.0), place.1);
            } else {
                missed.hidden.insert((stream, place.0));
            }
            missed.steps.entry(topic).or_default().push((place.0, step));
        }
        for Following { topic, .. } in followed {
            missed.followed.entry(stream_of(*topic)).or_default().push(*topic);
        }
        missed
    }

    fn find(
        conn: &mut Conn,
        known: &KnownSegments,
        viewer: Viewer,
        followed: &[Following],
        from: &Positions,
        to: &Positions,
    ) -> Result<Self> {
        let mut segments = known.get();
        // This node's own writes are followed before anybody looks where they are.
        if !segments.cover(to) {
            segments = look(conn, known)?.1;
        }
        let steps = steps(conn, &segments, viewer.id, from, Some(to))?;
        Ok(Self::new(segments, viewer, followed, from.clone(), to.clone(), steps))
    }

    /// Whether there are more than `most` of them, as far as their places show it.
    fn exceeds(&self, conn: &mut Conn, most: usize) -> Result<bool> {
        let mut count = 0;
        for index in 0..STREAMS {
            let (mut reached, to, stream) = (self.reached.get(index), self.to.get(index), number(index)?);
            while reached < to {
                let span = self.segments.next(index, reached).up_to(to);
                let mut merge = self.merge(stream, reached, span.until);
                while let Some((position, _)) =
                    merge.peek(|windows| batch::journal::places(conn, stream, span, windows))?
                {
                    merge.take();
                    count += usize::from(!self.hidden.contains(&(stream, position)));
                    if count > most {
                        return Ok(true);
                    }
                }
                reached = span.until;
            }
        }
        Ok(false)
    }

    /// The next piece. A stream is read one segment after the other, for each is a partition with an index of its own.
    fn read(&mut self, conn: &mut Conn, chunk: Chunk) -> Result<Replayed> {
        let (mut changes, mut room) = (Vec::new(), chunk);
        while self.stream < STREAMS && room.rows > 0 && room.octets > 0 {
            let (reached, to) = (self.reached.get(self.stream), self.to.get(self.stream));
            let (stream, part) = (number(self.stream)?, self.part.take());
            if part.is_none() && reached >= to {
                self.stream += 1;
                continue;
            }
            let (mut merge, span) = part.unwrap_or_else(|| {
                let span = self.segments.next(self.stream, reached).up_to(to);
                (self.merge(stream, reached, span.until), span)
            });
            let (places, whole) = take(conn, stream, span, &mut merge, &mut room, chunk)?;
            let last = places.last().copied();
            let wanted = places.into_iter().filter(|position| !self.hidden.contains(&(stream, *position)));
            let loaded = load(conn, stream, span, wanted.collect())?;
            changes.extend(loaded.into_iter().filter(|change| self.concerns(change)));
            if !whole {
                self.reached.advance(self.stream, last.unwrap_or(0));
                self.part = Some((merge, span));
                break;
            }
            self.reached.advance(self.stream, span.until);
        }
        domains::conceal(conn, self.viewer, &mut changes)?;
        Ok(Replayed { changes, reached: self.reached.clone() })
    }

    /// The positions in `(after, until]` of a stream with changes that may be theirs.
    fn merge(&self, stream: i16, after: i64, until: i64) -> Merge {
        // Changes about a user may be in any stream.
        let mut parts = vec![(Id::from_uuid(self.viewer.id.uuid()), after + 1..=until)];
        for topic in self.followed.get(&stream).into_iter().flatten() {
            let steps = self.steps.get(topic).map_or(&[][..], Vec::as_slice);
            let id = Id::from_uuid(topic.id);
            parts.extend(stretches(steps, after, until).into_iter().map(|stretch| (id, stretch)));
        }
        let told = self.told.range((stream, after + 1)..=(stream, until));
        Merge::new(parts, told.map(|((_, position), octets)| (*position, *octets)))
    }

    /// Positions are found by the id of a topic alone.
    fn concerns(&self, change: &Recorded) -> bool {
        if change.is_superseded() {
            return false;
        }
        let is_told = || {
            let stream = i16::try_from(change.stream);
            stream.is_ok_and(|stream| self.told.contains_key(&(stream, change.position)))
        };
        let is_followed = || self.now.get(&change.topic).is_some_and(|after| change.is_after(*after));
        change.topic == Topic::user(self.viewer.id) || is_followed() || is_told()
    }
}

/// Takes as many positions as there is room for, and returns whether these were all. The first one of a chunk is always
/// taken.
fn take(
    conn: &mut Conn,
    stream: i16,
    span: Span,
    merge: &mut Merge,
    room: &mut Chunk,
    chunk: Chunk,
) -> Result<(Vec<i64>, bool)> {
    let mut places = Vec::new();
    while room.rows > 0 {
        let next = merge.peek(|windows| batch::journal::places(conn, stream, span, windows))?;
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

/// The readable changes at these positions.
fn load(conn: &mut Conn, stream: i16, span: Span, positions: Vec<i64>) -> Result<Vec<Recorded>> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let rows = batch::journal::rows_at(conn, stream, span, &positions)?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        changes.extend(entry(row)?.change);
    }
    Ok(changes)
}

/// The number of a stream in the database.
pub fn number(index: usize) -> Result<i16> {
    i16::try_from(index).map_err(|_| Error::internal("too many streams"))
}

/// The number of a stream in positions.
pub fn index(stream: i16) -> Result<usize> {
    usize::try_from(stream).map_err(|_| Error::internal("a stream below zero"))
}
