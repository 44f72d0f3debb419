//! The journal: appending to it as the last statement of a write, and reading it.

mod epoch;
mod places;
mod privacy;
mod replay;
pub mod said;
mod sweep;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Actor, Change, Ctx, Error, Id, Journal, Positions, Recorded, Result, UserId,
    change::anchor_of,
    follow::{self, Following},
    journal::{Chunk, Entry, Extent, Former, Others, Part, Replay, Stretch},
};
use diesel::prelude::*;
use uuid::Uuid;

use self::sweep::Mark;
use super::{
    Repo, audit, batch,
    clock::{never, when},
    db::Tx,
    dialect::{Conn, STREAMS, stream_of},
    domains::{self, Domain, Sweep},
    media::attaching,
    partitions,
    people::Viewer,
};
use crate::{
    domains::journal::{JournalRow, SizeRow, journal},
    epochs::{Look, Timelines},
    segments::{KnownSegments, Segments, Span},
};
pub use epoch::former;
pub use places::changes_at;
pub use privacy::{clear_subject, clear_topic};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &[
        "former_epochs.heads",
        "journal.data",
        "journal.follow",
        "journal.followed_kind",
        "journal.name",
        "journal.topic_kind",
        "journal_marks.heads",
    ],
    times: &[
        when!(OnReturn, journal.at),
        never("journal_marks.marked_at", "a sweep counts no time since a mark that lies ahead"),
    ],
    sweeps: &[Sweep::Steps(|repo, ctx, journal_for| Journal::sweep(repo, ctx, journal_for))],
    ..Domain::NONE
};

/// Writes the changes of a transaction. It is the last statement of the write, after the audit log: it takes positions
/// in the streams and holds the streams until the commit, so that within a stream commit order is position order and
/// nothing is missing.
pub fn append(tx: &mut Tx<'_>, ctx: &Ctx, change: &impl Change) -> Result<()> {
    append_all(tx, &[(ctx, change)])
}

/// Like [`append`], for changes of several domains, which one write causes.
pub fn append_each(tx: &mut Tx<'_>, ctx: &Ctx, changes: &[&dyn Change]) -> Result<()> {
    append_all(tx, &changes.iter().map(|change| (ctx, *change)).collect::<Vec<_>>())
}

/// Like [`append`], for several changes, kept in this order within each stream.
pub fn append_all<C: Change + ?Sized>(tx: &mut Tx<'_>, changes: &[(&Ctx, &C)]) -> Result<()> {
    let mut wanted = BTreeMap::<i16, i64>::new();
    for (_, change) in changes {
        *wanted.entry(stream_of(anchor_of(*change)?)).or_default() += 1;
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    if wanted.is_empty() {
        return Ok(());
    }
    attaching::write(tx)?;
    audit::write(tx)?;
    let advanced = batch::journal::advance_streams(tx.conn, &wanted)?;
    epoch::check(tx, &wanted, &advanced)?;
    let mut next: BTreeMap<i16, (i64, i32)> = BTreeMap::new();
    for (stream, count) in wanted {
        let head = advanced.heads.iter().find(|(of, ..)| *of == stream);
        let (_, head, segment) = head.ok_or_else(|| Error::internal("a stream is missing"))?;
        next.insert(stream, (head - count + 1, *segment));
    }
    let mut rows = Vec::with_capacity(changes.len());
    for (ctx, change) in changes {
        let stream = stream_of(change.anchor());
        let (place, segment) = next.entry(stream).or_default();
        let recorded = Recorded {
            stream: stream.unsigned_abs().into(),
            position: *place,
            topic: change.topic(),
            name: change.name().into(),
            actor: match ctx.actor {
                Actor::User { id, .. } => Some(id),
                Actor::Nobody | Actor::System => None,
            },
            subject: change.subject(),
            follow: change.follow(),
            seq: change.seq(),
            at: ctx.now,
            data: Arc::from(change.data()?),
        };
        *place += 1;
        rows.push(JournalRow::new(&recorded, *segment)?);
        tx.recorded.push(recorded);
    }
    batch::journal::insert_changes(tx.conn, rows)
}

/// Replaces the payloads of changes of these kinds about a thing, when their content must disappear. Changes of other
/// kinds about it stay as they are: they have other content and another payload.
pub fn rewrite(tx: &mut Tx<'_>, kinds: &[&'static str], change: &impl Change) -> Result<()> {
    let Some(subject) = change.subject() else { return Ok(()) };
    batch::journal::rewrite(tx.conn, Id::from_uuid(subject), kinds, change.data()?.get())?;
    tx.deleted_text = true;
    Ok(())
}

