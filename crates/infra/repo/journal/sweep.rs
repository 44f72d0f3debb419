//! Deletes old changes from the journal. No clock is trusted for that, neither a writer's nor the sweeper's: what is
//! old is determined by positions, and how old by the time measured from sweep to sweep.

use std::time::Duration;

use clowder_core::{Positions, Result, Timestamp};
use diesel::prelude::*;

use super::super::db::Tx;
use crate::domains::journal::{journal, journal_marks as marks, streams};

/// How many changes of a stream are deleted at a time.
const SWEPT_AT_ONCE: i64 = 2_000;
/// The longest time counted from one sweep to the next: twice the interval. A clock that jumps ahead, or a sweeper with
/// another clock, makes nothing older than that; and while no server runs, nothing ages.
const BETWEEN: Duration = Duration::from_secs(20 * 60);

/// What a sweep goes by.
pub struct Mark {
    /// The time that has been measured by now, in microseconds.
    pub measured: i64,
    /// How far the journal reached when it was swept `keep` ago, as far as measured.
    pub old: Option<Positions>,
}

/// Marks how far the journal reaches now.
pub fn mark(tx: &mut Tx<'_>, now: Timestamp, keep: Duration) -> Result<Mark> {
    let last: Option<(i64, Timestamp)> = marks::table
        .order(marks::measured.desc())
        .select((marks::measured, marks::marked_at))
        .first(tx.conn)
        .optional()?;
    let measured = last.map_or(0, |(measured, at)| measured + micros(now.since(at).min(BETWEEN)));
    let heads: Vec<i64> = streams::table.order(streams::stream).select(streams::head).load(tx.conn)?;
    let heads = serde_json::to_string(&heads)?;
    diesel::insert_into(marks::table)
        .values((marks::measured.eq(measured), marks::marked_at.eq(now), marks::heads.eq(&heads)))
        .on_conflict(marks::measured)
        .do_update()
        .set((marks::marked_at.eq(now), marks::heads.eq(&heads)))
        .execute(tx.conn)?;
    let old: Option<(i64, String)> = marks::table
        .filter(marks::measured.le(measured.saturating_sub(micros(keep))))
        .order(marks::measured.desc())
        .select((marks::measured, marks::heads))
        .first(tx.conn)
        .optional()?;
    let Some((since, heads)) = old else { return Ok(Mark { measured, old: None }) };
    diesel::delete(marks::table.filter(marks::measured.lt(since))).execute(tx.conn)?;
    Ok(Mark { measured, old: Some(Positions::new(serde_json::from_str(&heads)?)) })
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The first of what stands in a stream up to a position goes, row by row: on SQLite, where all is in segment 0, and on
/// PostgreSQL what was written before there were segments. Later segments go as a whole, see [`super::partitions`].
pub fn sweep(tx: &mut Tx<'_>, stream: i16, until: i64) -> Result<usize> {
    let rows = || journal::table.filter(journal::stream.eq(stream).and(journal::segment.eq(0)));
    let oldest: Vec<i64> = rows()
        .filter(journal::position.le(until))
        .order(journal::position)
        .limit(SWEPT_AT_ONCE)
        .select(journal::position)
        .load(tx.conn)?;
    let Some(floor) = oldest.last() else { return Ok(0) };
    // The rows first and the stream last, as writers lock them.
    let gone = diesel::delete(rows().filter(journal::position.le(floor))).execute(tx.conn)?;
    // Another node may have swept further in the meantime: a floor never goes back.
    diesel::update(streams::table.find(stream).filter(streams::floor.lt(floor)))
        .set(streams::floor.eq(floor))
        .execute(tx.conn)?;
    Ok(gone)
}
