//! Retention: entries older than the setting are dropped, oldest first, after a signed checkpoint has recorded where
//! the chain then begins.

use std::time::Duration;

use clowder_accounts::audit::{Chained, Checkpoint};
use clowder_core::{Result, Timestamp};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        upkeep::PIECE,
    },
    chain,
};
use crate::{
    domains::audit::{AuditRow, audit, audit_checkpoint},
    keys::{Keys, is_mac, mac},
};

/// What is signed, and the key that signs it.
fn signed(keys: &Keys, link: &Chained, made_at: Timestamp) -> ([u8; 32], [Vec<u8>; 3]) {
    let parts = [link.position.to_be_bytes().to_vec(), link.hash.clone(), made_at.as_micros().to_be_bytes().to_vec()];
    (keys.derive("audit checkpoints"), parts)
}

/// The checkpoint, if entries were dropped, and whether this server signed it.
pub fn checkpoint(conn: &mut Conn, keys: &Keys) -> Result<Option<Checkpoint>> {
    let columns =
        (audit_checkpoint::position, audit_checkpoint::hash, audit_checkpoint::made_at, audit_checkpoint::signature);
    let found: Option<(i64, Vec<u8>, Timestamp, Vec<u8>)> =
        audit_checkpoint::table.select(columns).first(conn).optional()?;
    Ok(found.map(|(position, hash, made_at, signature)| {
        let last_dropped = Chained { position, hash };
        let (key, parts) = signed(keys, &last_dropped, made_at);
        let genuine = is_mac(&key, &parts.each_ref().map(Vec::as_slice), &signature);
        Checkpoint { last_dropped, made_at, genuine }
    }))
}

/// Whether there is anything to drop, judging by the oldest entry.
fn is_due(conn: &mut Conn, before: Timestamp) -> Result<bool> {
    let oldest = audit::table.order(audit::position).select(audit::at).first::<Timestamp>(conn).optional()?;
    Ok(oldest.is_some_and(|oldest| oldest < before))
}

/// Drops the oldest entries, a piece at a time; returns how many. Only entries before the first recent one are dropped,
/// so the chain stays contiguous. They are verified before the checkpoint is signed: nothing is dropped from a broken
/// chain, because the signature would vouch for it.
fn drop_before(tx: &mut Tx<'_>, now: Timestamp, before: Timestamp) -> Result<usize> {
    // Nobody else can move either end of the chain meanwhile.
    dialect::audit::lock_audit_head(tx.conn, true)?;
    let start = match checkpoint(tx.conn, &tx.services.keys)? {
        None => Chained::start(),
        Some(checkpoint) if checkpoint.genuine => checkpoint.last_dropped,
        Some(_) => {
            tracing::error!("the checkpoint of the audit log is not signed by this server; no entries are dropped");
            return Ok(0);
        }
    };
    let oldest: Vec<AuditRow> = audit::table
        .filter(audit::position.gt(start.position))
        .order(audit::position)
        .limit(PIECE)
        .select(AuditRow::as_select())
        .load(tx.conn)?;
    let mut last_dropped = start.clone();
    for row in oldest.iter().take_while(|row| row.at < before) {
        let Some(next) = chain::follow(&last_dropped, row) else {
            tracing::error!(
                after = last_dropped.position,
                "the audit log is broken after this position; no later entries are dropped"
            );
            break;
        };
        last_dropped = next;
    }
    if last_dropped.position == start.position {
        return Ok(0);
    }
    let position = last_dropped.position;
    let (key, parts) = signed(&tx.services.keys, &last_dropped, now);
    let signature = mac(&key, &parts.each_ref().map(Vec::as_slice)).to_vec();
    let values = (
        audit_checkpoint::position.eq(position),
        audit_checkpoint::hash.eq(last_dropped.hash),
        audit_checkpoint::made_at.eq(now),
        audit_checkpoint::signature.eq(signature),
    );
    let there = exists(audit_checkpoint::table.select(audit_checkpoint::single));
    if diesel::select(there).get_result(tx.conn)? {
        diesel::update(audit_checkpoint::table).set(values).execute(tx.conn)?;
    } else {
        diesel::insert_into(audit_checkpoint::table)
            .values((audit_checkpoint::single.eq(1), values.0, values.1, values.2, values.3))
            .execute(tx.conn)?;
    }
    Ok(diesel::delete(audit::table.filter(audit::position.le(position))).execute(tx.conn)?)
}

impl Repo {
    /// Drops entries that are older than the setting, if there is one; bounded per call.
    pub(super) async fn sweep_audit(&self, now: Timestamp) -> Result<usize> {
        let Some(kept_for) = self.deps.options.audit.kept_for.filter(|kept_for| *kept_for > Duration::ZERO) else {
            return Ok(0);
        };
        let before = now.minus(kept_for);
        if !self.db.read(move |conn| is_due(conn, before)).await? {
            return Ok(0);
        }
        self.db.write(move |tx| drop_before(tx, now, before)).await
    }
}
