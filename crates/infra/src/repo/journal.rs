//! The journal: appending to it as the last statement of a write, and reading it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use clowder_core::{
    Actor, Change, Ctx, Error, Id, Journal, Positions, Recorded, Result, Timestamp, Topic, journal::Extent,
};
use diesel::prelude::*;

use super::{
    Repo, audit, batch,
    db::Tx,
    dialect::{Conn, STREAMS, stream_of},
};
use crate::{
    rows::JournalRow,
    schema::{epoch, journal, streams},
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
        *wanted.entry(stream_of(change.anchor())).or_default() += 1;
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    if wanted.is_empty() {
        return Ok(());
    }
    audit::write(tx)?;
    let heads = batch::advance_streams(tx.conn, &wanted)?;
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
    batch::insert_changes(tx.conn, &rows)
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

    async fn after(&self, stream: usize, position: i64, limit: usize) -> Result<Vec<Recorded>> {
        self.db
            .read(move |conn| {
                let rows = journal::table
                    .filter(journal::stream.eq(stream as i16).and(journal::position.gt(position)))
                    .order(journal::position)
                    .limit(limit as i64)
                    .select(JournalRow::as_select())
                    .load(conn)?;
                // What a newer version wrote and this one cannot read concerns nobody here.
                Ok(rows.into_iter().filter_map(readable).collect())
            })
            .await
    }

    async fn replay(&self, topics: Vec<Topic>, from: Positions, to: Positions, limit: usize) -> Result<Vec<Recorded>> {
        self.db.read(move |conn| replay(conn, &topics, &from, &to, limit)).await
    }

    async fn sweep(&self, _ctx: &Ctx, until: Timestamp) -> Result<usize> {
        let mut gone = 0;
        // One stream at a time, so that writers of the others never wait.
        for stream in 0..STREAMS as i16 {
            gone += self.db.write(move |tx| sweep(tx, stream, until)).await?;
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

fn replay(conn: &mut Conn, topics: &[Topic], from: &Positions, to: &Positions, limit: usize) -> Result<Vec<Recorded>> {
    let topics: Vec<Id<()>> = topics.iter().map(|topic| Id::from_uuid(topic.id)).collect();
    let mut found = Vec::new();
    for stream in 0..STREAMS {
        let (after, until) = (from.get(stream), to.get(stream));
        if after >= until || found.len() >= limit {
            continue;
        }
        let mut rows: Vec<JournalRow> = Vec::new();
        for topics in topics.chunks(TOPICS_AT_ONCE) {
            let some = journal::table
                .filter(journal::stream.eq(stream as i16))
                .filter(journal::position.gt(after).and(journal::position.le(until)))
                .filter(journal::topic_id.eq_any(topics))
                .order(journal::position)
                .limit((limit - found.len()) as i64)
                .select(JournalRow::as_select());
            rows.extend(some.load(conn)?);
        }
        rows.sort_unstable_by_key(|row| row.position);
        rows.truncate(limit - found.len());
        found.extend(rows.into_iter().filter_map(readable));
    }
    Ok(found)
}

fn readable(row: JournalRow) -> Option<Recorded> {
    row.recorded().inspect_err(|error| tracing::warn!(%error, "a change that this version cannot read")).ok()
}

/// SQLite takes 32,766 variables in a statement.
const TOPICS_AT_ONCE: usize = 30_000;

/// How many changes of a stream go at a time.
const SWEPT_AT_ONCE: i64 = 2_000;

fn sweep(tx: &mut Tx<'_>, stream: i16, until: Timestamp) -> Result<usize> {
    let oldest: Vec<(i64, Timestamp)> = journal::table
        .filter(journal::stream.eq(stream))
        .order(journal::position)
        .limit(SWEPT_AT_ONCE)
        .select((journal::position, journal::at))
        .load(tx.conn)?;
    let Some((floor, _)) = oldest.into_iter().take_while(|(_, at)| *at < until).last() else { return Ok(0) };
    // The rows first and the stream last, as writers lock them.
    let gone = diesel::delete(journal::table.filter(journal::stream.eq(stream).and(journal::position.le(floor))))
        .execute(tx.conn)?;
    // Another node may have swept further in the meantime: a floor never goes back.
    diesel::update(streams::table.find(stream).filter(streams::floor.lt(floor)))
        .set(streams::floor.eq(floor))
        .execute(tx.conn)?;
    Ok(gone)
}
