//! Locks of jobs, and which of them are due.

use clowder_core::{JobId, Result, Timestamp};
use diesel::prelude::*;

use super::Conn;
use crate::schema::jobs::jobs;

/// Whoever changes several jobs holds these first, in one order.
pub fn lock_jobs(conn: &mut Conn, ids: &[JobId]) -> Result<()> {
    let held = jobs::table.filter(jobs::id.eq_any(ids)).order(jobs::id).select(jobs::id);
    held.for_update().load::<JobId>(conn)?;
    Ok(())
}

/// Jobs of this kind that are due, the longest first, held until the end of the transaction; what another worker is just
/// taking is left to it.
pub fn due_jobs(conn: &mut Conn, kind: &str, limit: i64, now: Timestamp) -> Result<Vec<(Timestamp, JobId)>> {
    let due = jobs::table
        .filter(jobs::dead_at.is_null().and(jobs::run_at.le(now)).and(jobs::kind.eq(kind)))
        .filter(jobs::lease_until.is_null().or(jobs::lease_until.le(now)))
        .order((jobs::run_at, jobs::id))
        .limit(limit)
        .select((jobs::run_at, jobs::id))
        .for_update()
        .skip_locked();
    Ok(due.load(conn)?)
}
