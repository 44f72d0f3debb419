//! The lock of a report.

use clowder_core::Result;
use clowder_social::reports::ReportId;

use super::Conn;

/// Not needed: there is only one writer.
pub fn lock_report(_: &mut Conn, _: ReportId) -> Result<()> {
    Ok(())
}
