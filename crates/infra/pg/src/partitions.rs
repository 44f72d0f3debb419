//! The journal of PostgreSQL is cut into segments, each a partition: what is old is dropped and not deleted.
//!
//! A sweep keeps a partition ready ahead of use, lets the streams go on to it when theirs has had its time, and drops the
//! oldest when all of it is old. Every step is a transaction of its own, decides by what the tables say, and may be
//! repeated: a sweep that ends in between, or two at once, leave nothing that the next one does not carry on with. Each
//! lock is waited for 100 ms at most, for everybody who writes would wait behind; then the step is left to the next sweep.
//! Writers need none of it: until there is another segment, they go on in theirs.

use std::{collections::HashMap, time::Duration};

use clowder_core::{Cause, Positions, Result};
use diesel::{
    connection::SimpleConnection,
    dsl::{exists, select},
    prelude::*,
    sql_query,
    sql_types::BigInt,
};

use super::{
    dialect::{self, Conn, STREAMS},
    repo::{Db, Tx},
};
use crate::{DatabaseUrl, domains::journal::streams};

/// The longest that a step waits for a lock.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often a sweep tries a step.
const ATTEMPTS: usize = 3;
/// For how long changes go into a segment, by the time that sweeps measure: a day, but no more than a seventh of the time
/// for which the journal is kept, and no less than a thirtieth. So there are never very many of them.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// An arbitrary number that nothing else uses as an advisory lock.
const LOCK: i64 = 0x0043_4c4f_5745_4a52;

diesel::table! {
    /// The partitions there are, and the measured time at which the streams began to enter each.
    journal_segments (segment) { segment -> Integer, opened -> Nullable<BigInt>, }
}

diesel::table! {
    /// The last position of each stream in the segments that it has left.
    journal_heads (stream, segment) { stream -> SmallInt, segment -> Integer, head -> BigInt, }
}

use journal_heads as left;
use journal_segments as segments;

/// Where the streams left which segment.
pub fn ends(conn: &mut Conn) -> Result<Vec<(i16, i32, i64)>> {
    Ok(left::table.select((left::stream, left::segment, left::head)).load(conn)?)
}

/// Whether the role of this database may create and drop partitions.
pub fn owns_tables(url: &DatabaseUrl) -> Result<bool> {
    const OWNS: &str = "SELECT 1 FROM pg_class WHERE oid = 'journal'::regclass \
        AND pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE')";
    Ok(sql_query(OWNS).execute(&mut *dialect::connect(url)?)? > 0)
}

/// Does what is due `measured` microseconds after the first sweep, when all up to `old` has been kept for long enough.
/// Answers how many changes are gone.
pub async fn turn(db: &Db, measured: i64, keep: Duration, old: Option<&Positions>) -> Result<usize> {
    let lasts = micros(DAY.min(keep / 7).max(keep / 30));
    // If no partition can be created, old ones are dropped nevertheless: that may free the space that is missing.
    let went_on = go_on(db, measured, lasts).await;
    let gone = match old {
        Some(old) => drop_old(db, old).await?,
        None => 0,
    };
    went_on.and(Ok(gone))
}

/// Keeps a partition ready, and lets the streams go on to it when it is time.
async fn go_on(db: &Db, measured: i64, lasts: i64) -> Result<()> {
    attempt(db, prepare).await?;
    if attempt(db, move |tx| open(tx, measured, lasts)).await? == Some(true) {
        attempt(db, prepare).await?;
    }
    for stream in db.read(lagging).await? {
        attempt(db, move |tx| enter(tx, stream)).await?;
    }
    Ok(())
}

