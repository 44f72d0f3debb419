//! The journal: appending to it as the last statement of a write, and reading it.

mod privacy;
mod replay;
mod sweep;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Actor, Change, Ctx, Error, Id, Journal, Positions, Recorded, Result, Topic, UserId,
    change::anchor_of,
    follow,
    journal::{Chunk, Entry, Extent, Replay},
};
use diesel::prelude::*;

use super::{
    Repo, audit, batch,
    clock::{never, when},
    db::Tx,
    dialect::{Conn, STREAMS, stream_of},
    domains::{Domain, Sweep},
    messaging::chats,
};
use crate::domains::journal::{JournalRow, epoch, journal, streams};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    times: &[
        when!(OnReturn, journal.at),
        never("journal_marks.marked_at", "a sweep counts no time since a mark that lies ahead"),
    ],
    sweeps: &[Sweep::Steps(|repo, ctx, journal_for| Journal::sweep(repo, ctx, journal_for))],
    ..Domain::NONE
};

/// Writes down what a transaction did. It is the last statement of the write, after the audit log: it takes the places in
/// the streams, and holds them until the commit, so that within a stream commit order is position order and nothing is
/// missing.
pub fn append(tx: &mut Tx<'_>, ctx: &Ctx, change: &impl Change) -> Result<()> {
    append_all(tx, &[(ctx, change)])
}

/// Like [`append`], for several changes, kept in this order within each stream.
pub fn append_all<C: Change>(tx: &mut Tx<'_>, changes: &[(&Ctx, &C)]) -> Result<()> {
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
    let mut next: BTreeMap<i16, i64> = BTreeMap::new();
    for (stream, count) in wanted {
        let head = heads.iter().find(|(advanced, _)| *advanced == stream);
        let (_, head) = head.ok_or_else(|| Error::internal("a stream is missing"))?;
        next.insert(stream, head - count + 1);
    }
    let mut rows = Vec::with_capacity(changes.len());
    for (ctx, change) in changes {
        let stream = stream_of(change.anchor());
        let place = next.entry(stream).or_default();
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
            at: ctx.now,
            data: Arc::from(change.data()?),
        };
        *place += 1;
        rows.push(JournalRow::new(&recorded)?);
        tx.recorded.push(recorded);
    }
    batch::journal::insert_changes(tx.conn, &rows)
}

/// Replaces what changes of these kinds say about a thing, where what they said must not be known any more. Changes of
/// other kinds about it stay as they are: they say something else, and have another payload.
pub fn rewrite(tx: &mut Tx<'_>, kinds: &[&'static str], change: &impl Change) -> Result<()> {
    let Some(subject) = change.subject() else { return Ok(()) };
    let said = journal::subject_id.eq(Id::<()>::from_uuid(subject)).and(journal::name.eq_any(kinds));
    diesel::update(journal::table.filter(said)).set(journal::data.eq(change.data()?.get())).execute(tx.conn)?;
    tx.deleted_text = true;
    Ok(())
}

#[async_trait]
impl Journal for Repo {
    async fn extent(&self) -> Result<Extent> {
        self.db.read(extent).await
    }

    async fn after(&self, stream: usize, position: i64, chunk: Chunk) -> Result<Vec<Entry>> {
        self.db.read(move |conn| after(conn, stream, position, chunk)).await
    }

    async fn followed(&self, user: UserId, at: Positions) -> Result<Vec<Topic>> {
        self.db.read(move |conn| followed(conn, user, &at)).await
    }

    async fn replay(
        &self,
        user: UserId,
        followed: Arc<[Topic]>,
        from: Positions,
        to: Positions,
    ) -> Result<Box<dyn Replay>> {
        Ok(Box::new(replay::Reader::open(&self.db, user, followed, from, to).await?))
    }

    async fn sweep(&self, ctx: &Ctx, keep: Duration) -> Result<usize> {
        let now = ctx.now;
        let Some(old) = self.db.write(move |tx| sweep::mark(tx, now, keep)).await? else { return Ok(0) };
        let mut gone = 0;
        // One stream at a time, so that writers of the others never wait.
        for (stream, until) in (0..STREAMS as i16).zip(old.as_slice().to_vec()) {
            gone += self.db.write(move |tx| sweep::sweep(tx, stream, until)).await?;
        }
        Ok(gone)
    }
}

fn extent(conn: &mut Conn) -> Result<Extent> {
    let epoch: Id<()> = epoch::table.select(epoch::id).first(conn)?;
    let rows: Vec<(i64, i64)> =
        streams::table.order(streams::stream).select((streams::head, streams::floor)).load(conn)?;
    let (heads, floors) = rows.into_iter().unzip();
    Ok(Extent { epoch: epoch.uuid(), heads: Positions::new(heads), floors: Positions::new(floors) })
}

fn after(conn: &mut Conn, stream: usize, position: i64, chunk: Chunk) -> Result<Vec<Entry>> {
    let stream = i16::try_from(stream).map_err(|_| Error::internal("too many streams"))?;
    let later = journal::table.filter(journal::stream.eq(stream).and(journal::position.gt(position)));
    let sizes: Vec<(i64, i32)> = later
        .order(journal::position)
        .limit(i64::try_from(chunk.rows).unwrap_or(i64::MAX))
        .select((journal::position, replay::octet_length(journal::data)))
        .load(conn)?;
    let fits = chunk.fit(sizes.iter().map(|(_, octets)| usize::try_from(*octets).unwrap_or(0)));
    let Some((last, _)) = sizes.get(..fits).and_then(<[_]>::last) else { return Ok(Vec::new()) };
    let rows: Vec<JournalRow> = later
        .filter(journal::position.le(*last))
        .order(journal::position)
        .select(JournalRow::as_select())
        .load(conn)?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: JournalRow) -> Result<Entry> {
    let (stream, position) = (replay::index(row.stream)?, row.position);
    let change = row.recorded();
    if let Err(error) = &change {
        tracing::debug!(stream, position, %error, "a change that this version cannot read");
    }
    Ok(Entry { stream, position, change: change.ok() })
}

/// First what they follow now and then what happened about it, so that no step falls in between.
fn followed(conn: &mut Conn, user: UserId, at: &Positions) -> Result<Vec<Topic>> {
    let now = chats::followed(conn, user)?;
    let since = replay::steps(conn, user, at, None)?;
    Ok(follow::before(now, since.into_iter().map(|step| (step.topic, step.step))).into_iter().collect())
}
