//! The journal forgets: what is older than it is kept, a bounded number of rows at a time.

use clowder_core::{Result, Timestamp};
use diesel::prelude::*;

use super::super::db::Tx;
use crate::schema::{journal, streams};

/// How many changes of a stream go at a time.
const SWEPT_AT_ONCE: i64 = 2_000;

/// Everything in a stream up to the last change from before `until` goes. Positions are in the order of the commits, so
/// what stands before an old change is old, too, even if it was written by a node whose clock was ahead.
pub fn sweep(tx: &mut Tx<'_>, stream: i16, until: Timestamp) -> Result<usize> {
    let oldest: Vec<(i64, Timestamp)> = journal::table
        .filter(journal::stream.eq(stream))
        .order(journal::position)
        .limit(SWEPT_AT_ONCE)
        .select((journal::position, journal::at))
        .load(tx.conn)?;
    let Some((floor, _)) = oldest.into_iter().rfind(|(_, at)| *at < until) else { return Ok(0) };
    // The rows first and the stream last, as writers lock them.
    let gone = diesel::delete(journal::table.filter(journal::stream.eq(stream).and(journal::position.le(floor))))
        .execute(tx.conn)?;
    // Another node may have swept further in the meantime: a floor never goes back.
    diesel::update(streams::table.find(stream).filter(streams::floor.lt(floor)))
        .set(streams::floor.eq(floor))
        .execute(tx.conn)?;
    Ok(gone)
}
