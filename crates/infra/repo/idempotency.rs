//! Stored answers: they make a repeated call with an `Idempotency-Key` answer like the first one.
//!
//! A stored answer names the created thing and contains none of its text: a repeated call returns the thing as it is
//! now, so deleted or erased content does not come back.

mod privacy;

use std::collections::HashMap;

use clowder_core::{
    Actor, Cause, Ctx, Error, Id, IdempotencyKey, Made, Result, Timestamp, UserId,
    idempotency::{KEPT_FOR, MISMATCH},
};
use diesel::{dsl::exists, prelude::*};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    batch,
    clock::when,
    db::Tx,
    dialect::{self, Conn},
    domains::{Domain, Sweep},
    upkeep::forget,
};
use crate::{
    domains::idempotency::{AnswerRow, answers},
    keys::{Keys, Purpose},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    times: &[when!(OnReturn, answers.created_at)],
    sweeps: &[Sweep::Rows(sweep)],
    ..Domain::NONE
};

/// Deletes expired answers.
fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    Ok(forget!(tx, answers by id: Id<()>, answers::created_at.le(ctx.now.minus(KEPT_FOR))))
}

/// Where an answer is stored: a keyed hash of the key and its owner.
pub type AnswerId = Id<()>;

/// What is stored to answer a call again: ids, and secrets that cannot be issued a second time. Never a text that
/// somebody can delete, and nothing about anybody except the caller and `subject`.
pub trait Stub: Serialize + DeserializeOwned + Send + 'static {
    /// Whom it is about if the caller is not authenticated yet: the answer is deleted when they are erased.
    fn subject(&self) -> Option<UserId> {
        None
    }
}

