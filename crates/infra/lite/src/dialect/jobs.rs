//! Locks of jobs, and which of them are due.

use clowder_core::{JobId, Result, Timestamp};
use diesel::prelude::*;

use super::Conn;
use crate::schema::jobs::jobs;

/// One writer is lock enough.
pub fn lock_jobs(_: &mut Conn, _: &[JobId]) -> Result<()> {
    Ok(())
}

/// Jobs of this kind that are due, the longest first. One writer is lock enough.
pub fn due_jobs(conn: &mut Conn, kind: &str, limit: i64, now: Timestamp) -> Result<Vec<(Timestamp, JobId)>> {
    let due = jobs::table
        .filter(jobs::dead_at.is_null().and(jobs::run_at.le(now)).and(jobs::kind.eq(kind)))
        .filter(jobs::lease_until.is_null().or(jobs::lease_until.le(now)))
        .order((jobs::run_at, jobs::id))
        .limit(limit)
        .select((jobs::run_at, jobs::id));
    Ok(due.load(conn)?)
}
