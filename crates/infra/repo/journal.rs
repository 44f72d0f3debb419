//! The journal: appending to it as the last statement of a write, and reading it.

mod epoch;
mod privacy;
mod replay;
mod sweep;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Actor, Change, Ctx, Error, Id, Journal, Positions, Recorded, Result, UserId,
    change::anchor_of,
    follow::{self, Following},
    journal::{Chunk, Entry, Extent, Others, Replay},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Integer, SmallInt},
};

use self::sweep::Mark;
use super::{
    Repo, audit, batch,
    clock::{never, when},
    db::Tx,
    dialect::{Backend, Conn, STREAMS, stream_of},
    domains::{self, Domain, Sweep},
    partitions,
    people::Viewer,
};
use crate::{
    domains::journal::{JOURNAL_COLUMNS, JournalRow, journal},
    segments::{KnownSegments, Segments, Span},
    statement::statement,
};
pub use privacy::{clear_subject, clear_topic};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &[
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
    audit::write(tx)?;
    let heads = batch::journal::advance_streams(tx.conn, &wanted)?;
    epoch::check(tx, &wanted, &heads)?;
    let mut next: BTreeMap<i16, (i64, i32)> = BTreeMap::new();
    for (stream, count) in wanted {
        let head = heads.iter().find(|(advanced, ..)| *advanced == stream);
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

    async fn after(&self, stream: usize, position: i64, chunk: Chunk) -> Result<Vec<Entry>> {
        let segments = self.segments.get();
        self.db.read(move |conn| after(conn, &segments, stream, position, chunk)).await
    }

    async fn followed(&self, user: UserId, at: Positions) -> Result<Vec<Following>> {
        let segments = self.segments.get();
        self.db.read(move |conn| followed(conn, &segments, user, &at)).await
    }

    async fn others(&self, user: UserId) -> Result<Others> {
        self.db.read(move |conn| domains::others(conn, user)).await
    }

    async fn replay(
        &self,
        user: UserId,
        followed: Arc<[Following]>,
        from: Positions,
        to: Positions,
    ) -> Result<Box<dyn Replay>> {
        // Staff of the server get what everybody gets.
        let viewer = Viewer { id: user, staff: false, now: self.now() };
        Ok(Box::new(replay::Reader::open(&self.db, &self.segments, viewer, followed, from, to).await?))
    }

    async fn exceeds(
        &self,
        user: UserId,
        followed: Arc<[Following]>,
        from: Positions,
        to: Positions,
        most: usize,
    ) -> Result<bool> {
        let viewer = Viewer { id: user, staff: false, now: self.now() };
        replay::exceeds(&self.db, &self.segments, viewer, followed, (from, to), most).await
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

/// How far the journal reaches, and in which segments everything up to there is.
fn look(conn: &mut Conn, known: &KnownSegments) -> Result<(Extent, Arc<Segments>)> {
    let (epoch, rows) = batch::journal::extent(conn)?;
    let (heads, rest): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|(head, floor, segment)| (head, (floor, segment))).unzip();
    let (floors, segments): (_, Vec<_>) = rest.into_iter().unzip();
    let known_now = known.of(epoch);
    let segments = if known_now.know(&segments) {
        known_now.further(heads.clone())
    } else {
        Segments::new(partitions::ends(conn)?, heads.clone())
    };
    let extent = Extent { epoch, heads: Positions::new(heads), floors: Positions::new(floors) };
    Ok((extent, known.set(epoch, segments)))
}

/// What stands after a position: one segment after the other, as far as it is known that the stream has left them.
fn after(conn: &mut Conn, segments: &Segments, stream: usize, position: i64, chunk: Chunk) -> Result<Vec<Entry>> {
    let number = replay::number(stream)?;
    let (mut rows, mut position, mut room) = (Vec::new(), position, chunk);
    loop {
        let span = segments.next(stream, position);
        if !segments.has_left(stream, span.last) {
            // What is found in this segment follows at once, whether the stream has gone on since or not.
            if !read_after(conn, number, Span::one(span.first), position, &mut room, chunk, &mut rows)?
                && rows.is_empty()
            {
                read_after(conn, number, Span::from(span.first), position, &mut room, chunk, &mut rows)?;
            }
            break;
        }
        if read_after(conn, number, span, position, &mut room, chunk, &mut rows)? {
            break;
        }
        position = span.until;
    }
    rows.into_iter().map(entry).collect()
}

/// Adds what there is room for and answers whether more may be there.
fn read_after(
    conn: &mut Conn,
    stream: i16,
    span: Span,
    position: i64,
    room: &mut Chunk,
    chunk: Chunk,
    rows: &mut Vec<JournalRow>,
) -> Result<bool> {
    let most = i64::try_from(room.rows).unwrap_or(i64::MAX);
    let sizes: Vec<(i64, i32)> = batch::journal::read_from(conn, span, |conn, journal| {
        statement::<(BigInt, Integer), Backend>(format!(
            "SELECT j.position, octet_length(j.data) FROM {journal} AND j.stream = ? AND j.position > ? \
             ORDER BY j.position LIMIT ?"
        ))
        .bind::<SmallInt, _>(stream)
        .bind::<BigInt, _>(position)
        .bind::<BigInt, _>(most)
        .load(conn)
    })?;
    let octets = |size: &(i64, i32)| usize::try_from(size.1).unwrap_or(0);
    let fits = room.fit(sizes.iter().map(octets));
    let Some((last, _)) = sizes.get(..fits).and_then(<[_]>::last).copied() else { return Ok(false) };
    let taken: usize = sizes.iter().take(fits).map(octets).sum();
    // Only the first of a whole chunk is taken whatever its size.
    if taken > room.octets && *room != chunk {
        return Ok(true);
    }
    *room = Chunk { rows: room.rows - fits, octets: room.octets.saturating_sub(taken) };
    let found = batch::journal::read_from(conn, span, |conn, journal| {
        statement::<journal::SqlType, Backend>(format!(
            "SELECT {JOURNAL_COLUMNS} FROM {journal} AND j.stream = ? AND j.position > ? AND j.position <= ? \
             ORDER BY j.position"
        ))
        .bind::<SmallInt, _>(stream)
        .bind::<BigInt, _>(position)
        .bind::<BigInt, _>(last)
        .load(conn)
    })?;
    rows.extend::<Vec<JournalRow>>(found);
    Ok(fits < sizes.len() || room.rows == 0 || room.octets == 0)
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