/// The same for changes about several things.
pub fn rewrite_all(tx: &mut Tx<'_>, kinds: &[&'static str], changes: &[impl Change]) -> Result<()> {
    let mut changed = Vec::with_capacity(changes.len());
    for change in changes {
        if let Some(subject) = change.subject() {
            changed.push((Id::from_uuid(subject), change.data()?.get().to_owned()));
        }
    }
    if !changed.is_empty() {
        batch::journal::rewrite_all(tx.conn, kinds, changed)?;
        tx.deleted_text = true;
    }
    Ok(())
}

/// Makes the latest change of each of these kinds about a thing say this, and empties the earlier ones, which it
/// supersedes. The work does not grow with the number of changes, unlike that of [`rewrite`]. The names of the kinds end
/// with `.created` or `.updated`, for which there is an index (not for those of messages), and all changes of one kind
/// about a thing are in one stream.
pub fn supersede(tx: &mut Tx<'_>, kinds: &[&'static str], change: &impl Change) -> Result<()> {
    let Some(subject) = change.subject() else { return Ok(()) };
    let data = change.data()?;
    for kind in kinds {
        let mut places = batch::journal::saying(tx.conn, Id::from_uuid(subject), kind)?;
        places.sort_unstable();
        let latest = places.pop();
        let earlier = places.into_iter().map(|place| (place, Recorded::SUPERSEDED));
        for ((stream, position), data) in latest.map(|place| (place, data.get())).into_iter().chain(earlier) {
            batch::journal::say(tx.conn, stream, position, data)?;
        }
    }
    tx.deleted_text = true;
    Ok(())
}

#[async_trait]
impl Journal for Repo {
    async fn extent(&self) -> Result<Extent> {
        epoch::extent(self).await
    }

    async fn former(&self, epoch: Uuid) -> Result<Vec<Former>> {
        epoch::former_of(self, epoch).await
    }

    async fn read(&self, stretches: Vec<Stretch>, chunk: Chunk) -> Result<Part> {
        let segments = self.segments.get();
        self.db.read(move |conn| read(conn, &segments, &stretches, chunk)).await
    }

    async fn followed(&self, user: UserId, at: Positions) -> Result<Vec<Following>> {
        let segments = self.segments.get();
        self.db.read(move |conn| followed(conn, &segments, user, &at)).await
    }

    async fn others(&self, user: UserId) -> Result<Others> {
        self.db.read(move |conn| domains::others(conn, user)).await
    }

    fn replay(&self, user: UserId, followed: Arc<[Following]>, from: Positions, to: Positions) -> Box<dyn Replay> {
        // Staff of the server get what everybody gets.
        let viewer = Viewer { id: user, staff: false, now: self.now() };
        Box::new(replay::Reader::new(&self.db, &self.segments, viewer, followed, from, to))
    }

    async fn completed(&self, owner: UserId, changes: Vec<Recorded>) -> Result<Vec<Recorded>> {
        let viewer = Viewer { id: owner, staff: false, now: self.now() };
        let completed = self.db.read(move |conn| {
            let mut changes = changes.clone();
            domains::conceal(conn, viewer, &mut changes)?;
            Ok(changes)
        });
        completed.await
    }

    async fn sweep(&self, ctx: &Ctx, keep: Duration) -> Result<usize> {
        let now = ctx.now;
        let Mark { measured, old } = self.db.write(move |tx| sweep::mark(tx, now, keep)).await?;
        let mut gone = partitions::turn(&self.db, measured, keep, old.as_ref()).await?;
        let Some(old) = old else { return Ok(gone) };
        // One stream at a time, so that writers of the others never wait.
        for (stream, until) in (0..STREAMS as i16).zip(old.as_slice().to_vec()) {
            gone += self.db.write(move |tx| sweep::sweep(tx, stream, until)).await?;
        }
        Ok(gone)
    }
}

/// How far the journal reaches, for a transaction that holds what depends on it.
pub fn present(conn: &mut Conn, known: &KnownSegments) -> Result<Extent> {
    Ok(look(conn, known)?.0)
}

/// How far the journal reaches, in which segments everything up to there is, and on which timeline it is written.
fn look(conn: &mut Conn, known: &KnownSegments) -> Result<(Extent, Arc<Segments>, Timelines)> {
    let Look { epoch, stored, streams, timelines } = batch::journal::extent(conn)?;
    let (heads, rest): (Vec<_>, Vec<_>) =
        streams.into_iter().map(|(head, floor, segment)| (head, (floor, segment))).unzip();
    let (floors, segments): (_, Vec<_>) = rest.into_iter().unzip();
    let known_now = known.of(epoch);
    let segments = if known_now.know(&segments) {
        known_now.further(heads.clone())
    } else {
        Segments::new(partitions::ends(conn)?, heads.clone())
    };
    let extent = Extent { epoch, stored, heads: Positions::new(heads), floors: Positions::new(floors) };
    Ok((extent, known.set(epoch, segments), timelines))
}