/// Writes and stores how to answer again, or, if that is stored already, answers with `again`.
pub fn guard<T, S: Stub>(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    idempotency_key: &IdempotencyKey,
    first: impl FnOnce(&mut Tx<'_>) -> Result<(T, S)>,
    again: impl FnOnce(&mut Tx<'_>, S) -> Result<T>,
) -> Result<T> {
    let id = id_of(&tx.services.keys, ctx, idempotency_key);
    // This comes first, so that the same call on another connection waits here for the outcome of this one.
    dialect::lock_claim(tx.conn, claim_of(id))?;
    let own = answers::table.find(id);
    diesel::delete(own.filter(answers::created_at.le(ctx.now.minus(KEPT_FOR)))).execute(tx.conn)?;
    let begun = diesel::insert_into(answers::table)
        .values((
            answers::id.eq(id),
            answers::fingerprint.eq(idempotency_key.fingerprint.as_slice()),
            answers::answer.eq(&[] as &[u8]),
            answers::created_at.eq(ctx.now),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn)?;
    if begun == 0 {
        let (fingerprint, answer): (Vec<u8>, Vec<u8>) =
            own.select((answers::fingerprint, answers::answer)).first(tx.conn)?;
        if fingerprint != idempotency_key.fingerprint {
            return Err(MISMATCH.into());
        }
        let stub = tx.services.keys.unseal(Purpose::Answer, id.uuid().as_bytes(), &answer)?;
        let answered = again(tx, serde_json::from_slice(&stub)?)?;
        idempotency_key.mark_replayed();
        return Ok(answered);
    }
    let (value, stub) = first(tx)?;
    let sealed = tx.services.keys.seal(Purpose::Answer, id.uuid().as_bytes(), &serde_json::to_vec(&stub)?)?;
    let subject = match ctx.actor {
        Actor::User { id, .. } => Some(id),
        Actor::Nobody | Actor::System => stub.subject(),
    };
    diesel::update(own).set((answers::answer.eq(sealed), answers::subject_id.eq(subject))).execute(tx.conn)?;
    Ok(value)
}

/// Whether there is an answer for a key. It is not locked, so a call may still find another one.
pub fn is_known(conn: &mut Conn, id: AnswerId, now: Timestamp) -> Result<bool> {
    let known = answers::table.find(id).filter(answers::created_at.gt(now.minus(KEPT_FOR)));
    Ok(diesel::select(exists(known)).get_result(conn)?)
}

/// Keys belong to the caller; those of unauthenticated callers to their address. Neither is stored in plain form.
pub fn id_of(keys: &Keys, ctx: &Ctx, idempotency_key: &IdempotencyKey) -> AnswerId {
    let caller = match (ctx.actor, ctx.origin.address) {
        (Actor::User { id, .. }, _) => id.to_string(),
        (_, Some(address)) => address.to_string(),
        (_, None) => String::new(),
    };
    let hash = keys.fingerprint(&["once", &caller, &idempotency_key.key].map(str::as_bytes));
    Id::from_uuid(Uuid::from_u128(u128::from_be_bytes(std::array::from_fn(|index| hash[index]))))
}

/// The claims taken before an answer is written. The ids are hashes, so a part of them is enough.
pub fn claim_of(id: AnswerId) -> i64 {
    let octets = id.uuid().into_bytes();
    i64::from_be_bytes(std::array::from_fn(|index| octets[index]))
}

/// The stored answers for a batch of calls, for writes that share a transaction. They are looked up after the rows that
/// order two calls with one key are locked, and stored together after all decisions; so a refused call leaves its key
/// free.
///
/// Such an answer is the id of a thing and whether it existed before. That is not secret and is stored as it is:
/// encrypting it would cost a send more than everything else about its key, except writing the page.
#[derive(Default)]
pub struct Answers(HashMap<AnswerId, AnswerRow>);

impl Answers {
    pub fn load(tx: &mut Tx<'_>, ids: impl Iterator<Item = AnswerId>) -> Result<Self> {
        let mut wanted: Vec<_> = ids.collect();
        wanted.sort_unstable();
        wanted.dedup();
        let rows = batch::idempotency::stored_answers(tx.conn, &wanted)?;
        Ok(Self(rows.into_iter().map(|row| (row.id, row)).collect()))
    }

    /// The earlier answer; `None` if there is none or it has expired.
    pub fn get<K>(&self, id: AnswerId, ctx: &Ctx, idempotency_key: &IdempotencyKey) -> Result<Option<Made<Id<K>>>> {
        let Some(row) = self.0.get(&id).filter(|row| row.created_at > ctx.now.minus(KEPT_FOR)) else {
            return Ok(None);
        };
        if row.fingerprint != idempotency_key.fingerprint {
            return Err(MISMATCH.into());
        }
        decoded(&row.answer).map(Some)
    }

    /// Stores the new answers. Fails if a key is no longer free, which a retry explains.
    pub fn store<K>(&self, tx: &mut Tx<'_>, answers: &[(AnswerId, &Ctx, &IdempotencyKey, Made<Id<K>>)]) -> Result<()> {
        if answers.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(answers.len());
        for (id, ctx, idempotency_key, answer) in answers {
            if self.0.contains_key(id) {
                diesel::delete(answers::table.find(id)).execute(tx.conn)?;
            }
            let (fingerprint, answer) = (idempotency_key.fingerprint.to_vec(), encoded(*answer));
            rows.push(AnswerRow { id: *id, fingerprint, answer, created_at: ctx.now });
        }
        let wanted = rows.len();
        if batch::idempotency::store_answers(tx.conn, rows)? < wanted {
            return Err(Error::outage(Cause::Contended, "another call with this Idempotency-Key came first"));
        }
        Ok(())
    }
}

fn encoded<K>(answer: Made<Id<K>>) -> Vec<u8> {
    let (found, id) = match answer {
        Made::New(id) => (0, id),
        Made::Found(id) => (1, id),
    };
    [&[found], id.uuid().as_bytes().as_slice()].concat()
}

fn decoded<K>(octets: &[u8]) -> Result<Made<Id<K>>> {
    let id = |octets| Uuid::from_slice(octets).map(Id::from_uuid).ok();
    let answer = match octets.split_first() {
        Some((0, octets)) => id(octets).map(Made::New),
        Some((1, octets)) => id(octets).map(Made::Found),
        _ => None,
    };
    answer.ok_or_else(|| Error::internal("a stored answer that names nothing"))
}
