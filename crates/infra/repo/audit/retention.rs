//! Retention: entries older than the setting go, oldest first, after a checkpoint has been signed that says where the
//! chain begins from then on.

use std::time::Duration;

use clowder_accounts::audit::{Chained, Checkpoint};
use clowder_core::{Result, Timestamp};
use diesel::{dsl::exists, prelude::*};
use subtle::ConstantTimeEq;

use super::super::{
    Repo,
    db::Tx,
    dialect::{self, Conn},
    upkeep::PIECE,
};
use crate::{
    keys::{Keys, mac},
    schema::{audit, audit_checkpoint},
};

fn signature(keys: &Keys, link: &Chained, made_at: Timestamp) -> [u8; 32] {
    let key = keys.derive("audit checkpoints");
    mac(&key, &[&link.position.to_be_bytes(), &link.hash, &made_at.as_micros().to_be_bytes()])
}

/// Where the chain begins, when entries were dropped, and whether this server signed that.
pub fn checkpoint(conn: &mut Conn, keys: &Keys) -> Result<Option<Checkpoint>> {
    let columns =
        (audit_checkpoint::position, audit_checkpoint::hash, audit_checkpoint::made_at, audit_checkpoint::signature);
    let found: Option<(i64, Vec<u8>, Timestamp, Vec<u8>)> =
        audit_checkpoint::table.select(columns).first(conn).optional()?;
    Ok(found.map(|(position, hash, made_at, signed)| {
        let last_dropped = Chained { position, hash };
        let genuine = bool::from(signature(keys, &last_dropped, made_at).ct_eq(&signed));
        Checkpoint { last_dropped, made_at, genuine }
    }))
}

/// Whether there is anything to drop: the oldest entry says.
fn is_due(conn: &mut Conn, before: Timestamp) -> Result<bool> {
    let oldest = audit::table.order(audit::position).select(audit::at).first::<Timestamp>(conn).optional()?;
    Ok(oldest.is_some_and(|oldest| oldest < before))
}

/// Drops the oldest entries, a piece at a time; answers how many. Only what stands before the first entry that is young
/// enough goes: the chain stays one piece.
fn drop_before(tx: &mut Tx<'_>, now: Timestamp, before: Timestamp) -> Result<usize> {
    // Nobody else moves either end of the chain meanwhile.
    dialect::lock_audit_head(tx.conn, true)?;
    let oldest: Vec<(i64, Vec<u8>, Timestamp)> = audit::table
        .order(audit::position)
        .limit(PIECE)
        .select((audit::position, audit::hash, audit::at))
        .load(tx.conn)?;
    let Some((position, hash, _)) = oldest.into_iter().take_while(|(_, _, at)| *at < before).last() else {
        return Ok(0);
    };
    let last_dropped = Chained { position, hash };
    let signed = signature(&tx.services.keys, &last_dropped, now).to_vec();
    let values = (
        audit_checkpoint::position.eq(position),
        audit_checkpoint::hash.eq(last_dropped.hash),
        audit_checkpoint::made_at.eq(now),
        audit_checkpoint::signature.eq(signed),
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
    pub(in super::super) async fn sweep_audit(&self, now: Timestamp) -> Result<usize> {
        let Some(kept_for) = self.deps.options.audit_for.filter(|kept_for| *kept_for > Duration::ZERO) else {
            return Ok(0);
        };
        let before = now.minus(kept_for);
        if !self.db.read(move |conn| is_due(conn, before)).await? {
            return Ok(0);
        }
        self.db.write(move |tx| drop_before(tx, now, before)).await
    }
}
