//! Stored answers: what makes a repeated call with an `Idempotency-Key` answer like the first one.

use clowder_core::{
    Actor, Ctx, Id, Once, Result,
    once::{KEPT_FOR, MISMATCH},
};
use diesel::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::db::Tx;
use crate::{keys::hex, schema::answers};

/// Answers what was answered before, or writes and stores the answer. Answers may hold tokens, so they are sealed.
pub fn guard<T: Serialize + DeserializeOwned>(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    once: &Once,
    f: impl FnOnce(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    let (caller, key) = owner(tx, ctx, once);
    let own = answers::table.find((caller, &key));
    diesel::delete(own.filter(answers::created_at.le(ctx.now.minus(KEPT_FOR)))).execute(tx.conn)?;
    // First of all, so that the same call on another connection waits here for what becomes of this one.
    let begun = diesel::insert_into(answers::table)
        .values((
            answers::caller_id.eq(caller),
            answers::key.eq(&key),
            answers::fingerprint.eq(once.fingerprint.as_slice()),
            answers::answer.eq(&[] as &[u8]),
            answers::created_at.eq(ctx.now),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn)?;
    if begun == 0 {
        let (fingerprint, answer): (Vec<u8>, Vec<u8>) =
            own.select((answers::fingerprint, answers::answer)).first(tx.conn)?;
        if fingerprint != once.fingerprint {
            return Err(MISMATCH.into());
        }
        once.mark_replayed();
        return Ok(serde_json::from_slice(&tx.house.keys.unseal(&answer)?)?);
    }
    let value = f(tx)?;
    let sealed = tx.house.keys.seal(&serde_json::to_vec(&value)?)?;
    diesel::update(own).set(answers::answer.eq(sealed)).execute(tx.conn)?;
    Ok(value)
}

/// Keys belong to the caller; of callers without a name, to their address, which need not be written down for that.
fn owner(tx: &Tx<'_>, ctx: &Ctx, once: &Once) -> (Id<()>, String) {
    match (ctx.actor, ctx.origin.address) {
        (Actor::User { id, .. }, _) => (Id::from_uuid(id.uuid()), once.key.to_string()),
        (_, Some(address)) => {
            let address = address.to_string();
            let parts = ["once", &address, &once.key].map(str::as_bytes);
            (Id::from_uuid(Uuid::nil()), hex(&tx.house.keys.fingerprint(&parts)))
        }
        (_, None) => (Id::from_uuid(Uuid::nil()), once.key.to_string()),
    }
}
