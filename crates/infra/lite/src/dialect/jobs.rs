//! Locks of jobs.

use clowder_core::{JobId, Result};

use super::Conn;

/// One writer is lock enough.
pub fn lock_jobs(_: &mut Conn, _: &[JobId]) -> Result<()> {
    Ok(())
}
