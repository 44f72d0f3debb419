//! Locks of jobs.

use clowder_core::{JobId, Result};

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_jobs(_: &mut Conn, _: &[JobId]) -> Result<()> {
    Ok(())
}