/// What stands after a position: one segment after the other, as far as it is known that the stream has left them.
/// Reads the stretches that begin in the same segments together, as nearly all do that are at the end of the journal.
fn read(conn: &mut Conn, segments: &Segments, stretches: &[Stretch], chunk: Chunk) -> Result<Part> {
    let (mut rows, mut room, mut left) = (Rows::default(), chunk, stretches.to_vec());
    while !left.is_empty() {
        let mut together = BTreeMap::<(i32, i32), Vec<Stretch>>::new();
        let mut later = Vec::new();
        for stretch in left {
            let span = segments.next(stretch.stream, stretch.after);
            // The segment that a stream has not left, as far as is known, is the last one.
            let is_last = !segments.has_left(stretch.stream, span.last);
            let last = if is_last { span.first } else { span.last };
            let until = if is_last { stretch.until } else { stretch.until.min(span.until) };
            together.entry((span.first, last)).or_default().push(Stretch { until, ..stretch });
            if until < stretch.until {
                later.push(Stretch { after: until, ..stretch });
            }
        }
        for ((first, last), stretches) in together {
            let span = Span { first, last, ..Span::one(first) };
            if !read_together(conn, span, &stretches, &mut room, chunk, &mut rows)? {
                return part(rows, false);
            }
            // Where nothing is found, the stream may have left this segment since. What is found there follows at once,
            // whether it has or not.
            let is_new = |stretch: &&Stretch| {
                !segments.has_left(stretch.stream, last) && !rows.all.iter().any(|row| is_of(row, stretch))
            };
            let elsewhere: Vec<_> = stretches.iter().filter(is_new).copied().collect();
            if !elsewhere.is_empty()
                && !read_together(conn, Span::from(first), &elsewhere, &mut room, chunk, &mut rows)?
            {
                return part(rows, false);
            }
        }
        left = later;
    }
    part(rows, true)
}

fn is_of(row: &JournalRow, stretch: &Stretch) -> bool {
    usize::try_from(row.stream) == Ok(stretch.stream)
}

/// What was read, and the stored part of the epoch when the last of it was found.
#[derive(Default)]
struct Rows {
    all: Vec<JournalRow>,
    stored: Option<Uuid>,
}

fn part(Rows { all: mut rows, stored }: Rows, is_all: bool) -> Result<Part> {
    rows.sort_by_key(|row| (row.stream, row.position));
    Ok(Part { entries: rows.into_iter().map(entry).collect::<Result<_>>()?, is_all, stored })
}

/// Adds what there is room for and answers whether that is all.
fn read_together(
    conn: &mut Conn,
    span: Span,
    stretches: &[Stretch],
    room: &mut Chunk,
    chunk: Chunk,
    rows: &mut Rows,
) -> Result<bool> {
    let most = i64::try_from(room.rows).unwrap_or(i64::MAX);
    let mut sizes = batch::journal::sizes(conn, span, stretches, most)?;
    sizes.sort_unstable_by_key(|(stream, position, ..)| (*stream, *position));
    if let Some((.., stored)) = sizes.first() {
        rows.stored = Some(stored.map(|id| id.uuid()).unwrap_or_default());
    }
    let octets = |size: &SizeRow| usize::try_from(size.2).unwrap_or(0);
    let fits = room.fit(sizes.iter().map(octets));
    let is_all = fits == sizes.len();
    sizes.truncate(fits);
    if sizes.is_empty() {
        return Ok(is_all);
    }
    let taken: usize = sizes.iter().map(octets).sum();
    // Only the first of a whole chunk is taken whatever its size.
    if taken > room.octets && *room != chunk {
        return Ok(false);
    }
    *room = Chunk { rows: room.rows - fits, octets: room.octets.saturating_sub(taken) };
    let end = |stretch: &Stretch| {
        let of_it = sizes.iter().rfind(|(stream, ..)| usize::try_from(*stream) == Ok(stretch.stream));
        of_it.map(|(_, position, ..)| Stretch { until: *position, ..*stretch })
    };
    let fitting: Vec<_> = stretches.iter().filter_map(end).collect();
    rows.all.extend(batch::journal::rows_of(conn, span, &fitting)?);
    Ok(is_all && room.rows > 0 && room.octets > 0)
}

fn entry(row: JournalRow) -> Result<Entry> {
    let (stream, position) = (replay::index(row.stream)?, row.position);
    let change = row.recorded();
    if let Err(error) = &change {
        tracing::debug!(stream, position, %error, "a change that this version cannot read");
    }
    Ok(Entry { stream, position, change: change.ok() })
}

/// First what they follow now and then the steps, so that no step is missed in between.
fn followed(conn: &mut Conn, segments: &Segments, user: UserId, at: &Positions) -> Result<Vec<Following>> {
    let now = domains::followed(conn, user)?;
    let since = replay::steps(conn, segments, user, at, None)?;
    Ok(follow::before(now, since.into_iter().map(|step| (step.topic, step.step))))
}
