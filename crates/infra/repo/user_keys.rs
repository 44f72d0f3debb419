//! The data keys of users: made when first needed, looked up to read, thrown away to shred.

use std::collections::HashMap;

use clowder_core::{Ctx, Error, Id, Result, UserId};
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    clock::{SHOWN, never},
    db::Tx,
    dialect::Conn,
    domains::Domain,
    privacy::parts::{Part, Phase, nothing},
};
use crate::{
    domains::accounts::user_keys,
    privacy::erased,
    seal::{KeyRing, Sealed, SealedBy, USER_KEY, UserKey, unreadable},
};

pub const DOMAIN: Domain = Domain {
    parts: &[Part {
        name: "key",
        phase: Phase::Proof,
        references: &[erased("user_keys", "user_id")],
        files: &[],
        // It goes with the receipt, in one step, as the very last.
        erase: nothing,
    }],
    sealed: &[USER_KEY],
    times: &[never("user_keys.created_at", SHOWN)],
    ..Domain::NONE
};

type Row = (UserId, Id<UserKey>, Sealed);

/// Whose key seals what concerns nobody that we know.
pub const NOBODY: UserId = Id::from_uuid(Uuid::nil());

/// The key of a user, made if there is none.
pub fn of(tx: &mut Tx<'_>, ctx: &Ctx, owner: UserId) -> Result<UserKey> {
    if let Some(key) = find(tx.conn, &tx.services.ring, owner)? {
        return Ok(key);
    }
    let id = Id::<UserKey>::new(ctx.now);
    let (key, sealed) = tx.services.ring.user_key(owner, id.uuid())?;
    let row = (
        user_keys::user_id.eq(owner),
        user_keys::id.eq(id),
        user_keys::key.eq(sealed),
        user_keys::created_at.eq(ctx.now),
    );
    if diesel::insert_into(user_keys::table).values(row).on_conflict_do_nothing().execute(tx.conn)? == 1 {
        return Ok(key);
    }
    // Somebody else made it at the same time.
    find(tx.conn, &tx.services.ring, owner)?.ok_or_else(|| Error::internal("a user key came and went"))
}

/// The key of a user, if there is one (still).
pub fn find(conn: &mut Conn, ring: &KeyRing, owner: UserId) -> Result<Option<UserKey>> {
    let row: Option<(Id<UserKey>, Sealed)> =
        user_keys::table.find(owner).select((user_keys::id, user_keys::key)).first(conn).optional()?;
    row.map(|(id, sealed)| ring.open_user_key(owner, id.uuid(), &sealed)).transpose()
}

/// The keys that these values name, by their ids, as far as there still are such and they can be read: one that cannot
/// must not hide what others seal. It is logged.
pub fn for_values<'v>(
    conn: &mut Conn,
    ring: &KeyRing,
    values: impl Iterator<Item = &'v Sealed>,
) -> Result<HashMap<Uuid, UserKey>> {
    let (keys, faults) = read(conn, ring, values)?;
    for error in &faults {
        let _: Option<()> = unreadable(error);
    }
    Ok(keys)
}

/// The same keys, and why others cannot be read.
pub fn read<'v>(
    conn: &mut Conn,
    ring: &KeyRing,
    values: impl Iterator<Item = &'v Sealed>,
) -> Result<(HashMap<Uuid, UserKey>, Vec<Error>)> {
    let mut ids = Vec::new();
    for value in values {
        // What is no sealed value is told of where it is opened.
        if let Ok(SealedBy::User(id)) = value.by() {
            ids.push(Id::<UserKey>::from_uuid(id));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<Row> = user_keys::table
        .filter(user_keys::id.eq_any(ids))
        .select((user_keys::user_id, user_keys::id, user_keys::key))
        .load(conn)?;
    let (mut keys, mut faults) = (HashMap::new(), Vec::new());
    for (owner, id, sealed) in rows {
        match ring.open_user_key(owner, id.uuid(), &sealed) {
            Ok(key) => drop(keys.insert(id.uuid(), key)),
            Err(error) => faults.push(error),
        }
    }
    Ok((keys, faults))
}

/// Shreds what is sealed with a user's key, wherever it lies, also in backups of the tables that hold it: without the
/// key nobody can read it again. Answers whether there was a key. The chain of the audit log stays valid.
pub fn shred(tx: &mut Tx<'_>, user: UserId) -> Result<bool> {
    Ok(diesel::delete(user_keys::table.find(user)).execute(tx.conn)? > 0)
}
