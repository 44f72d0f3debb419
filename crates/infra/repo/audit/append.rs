//! Chains committed entries in batches. The holder of the head's lock does it; entries are moved in the order of their
//! sequence, and one that commits late is still there for the next batch, so none is ever skipped.

use clowder_core::Result;
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
    },
    chain,
};
use crate::domains::audit::{AuditRow, PendingRow, audit, audit_head, audit_pending};

/// How many entries are chained in one transaction.
pub const BATCH: usize = 500;

/// What to do while somebody else holds the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfHeld {
    /// They are chaining already: leave it to them.
    Leave,
    Wait,
}

pub fn is_pending(conn: &mut Conn) -> Result<bool> {
    Ok(diesel::select(exists(audit_pending::table.select(audit_pending::seq))).get_result(conn)?)
}

/// Moves the first pending entries to the end of the chain; returns how many. It is one transaction: whatever fails, an
/// entry is either pending or chained.
///
/// The order respects causality: somebody who has seen a committed entry gets a later number of the sequence, and both
/// are then visible here. Entries of concurrent transactions have only this order.
pub fn append(tx: &mut Tx<'_>, if_held: IfHeld) -> Result<usize> {
    if !dialect::audit::lock_audit_head(tx.conn, if_held == IfHeld::Wait)? {
        return Ok(0);
    }
    let pending: Vec<(i64, PendingRow)> = audit_pending::table
        .order(audit_pending::seq)
        .limit(BATCH as i64)
        .select((audit_pending::seq, PendingRow::as_select()))
        .load(tx.conn)?;
    if pending.is_empty() {
        return Ok(0);
    }
    let mut link = chain::head(tx.conn)?;
    let (mut moved, mut rows) = (Vec::with_capacity(pending.len()), Vec::<AuditRow>::with_capacity(pending.len()));
    for (seq, entry) in pending {
        link.position += 1;
        let mut row = entry.at_position(link.position, link.hash);
        row.hash = chain::hash(&row);
        link.hash = row.hash.clone();
        moved.push(seq);
        rows.push(row);
    }
    diesel::insert_into(audit::table).values(&rows).execute(tx.conn)?;
    let count = moved.len();
    diesel::delete(audit_pending::table.filter(audit_pending::seq.eq_any(moved))).execute(tx.conn)?;
    diesel::update(audit_head::table)
        .set((audit_head::position.eq(link.position), audit_head::hash.eq(link.hash)))
        .execute(tx.conn)?;
    Ok(count)
}
