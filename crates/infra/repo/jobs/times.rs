//! What becomes of the times of jobs when a clock was ahead.

use clowder_core::{
    Result, Timestamp,
    job::{TRIES, pause},
};
use diesel::prelude::*;

use super::super::{
    clock::{Time, until, when},
    db::Tx,
};
use crate::{clock::Fate, domains::jobs::jobs, store::Options};

pub const TIMES: &[Time] = &[
    Time { column: "crons.next_at", fate: Fate::OnTick, steps: &[] },
    when!(AtOnce, jobs.run_at, ordered_ahead, pauses),
    when!(AtOnce, jobs.created_at),
    when!(AtOnce, jobs.lease_until, until!(jobs.lease_until, |options| options.jobs.lease)),
    when!(OnReturn, jobs.dead_at),
];

/// A job that was ordered ahead is done now.
fn ordered_ahead(tx: &mut Tx<'_>, _: &Options, now: Timestamp) -> Result<usize> {
    let ahead = jobs::table.filter(jobs::created_at.gt(now).and(jobs::dead_at.is_null()));
    let put = (jobs::created_at.eq(now), jobs::run_at.eq(now));
    Ok(diesel::update(ahead).set(put).execute(tx.conn)?)
}

/// A job whose next try is further away than its longest pause was postponed by a clock that was ahead, and is due now:
/// its payload may expire before another pause ends.
fn pauses(tx: &mut Tx<'_>, _: &Options, now: Timestamp) -> Result<usize> {
    let mut rows = 0;
    for attempts in 1..=TRIES {
        let longest = pause(attempts, 1.0);
        let tried = jobs::table.filter(jobs::attempts.eq(attempts));
        let beyond = tried.filter(jobs::run_at.gt(now.plus(longest)));
        rows += diesel::update(beyond).set(jobs::run_at.eq(now)).execute(tx.conn)?;
    }
    Ok(rows)
}
