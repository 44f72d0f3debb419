//! How often people are invited to keep pets, and invitations that end: declined, so that the same person is left alone for
//! a while, or open for too long.

use std::time::Duration;

use clowder_core::{Ctx, Id, Result, Timestamp, UserId};
use clowder_social::pets::{Change, PetId, policy::OPEN_FOR};
use diesel::prelude::*;

use super::{
    super::{
        Repo,
        attempts::{Kind, PIECE, invitations},
        db::Tx,
        dialect::{self, Conn},
        domains::Steps,
    },
    keepers::take_out,
    writes::{lock, tell},
};
use crate::domains::{
    accounts::users,
    pets::{KeeperRow, pet_attempts, pet_keepers as table},
};

invitations!(pet_attempts, pet_id: PetId);

/// Somebody declines an invitation; both they and the pet are locked.
pub fn decline(tx: &mut Tx<'_>, ctx: &Ctx, row: &KeeperRow) -> Result<()> {
    refused(tx.conn, ctx, Kind::Invitation, row.pet_id, row.user_id)
}

/// When somebody last declined to keep a pet.
pub fn declined_at(conn: &mut Conn, pet: PetId, user: UserId) -> Result<Option<Timestamp>> {
    Ok(last_refused(conn, Kind::Invitation, pet, &[user])?.remove(&user))
}

/// How often somebody was invited within a day to keep this pet, or any pet of the same person.
pub fn invited(conn: &mut Conn, ctx: &Ctx, pet: Option<PetId>, user: UserId, by: UserId) -> Result<i64> {
    let mut made = made_today(ctx, Kind::Invitation, by).filter(pet_attempts::user_id.eq(user));
    if let Some(pet) = pet {
        made = made.filter(pet_attempts::pet_id.eq(pet));
    }
    Ok(made.count().get_result(conn)?)
}

/// Ends invitations to a locked pet whose time is over, and returns what everybody is told: until the sweep notices these,
/// they would be in the way of new ones.
pub fn expire_of(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId) -> Result<Vec<Change>> {
    let over = table::table.filter(table::pet_id.eq(pet)).filter(table::accepted.eq(false));
    let over = over.filter(table::since.le(ctx.now.minus(OPEN_FOR))).order(table::user_id);
    let over: Vec<KeeperRow> = over.select(KeeperRow::as_select()).load(tx.conn)?;
    let mut told = Vec::new();
    for row in over {
        told.extend(take_out(tx, &row)?);
    }
    Ok(told)
}

/// Ends invitations that were open for too long; everybody is told.
pub fn expire<'a>(repo: &'a Repo, ctx: &'a Ctx, _: Duration) -> Steps<'a> {
    Box::pin(async move {
        let (mut count, before) = (0, ctx.now.minus(OPEN_FOR));
        loop {
            let due = repo.db.read(move |conn| {
                Ok(table::table
                    .filter(table::accepted.eq(false).and(table::since.le(before)))
                    .order((table::since, table::pet_id, table::user_id))
                    .limit(PIECE)
                    .select((table::pet_id, table::user_id))
                    .load::<(PetId, UserId)>(conn)?)
            });
            let mut expired = 0;
            for (pet, user) in due.await? {
                let ctx = ctx.clone();
                expired += repo.db.write(move |tx| expire_one(tx, &ctx, pet, user)).await?;
            }
            count += expired;
            // What is left belongs to people who are being erased.
            if expired == 0 {
                return Ok(count);
            }
        }
    })
}

fn expire_one(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, user: UserId) -> Result<usize> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let lives = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(diesel::dsl::exists(lives)).get_result::<bool>(tx.conn)? || lock(tx, pet)?.is_none() {
        return Ok(0);
    }
    let over = table::table.find((pet, user)).filter(table::accepted.eq(false));
    let over = over.filter(table::since.le(ctx.now.minus(OPEN_FOR)));
    let row: Option<KeeperRow> = over.select(KeeperRow::as_select()).first(tx.conn).optional()?;
    let Some(row) = row else { return Ok(0) };
    let told = take_out(tx, &row)?;
    tell(tx, ctx, &told)?;
    Ok(1)
}
