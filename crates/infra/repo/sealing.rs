//! Re-encrypts values with the active key, and counts values by key. Both find columns only through the registry.

use std::collections::BTreeMap;

use async_trait::async_trait;
use clowder_core::{
    Error, Id, Result,
    sql::{Seal, Uid},
};
use diesel::{
    prelude::*,
    sql_query,
    sql_types::{BigInt, Nullable},
};
use uuid::Uuid;

/// What it keeps are the keys of users.
pub use super::user_keys::DOMAIN;
use super::{Repo, dialect::Conn, user_keys};
use crate::seal::{Column, Held, KeyRing, Place, RotateStep, Sealed, SealedBy, Sealing, USER_KEY, Under};

/// How many values are processed in one transaction: a few milliseconds of work, so that others get their turn.
const PIECE: i64 = 200;

/// How many user keys are tested at each end when a server starts.
const TRIED: i64 = 8;

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Uid)]
    id: Id<()>,
    #[diesel(sql_type = Nullable<Seal>)]
    value: Option<Sealed>,
}

#[async_trait]
impl Sealing for Repo {
    async fn rotate(&self, column: &'static Column, after: Option<Uuid>) -> Result<RotateStep> {
        if column.under == Under::UserKey {
            return Ok(RotateStep::default());
        }
        // Reading takes no lock; most pieces of a second run need no write.
        let values = self.db.read(move |conn| values(conn, column, after)).await?;
        let (seen, last) = (values.len(), values.last().map(|value| value.id.uuid()));
        let next = last.filter(|_| seen as i64 == PIECE);
        let (mut anew, mut faults) = (Vec::new(), Vec::new());
        for Value { id: row, value } in values {
            let Some(old) = value else { continue };
            match self.deps.ring.reseal(Place::new(*column, row), &old) {
                Ok(Some(new)) => anew.push((row, old, new)),
                Ok(None) => {}
                Err(error) => faults.push(error.to_string()),
            }
        }
        let resealed = match anew.is_empty() {
            true => 0,
            false => self.db.write(move |tx| replace(tx.conn, column, anew.clone())).await?,
        };
        Ok(RotateStep { seen, resealed, faults, next })
    }

    async fn held(&self, column: &'static Column) -> Result<Vec<Held>> {
        let mut counted = BTreeMap::<Option<String>, (u64, u64)>::new();
        let mut after = None;
        loop {
            let ring = self.db.ring();
            let piece = self.db.read(move |conn| count(conn, &ring, column, after)).await?;
            for (key, lost) in piece.found {
                let (all, bad) = counted.entry(key).or_default();
                *all += 1;
                *bad += u64::from(lost);
            }
            after = piece.next;
            if after.is_none() {
                return Ok(counted.into_iter().map(|(key, (count, lost))| Held { key, count, lost }).collect());
            }
        }
    }

    async fn try_keys(&self) -> Result<()> {
        let ring = self.db.ring();
        let by_key = self.db.read(move |conn| tried(conn, &ring)).await?;
        let closed: Vec<_> =
            by_key.into_iter().filter(|(_, opens)| !opens).map(|(key, _)| format!("`{key}`")).collect();
        if closed.is_empty() {
            return Ok(());
        }
        Err(Error::internal(format!(
            "the values in this database that use the key {} do not decrypt: SECRET_KEY or ENCRYPTION_KEYS has \
             changed; restore the earlier value (`clowder keys status` shows more)",
            closed.join(", ")
        )))
    }

    fn keys(&self) -> Vec<String> {
        self.deps.ring.ids().map(str::to_owned).collect()
    }
}

/// The next values of a column in the order of their row keys.
fn values(conn: &mut Conn, Column { table, column, row, .. }: &Column, after: Option<Uuid>) -> Result<Vec<Value>> {
    let select = format!("SELECT {row} AS id, {column} AS value FROM {table}");
    Ok(match after {
        Some(after) => sql_query(format!("{select} WHERE {row} > $1 ORDER BY {row} LIMIT $2"))
            .bind::<Uid, _>(Id::<()>::from_uuid(after))
            .bind::<BigInt, _>(PIECE)
            .load(conn)?,
        None => sql_query(format!("{select} ORDER BY {row} LIMIT $1")).bind::<BigInt, _>(PIECE).load(conn)?,
    })
}

/// The ring keys that the oldest and the newest user keys name, and whether any of them decrypts.
fn tried(conn: &mut Conn, ring: &KeyRing) -> Result<BTreeMap<String, bool>> {
    let Column { table, column, row, .. } = USER_KEY;
    let mut by_key = BTreeMap::new();
    for order in ["ASC", "DESC"] {
        let values =
            sql_query(format!("SELECT {row} AS id, {column} AS value FROM {table} ORDER BY {row} {order} LIMIT $1"))
                .bind::<BigInt, _>(TRIED)
                .load::<Value>(conn)?;
        for Value { id, value } in values {
            let Some(value) = value else { continue };
            // A malformed value says nothing about keys.
            let Ok(SealedBy::Ring(key)) = value.by() else { continue };
            let opens = by_key.entry(key.to_owned()).or_insert(false);
            *opens = *opens || ring.open(Place::new(USER_KEY, id), &value).is_ok();
        }
    }
    Ok(by_key)
}

/// Replaces the values that were read, where they are unchanged.
fn replace(conn: &mut Conn, c: &Column, anew: Vec<(Id<()>, Sealed, Sealed)>) -> Result<usize> {
    let update = format!("UPDATE {} SET {} = $1 WHERE {} = $2 AND {} = $3", c.table, c.column, c.row, c.column);
    let mut replaced = 0;
    for (row, old, new) in anew {
        replaced += sql_query(&update).bind::<Seal, _>(new).bind::<Uid, _>(row).bind::<Seal, _>(old).execute(conn)?;
    }
    Ok(replaced)
}

struct Counted {
    /// The key that each value names, and whether it fails to decrypt.
    found: Vec<(Option<String>, bool)>,
    next: Option<Uuid>,
}

fn count(conn: &mut Conn, ring: &KeyRing, column: &Column, after: Option<Uuid>) -> Result<Counted> {
    let values = values(conn, column, after)?;
    let next = values.last().map(|value| value.id.uuid()).filter(|_| values.len() as i64 == PIECE);
    let sealed: Vec<_> = values.iter().filter_map(|value| Some((value.id, value.value.as_ref()?))).collect();
    // A user key that does not decrypt is reported in its own table.
    let (users, _) = user_keys::read(conn, ring, sealed.iter().map(|(_, value)| *value)).unwrap_or_default();
    let found = sealed
        .into_iter()
        .map(|(row, value)| {
            let place = Place::new(*column, row);
            Ok(match value.by()? {
                SealedBy::Ring(id) => (Some(id.to_owned()), ring.open(place, value).is_err()),
                // Without its key it was destroyed on purpose.
                SealedBy::User(id) => (None, users.get(&id).is_some_and(|key| key.open(place, value).is_err())),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Counted { found, next })
}
