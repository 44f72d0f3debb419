//! What somebody missed: found by topic, and only as far as they followed it.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
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
    merge::{Merge, Place, Window},
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
    known: Arc<KnownSegments>,
    progress: Progress,
}

enum Progress {
    Unread(Asked),
    Found(Box<Missed>),
    /// After an error.
    Failed,
}

/// What is to be replayed.
#[derive(Clone)]
struct Asked {
    viewer: Viewer,
    followed: Arc<[Following]>,
    from: Positions,
    to: Positions,
}

impl Reader {
    pub fn new(
        db: &Db,
        known: &Arc<KnownSegments>,
        viewer: Viewer,
        followed: Arc<[Following]>,
        from: Positions,
        to: Positions,
    ) -> Self {
        let progress = Progress::Unread(Asked { viewer, followed, from, to });
        Self { db: db.clone(), known: Arc::clone(known), progress }
    }

    /// Works on what is missed, with a connection.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl Fn(&mut Missed, &mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::internal("a replay was read on after it had failed");
        let (missed, done) = match std::mem::replace(&mut self.progress, Progress::Failed) {
            Progress::Failed => return Err(gone()),
            Progress::Unread(asked) => {
                let known = Arc::clone(&self.known);
                let found = self.db.read(move |conn| {
                    let mut missed = Box::new(Missed::find(conn, &known, &asked)?);
                    let done = work(&mut missed, conn)?;
                    Ok((missed, done))
                });
                found.await?
            }
            Progress::Found(missed) => {
                let held = Mutex::new(Some(missed));
                let read_on = self.db.read(move |conn| {
                    // The work advances the state and cannot be repeated, so a dead connection must be detected before.
                    conn.batch_execute("SELECT 1")?;
                    let mut missed = held.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(gone)?;
                    let done = work(&mut missed, conn)?;
                    Ok((missed, done))
                });
                read_on.await?
            }
        };
        self.progress = Progress::Found(missed);
        Ok(done)
    }
}

#[async_trait]
impl Replay for Reader {
    async fn exceeds(&mut self, most: usize) -> Result<bool> {
        self.work(move |missed, conn| missed.exceeds(conn, most)).await
    }

    async fn next(&mut self, chunk: Chunk) -> Result<Option<Replayed>> {
        let is_over = match &self.progress {
            Progress::Unread(Asked { from, to, .. }) => from.reach(to),
            Progress::Found(missed) => missed.reached.reach(&missed.to),
            Progress::Failed => false,
        };
        if is_over {
            return Ok(None);
        }
        self.work(move |missed, conn| missed.read(conn, chunk)).await.map(Some)
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
    /// What is being read of each stream that has something left, in their order.
    parts: VecDeque<Part>,
}

/// What is missed of a stream within a segment.
struct Part {
    stream: usize,
    /// The same in the database.
    number: i16,
    span: Span,
    merge: Merge,
}

impl Missed {
    fn find(conn: &mut Conn, known: &KnownSegments, asked: &Asked) -> Result<Self> {
        let Asked { viewer, followed, from, to } = asked.clone();
        let mut segments = known.get();
        // This node's own writes are followed before anybody looks where they are.
        if !segments.cover(&to) {
            segments = look(conn, known)?.1;
        }
        let steps = steps(conn, &segments, viewer.id, &from, Some(&to))?;
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
            parts: VecDeque::new(),
        };
        for FollowStep { stream, place, topic, step } in steps {
            if step == Step::Leave || missed.now.contains_key(&topic) {
                missed.told.insert((stream, place.0), place.1);
            } else {
                missed.hidden.insert((stream, place.0));
            }
            missed.steps.entry(topic).or_default().push((place.0, step));
        }
        for Following { topic, .. } in followed.iter() {
            missed.followed.entry(stream_of(*topic)).or_default().push(*topic);
        }
        missed.begin(conn)?;
        Ok(missed)
    }

    /// Begins with all streams at once: most have a few changes in a segment, or none.
    fn begin(&mut self, conn: &mut Conn) -> Result<()> {
        let mut together = BTreeMap::<(i32, i32), Vec<(i16, Window)>>::new();
        let mut parts = Vec::new();
        for stream in 0..STREAMS {
            let Some(mut part) = self.part(stream, self.reached.get(stream))? else { continue };
            let windows = part.merge.wanted();
            let all = together.entry((part.span.first, part.span.last)).or_default();
            all.extend(windows.iter().map(|window| (part.number, *window)));
            parts.push((part, windows));
        }
        let mut found = HashMap::<i16, Vec<(usize, Place)>>::new();
        for ((first, last), windows) in together {
            let span = Span { first, last, ..Span::one(first) };
            for (stream, part, place) in batch::journal::places(conn, span, &windows)? {
                found.entry(stream).or_default().push((part, place));
            }
        }
        self.parts.extend(parts.into_iter().map(|(mut part, windows)| {
            let found = found.remove(&part.number).unwrap_or_default();
            part.merge.fill(windows, found);
            part
        }));
        Ok(())
    }

