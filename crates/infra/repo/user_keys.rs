//! The data keys of users: created when first needed, looked up to read, deleted to make data unreadable.

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
        // It is deleted with the receipt, in one step, as the very last.
        erase: nothing,
    }],
    sealed: &[USER_KEY],
    times: &[never("user_keys.created_at", SHOWN)],
    ..Domain::NONE
};

type Row = (UserId, Id<UserKey>, Sealed);

/// The owner of the key for entries that concern no known user.
pub const NOBODY: UserId = Id::from_uuid(Uuid::nil());

/// The key of a user, created if there is none.
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
    // Another transaction created it at the same time.
    find(tx.conn, &tx.services.ring, owner)?.ok_or_else(|| Error::internal("a user key was deleted at once"))
}

/// The key of a user, if there is (still) one.
pub fn find(conn: &mut Conn, ring: &KeyRing, owner: UserId) -> Result<Option<UserKey>> {
    let row: Option<(Id<UserKey>, Sealed)> =
        user_keys::table.find(owner).select((user_keys::id, user_keys::key)).first(conn).optional()?;
    row.map(|(id, sealed)| ring.open_user_key(owner, id.uuid(), &sealed)).transpose()
}

/// The keys that these values name, by id, as far as they exist and can be read: one that cannot must not hide what
/// others encrypt. It is logged.
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
        // A malformed value is reported where it is decrypted.
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

/// Destroys what is encrypted with a user's key, wherever it is stored, even in backups of the tables that contain it:
/// without the key nobody can read it again. Returns whether there was a key. The chain of the audit log stays valid.
pub fn shred(tx: &mut Tx<'_>, user: UserId) -> Result<bool> {
    Ok(diesel::delete(user_keys::table.find(user)).execute(tx.conn)? > 0)
}
