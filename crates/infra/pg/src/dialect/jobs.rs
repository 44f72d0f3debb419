//! Locks of jobs.

use clowder_core::{JobId, Result};
use diesel::prelude::*;

use super::Conn;
use crate::domains::jobs::jobs;

/// Taken first, in one order, by everybody who changes several jobs.
pub fn lock_jobs(conn: &mut Conn, ids: &[JobId]) -> Result<()> {
    let held = jobs::table.filter(jobs::id.eq_any(ids)).order(jobs::id).select(jobs::id);
    held.for_update().load::<JobId>(conn)?;
    Ok(())
}