async fn drop_old(db: &Db, old: &Positions) -> Result<usize> {
    let mut gone = 0;
    loop {
        let old = old.clone();
        let Some((segment, ends)) = db.read(move |conn| expired(conn, &old)).await? else { return Ok(gone) };
        // The floors are raised before the partition is dropped, one stream at a time, so that writers of the others never
        // wait.
        for (stream, end) in ends {
            let Some(swept) = attempt(db, move |tx| raise_floor(tx, stream, end)).await? else { return Ok(gone) };
            gone += swept;
        }
        if attempt(db, move |tx| forget(tx, segment)).await?.is_none() {
            return Ok(gone);
        }
        tracing::debug!(segment, "a segment of the journal was dropped");
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Takes a step that gives way to others; `None` when it could not be taken.
async fn attempt<T: Send + 'static>(
    db: &Db,
    step: impl Fn(&mut Tx<'_>) -> Result<T> + Copy + Send + 'static,
) -> Result<Option<T>> {
    for _ in 0..ATTEMPTS {
        let taken = db.write(move |tx| {
            dialect::wait_at_most(tx.conn, PATIENCE)?;
            step(tx)
        });
        match taken.await {
            Err(error) if error.cause() == Some(Cause::Contended) => {}
            taken => return taken.map(Some),
        }
    }
    tracing::info!("the journal is in use: the next sweep tries again to keep its partitions");
    Ok(None)
}

/// Whoever decides which segments there are holds this.
fn lock(conn: &mut Conn) -> Result<()> {
    sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(LOCK).execute(conn)?;
    Ok(())
}

/// The segment into which changes go, or are about to.
fn current(conn: &mut Conn) -> Result<(i32, i64)> {
    let open = segments::table.filter(segments::opened.is_not_null()).order(segments::segment.desc());
    let (segment, opened): (i32, Option<i64>) = open.first(conn)?;
    Ok((segment, opened.unwrap_or(0)))
}

/// Creates the next partition if it does not exist. It is created as a table of its own and then attached, so readers and
/// writers never wait.
fn prepare(tx: &mut Tx<'_>) -> Result<()> {
    lock(tx.conn)?;
    let next = current(tx.conn)?.0 + 1;
    let is_there = segments::table.filter(segments::segment.ge(next));
    if select(exists(is_there)).get_result(tx.conn)? {
        return Ok(());
    }
    tx.conn.batch_execute(&format!(
        "CREATE TABLE journal_{next} (LIKE journal INCLUDING INDEXES, PRIMARY KEY (stream, position), \
         CHECK (segment = {next})); \
         ALTER TABLE journal ATTACH PARTITION journal_{next} FOR VALUES IN ({next})"
    ))?;
    diesel::insert_into(segments::table).values(segments::segment.eq(next)).execute(tx.conn)?;
    Ok(())
}

/// Opens the next segment to the streams, if theirs has had its time and something stands in it.
fn open(tx: &mut Tx<'_>, measured: i64, lasts: i64) -> Result<bool> {
    lock(tx.conn)?;
    let (current, opened) = current(tx.conn)?;
    let next = segments::table.filter(segments::segment.gt(current)).select(segments::segment);
    let Some(next) = next.order(segments::segment).first::<i32>(tx.conn).optional()? else { return Ok(false) };
    let lag: bool = select(exists(streams::table.filter(streams::segment.ne(current)))).get_result(tx.conn)?;
    if lag || measured.saturating_sub(opened) < lasts {
        return Ok(false);
    }
    if !is_written(tx.conn, current)? {
        return Ok(false);
    }
    let next = segments::table.find(next);
    diesel::update(next).set(segments::opened.eq(measured)).execute(tx.conn)?;
    Ok(true)
}

/// Whether anything stands in the segment in which the streams are.
fn is_written(conn: &mut Conn, current: i32) -> Result<bool> {
    let before = left::table.filter(left::segment.eq(current - 1)).select((left::stream, left::head));
    let before: HashMap<i16, i64> = before.load::<(i16, i64)>(conn)?.into_iter().collect();
    let now: Vec<(i16, i64, i64)> =
        streams::table.select((streams::stream, streams::head, streams::floor)).load(conn)?;
    Ok(now.iter().any(|(stream, head, floor)| head > before.get(stream).unwrap_or(&0).max(floor)))
}

/// The streams that may go on to another segment.
fn lagging(conn: &mut Conn) -> Result<Vec<i16>> {
    let (current, _) = current(conn)?;
    let lag = streams::table.filter(streams::segment.lt(current)).order(streams::stream);
    Ok(lag.select(streams::stream).load(conn)?)
}

/// Lets a stream go on to the segment that is open to it, and notes how far it came in the one it leaves.
fn enter(tx: &mut Tx<'_>, stream: i16) -> Result<()> {
    let (current, _) = current(tx.conn)?;
    let row = streams::table.find(stream);
    let lags = row.filter(streams::segment.lt(current)).select((streams::head, streams::segment));
    let Some((head, segment)) = lags.for_update().first::<(i64, i32)>(tx.conn).optional()? else { return Ok(()) };
    let ends: Vec<_> = (segment..current)
        .map(|segment| (left::stream.eq(stream), left::segment.eq(segment), left::head.eq(head)))
        .collect();
    diesel::insert_into(left::table).values(ends).execute(tx.conn)?;
    diesel::update(row).set(streams::segment.eq(current)).execute(tx.conn)?;
    Ok(())
}

/// Streams, and the last position of each in a segment.
type Ends = Vec<(i16, i64)>;

/// The oldest segment, if all streams have left it and all of it is old, and where each of them left it.
fn expired(conn: &mut Conn, old: &Positions) -> Result<Option<(i32, Ends)>> {
    let oldest = segments::table.filter(segments::opened.is_not_null()).order(segments::segment);
    let segment: i32 = oldest.select(segments::segment).first(conn)?;
    let ends = left::table.filter(left::segment.eq(segment)).order(left::stream);
    let ends: Ends = ends.select((left::stream, left::head)).load(conn)?;
    let is_old = |(stream, end): &(i16, i64)| usize::try_from(*stream).is_ok_and(|stream| old.cover(stream, *end));
    Ok((ends.len() == STREAMS && ends.iter().all(is_old)).then_some((segment, ends)))
}

/// Says that a stream has been swept up to here; answers how many changes these were.
fn raise_floor(tx: &mut Tx<'_>, stream: i16, end: i64) -> Result<usize> {
    let below = streams::table.find(stream).filter(streams::floor.lt(end));
    let Some(floor) = below.select(streams::floor).for_update().first::<i64>(tx.conn).optional()? else { return Ok(0) };
    diesel::update(streams::table.find(stream)).set(streams::floor.eq(end)).execute(tx.conn)?;
    Ok(usize::try_from(end - floor).unwrap_or(0))
}

/// Drops a segment that has been said to be swept. Where the streams left it stays known until the next one goes, for
/// whoever reads what comes after.
fn forget(tx: &mut Tx<'_>, segment: i32) -> Result<()> {
    lock(tx.conn)?;
    let row = segments::table.find(segment);
    if row.select(segments::segment).first::<i32>(tx.conn).optional()?.is_none() {
        return Ok(());
    }
    tx.conn.batch_execute(&format!("DROP TABLE IF EXISTS journal_{segment}"))?;
    diesel::delete(row).execute(tx.conn)?;
    diesel::delete(left::table.filter(left::segment.lt(segment))).execute(tx.conn)?;
    Ok(())
}
