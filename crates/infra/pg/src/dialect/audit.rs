//! The lock of the audit log.

use clowder_core::Result;
use diesel::prelude::*;

use super::Conn;
use crate::domains::audit::audit_head;

/// Taken by everybody who changes either end of the audit chain. Unless it waits, it may return that somebody else
/// holds it.
pub fn lock_audit_head(conn: &mut Conn, wait: bool) -> Result<bool> {
    let head = audit_head::table.select(audit_head::position).for_update();
    let held = match wait {
        true => head.first::<i64>(conn).optional()?,
        false => head.skip_locked().first::<i64>(conn).optional()?,
    };
    Ok(held.is_some())
}
