//! A journal that has gone back gets another epoch: positions, cursors and caches of the one before mean nothing in it.

use std::sync::Arc;

use clowder_core::{Id, Positions, Result, journal::Extent};
use diesel::prelude::*;
use uuid::Builder;

use super::{
    super::{Repo, batch, db::Tx},
    look,
};
use crate::{domains::journal::epoch, keys::random, segments::KnownSegments};

/// How far the journal reaches. Compares that with the high-water mark.
pub async fn extent(repo: &Repo) -> Result<Extent> {
    let known = Arc::clone(&repo.segments);
    let water = &repo.db.services().high_water;
    // The mark is read first, so that what is committed in between cannot look like a loss.
    let mark = water.read();
    let found = repo.db.read(move |conn| Ok(look(conn, &known)?.0)).await?;
    if !water.went_back(mark.as_ref(), found.epoch, &found.heads) {
        water.note(found.epoch, &found.heads);
        return Ok(found);
    }
    let known = Arc::clone(&repo.segments);
    let settled = match repo.db.write(move |tx| settle(tx, &known)).await {
        Ok(settled) => settled,
        Err(error) => {
            tracing::warn!(%error, "the journal seems to have gone back, and cannot get another epoch right now");
            return Ok(found);
        }
    };
    water.note(settled.epoch, &settled.heads);
    // A connection that reads may lead to a standby that lags behind the primary.
    Ok(if settled.epoch == found.epoch { found } else { settled })
}

/// Looks again, where nobody else gives the journal an epoch, and gives it another one if it has gone back.
fn settle(tx: &mut Tx<'_>, known: &KnownSegments) -> Result<Extent> {
    batch::journal::lock_epoch(tx.conn)?;
    let water = &tx.services.high_water;
    let mark = water.read();
    let found = look(tx.conn, known)?.0;
    if !water.went_back(mark.as_ref(), found.epoch, &found.heads) {
        return Ok(found);
    }
    renew(tx, &found.heads)?;
    Ok(look(tx.conn, known)?.0)
}

/// Before changes are appended: `heads` are the new ones of these streams, whose changes are counted. If a position was
/// given out before, the journal has gone back since anybody looked, and could soon be past the mark.
pub fn check(tx: &mut Tx<'_>, wanted: &[(i16, i64)], heads: &[(i16, i64, i32)]) -> Result<()> {
    let water = &tx.services.high_water;
    let count = |stream: usize| wanted.iter().find(|(wanted, _)| usize::try_from(*wanted) == Ok(stream));
    let count = |stream| count(stream).map_or(0, |(_, count)| *count);
    let was_taken = |(stream, head, _): &(i16, i64, i32)| {
        usize::try_from(*stream).is_ok_and(|stream| water.was_taken(stream, head - count(stream) + 1))
    };
    if !heads.iter().any(was_taken) {
        return Ok(());
    }
    batch::journal::lock_epoch(tx.conn)?;
    let (epoch, rows) = batch::journal::extent(tx.conn)?;
    // Another epoch says it already.
    if water.read().is_none_or(|mark| mark.epoch != epoch) {
        return Ok(());
    }
    let before = rows.iter().enumerate().map(|(stream, (head, ..))| head - count(stream)).collect();
    renew(tx, &Positions::new(before))
}

fn renew(tx: &mut Tx<'_>, heads: &Positions) -> Result<()> {
    let mut octets = [0; 16];
    random(&mut octets)?;
    let new = Builder::from_random_bytes(octets).into_uuid();
    let is_empty = heads.as_slice().iter().all(|head| *head == 0);
    if is_empty && tx.services.high_water.read().is_none() {
        tracing::debug!("a new journal gets its epoch");
    } else {
        tracing::warn!("the journal has gone back, or its high-water mark is missing: it gets another epoch");
    }
    tx.services.high_water.renewed(new, heads)?;
    diesel::update(epoch::table).set(epoch::id.eq(Id::<()>::from_uuid(new))).execute(tx.conn)?;
    Ok(())
}
