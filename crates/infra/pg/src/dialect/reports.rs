//! The lock of a report.

use clowder_core::Result;
use clowder_social::reports::ReportId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::reports::reports;

/// Taken by everybody who handles a report or appeals, after the people whom it concerns.
pub fn lock_report(conn: &mut Conn, report: ReportId) -> Result<()> {
    reports::table.find(report).select(reports::id).for_no_key_update().first::<ReportId>(conn).optional()?;
    Ok(())
}