    /// What is missed of a stream in the segment that continues after a position.
    fn part(&self, stream: usize, after: i64) -> Result<Option<Part>> {
        let to = self.to.get(stream);
        if after >= to {
            return Ok(None);
        }
        let span = self.segments.next(stream, after).up_to(to);
        let number = number(stream)?;
        Ok(Some(Part { stream, number, span, merge: self.merge(number, after, span.until) }))
    }

    /// Whether there are more than `most` of them, as far as their places show it. What it looks at is not read again.
    fn exceeds(&mut self, conn: &mut Conn, most: usize) -> Result<bool> {
        let (mut count, mut counted) = (0, VecDeque::new());
        while let Some(mut part) = self.parts.pop_front() {
            let mut places = Vec::new();
            while let Some(place) = part.peek(conn)? {
                part.merge.take();
                places.push(place);
                count += usize::from(!self.hidden.contains(&(part.number, place.0)));
                if count > most {
                    return Ok(true);
                }
            }
            if let Some(next) = self.part(part.stream, part.span.until)? {
                self.parts.push_front(next);
            }
            counted.push_back(Part { merge: Merge::new(Vec::new(), places), ..part });
        }
        self.parts = counted;
        Ok(false)
    }

    /// The next piece. A stream is read one segment after the other, for each is a partition with an index of its own.
    fn read(&mut self, conn: &mut Conn, chunk: Chunk) -> Result<Replayed> {
        let mut room = chunk;
        let mut wanted = BTreeMap::<(i32, i32), Vec<(i16, i64)>>::new();
        while room.rows > 0
            && room.octets > 0
            && let Some(mut part) = self.parts.pop_front()
        {
            let (places, whole) = part.take(conn, &mut room, chunk)?;
            let (stream, number, last) = (part.stream, part.number, places.last().copied());
            let all = wanted.entry((part.span.first, part.span.last)).or_default();
            let shown = places.into_iter().filter(|position| !self.hidden.contains(&(number, *position)));
            all.extend(shown.map(|position| (number, position)));
            if !whole {
                self.reached.advance(stream, last.unwrap_or(0));
                self.parts.push_front(part);
                break;
            }
            self.reached.advance(stream, part.span.until);
            let is_next = |next: &Part| next.stream == stream;
            if !self.parts.front().is_some_and(is_next)
                && let Some(next) = self.part(stream, part.span.until)?
            {
                self.parts.push_front(next);
            }
        }
        let mut changes = Vec::new();
        for ((first, last), positions) in wanted {
            let loaded = load(conn, Span { first, last, ..Span::one(first) }, &positions)?;
            changes.extend(loaded.into_iter().filter(|change| self.concerns(change)));
        }
        changes.sort_by_key(|change| (change.stream, change.position));
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

impl Part {
    fn peek(&mut self, conn: &mut Conn) -> Result<Option<Place>> {
        let (span, stream) = (self.span, self.number);
        self.merge.peek(|windows| {
            let windows: Vec<_> = windows.iter().map(|window| (stream, *window)).collect();
            let found = batch::journal::places(conn, span, &windows)?;
            Ok(found.into_iter().map(|(_, part, place)| (part, place)).collect())
        })
    }

    /// Takes as many positions as there is room for, and returns whether these were all. The first one of a chunk is always
    /// taken.
    fn take(&mut self, conn: &mut Conn, room: &mut Chunk, chunk: Chunk) -> Result<(Vec<i64>, bool)> {
        let mut places = Vec::new();
        while room.rows > 0 {
            let Some((position, octets)) = self.peek(conn)? else { return Ok((places, true)) };
            let octets = usize::try_from(octets).unwrap_or(0);
            if octets > room.octets && room.rows < chunk.rows {
                break;
            }
            self.merge.take();
            places.push(position);
            room.rows -= 1;
            room.octets = room.octets.saturating_sub(octets);
        }
        Ok((places, false))
    }
}

/// The readable changes at these positions.
fn load(conn: &mut Conn, span: Span, positions: &[(i16, i64)]) -> Result<Vec<Recorded>> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let rows = batch::journal::rows_at(conn, span, positions)?;
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
