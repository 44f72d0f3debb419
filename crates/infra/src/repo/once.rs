//! Stored answers: what makes a repeated call with an `Idempotency-Key` answer like the first one.
//!
//! What is stored names the thing that was made and holds no text of it: a repeat answers with the thing as it is now, so
//! what was deleted or erased meanwhile does not come back by it.

use std::collections::HashMap;

use clowder_core::{
    Actor, Cause, Ctx, Error, Id, Once, Result, UserId,
    once::{KEPT_FOR, MISMATCH},
};
use clowder_messaging::Made;
use diesel::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{batch, db::Tx};
use crate::{
    keys::{Keys, Purpose, hex},
    rows::AnswerRow,
    schema::answers,
};

/// A key, and whose it is.
pub type Owner = (Id<()>, String);

/// What is stored to answer a call again: ids, and secrets that cannot be had a second time. Never a text that somebody
/// can delete, and nothing about anybody but the caller and `subject`.
pub trait Stub: Serialize + DeserializeOwned + Send + 'static {
    /// Whom it is about when the caller is nobody yet: the answer goes when they are erased.
    fn subject(&self) -> Option<UserId> {
        None
    }
}

/// Writes and stores how to answer again, or, when that is stored already, answers `again`.
pub fn guard<T, S: Stub>(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    once: &Once,
    first: impl FnOnce(&mut Tx<'_>) -> Result<(T, S)>,
    again: impl FnOnce(&mut Tx<'_>, S) -> Result<T>,
) -> Result<T> {
    let (caller, key) = owner(&tx.house.keys, ctx, once);
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
        let stub = tx.house.keys.unseal(Purpose::Answer, &place(caller, &key), &answer)?;
        let answered = again(tx, serde_json::from_slice(&stub)?)?;
        once.mark_replayed();
        return Ok(answered);
    }
    let (value, stub) = first(tx)?;
    let sealed = tx.house.keys.seal(Purpose::Answer, &place(caller, &key), &serde_json::to_vec(&stub)?)?;
    diesel::update(own).set((answers::answer.eq(sealed), answers::subject_id.eq(stub.subject()))).execute(tx.conn)?;
    Ok(value)
}

/// Where an answer belongs: it opens under the key of the same caller only.
fn place(caller: Id<()>, key: &str) -> Vec<u8> {
    [caller.uuid().as_bytes(), key.as_bytes()].concat()
}

/// Keys belong to the caller; of callers without a name, to their address, which need not be written down for that.
pub fn owner(keys: &Keys, ctx: &Ctx, once: &Once) -> Owner {
    match (ctx.actor, ctx.origin.address) {
        (Actor::User { id, .. }, _) => (Id::from_uuid(id.uuid()), once.key.to_string()),
        (_, Some(address)) => {
            let address = address.to_string();
            let parts = ["once", &address, &once.key].map(str::as_bytes);
            (Id::from_uuid(Uuid::nil()), hex(&keys.fingerprint(&parts)))
        }
        (_, None) => (Id::from_uuid(Uuid::nil()), once.key.to_string()),
    }
}

/// The stored answers that concern a batch of calls, for writes that share a transaction. They are looked up when
/// whatever orders two calls with one key is locked, and stored together after all has been decided; so an attempt that
/// is refused leaves its key free.
///
/// Such an answer is the id of a thing and whether it was there before. That is no secret and is stored as it is:
/// sealing it would cost a send more than everything else that its key costs, but for writing the page.
#[derive(Default)]
pub struct Answers(HashMap<Owner, AnswerRow>);

impl Answers {
    pub fn load<'o>(tx: &mut Tx<'_>, owners: impl Iterator<Item = &'o Owner>) -> Result<Self> {
        let mut wanted: Vec<_> = owners.map(|(caller, key)| (*caller, key.as_str())).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let rows = batch::stored_answers(tx.conn, &wanted)?;
        Ok(Self(rows.into_iter().map(|row| ((row.caller_id, row.key.clone()), row)).collect()))
    }

    /// What was answered before; `None` when there is nothing or it has had its time.
    pub fn get<K>(&self, owner: &Owner, ctx: &Ctx, once: &Once) -> Result<Option<Made<Id<K>>>> {
        let Some(row) = self.0.get(owner).filter(|row| row.created_at > ctx.now.minus(KEPT_FOR)) else {
            return Ok(None);
        };
        if row.fingerprint != once.fingerprint {
            return Err(MISMATCH.into());
        }
        decoded(&row.answer).map(Some)
    }

    /// Stores what is answered now. Fails when a key is not free any more, which a second look explains.
    pub fn store<K>(&self, tx: &mut Tx<'_>, answers: &[(&Owner, &Ctx, &Once, Made<Id<K>>)]) -> Result<()> {
        if answers.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(answers.len());
        for (owner, ctx, once, answer) in answers {
            if self.0.contains_key(*owner) {
                diesel::delete(answers::table.find((owner.0, &owner.1))).execute(tx.conn)?;
            }
            rows.push(AnswerRow {
                caller_id: owner.0,
                key: owner.1.clone(),
                fingerprint: once.fingerprint.to_vec(),
                answer: encoded(*answer),
                created_at: ctx.now,
            });
        }
        let wanted = rows.len();
        if batch::store_answers(tx.conn, rows)? < wanted {
            return Err(Error::outage(Cause::Contended, "another call with this Idempotency-Key was faster"));
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
