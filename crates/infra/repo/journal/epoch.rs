//! A journal that has gone back gets another epoch: positions, cursors and caches of the one before mean nothing in it. One
//! that is written on another timeline gets another epoch, too, but what it has of the one before is kept
//! ([`crate::epochs`]).

use std::sync::Arc;

use clowder_core::{
    Id, Positions, Result,
    journal::{Extent, Former},
};
use diesel::prelude::*;
use uuid::{Builder, Uuid};

use super::{
    super::{Repo, batch, db::Tx, dialect::Conn},
    look,
};
use crate::{
    domains::journal::{FormerEpochRow, epoch, former_epochs},
    epochs::{self, Advanced, Look, Turn},
    keys::random,
    segments::KnownSegments,
};

/// How far the journal reaches. Compares that with the high-water mark, and its timeline with the one that is noted.
pub async fn extent(repo: &Repo) -> Result<Extent> {
    let known = Arc::clone(&repo.segments);
    let water = &repo.db.services().high_water;
    // The mark is read first, so that what is committed in between cannot look like a loss.
    let mark = water.read();
    let (found, _, timelines) = repo.db.read(move |conn| look(conn, &known)).await?;
    let went_back = water.went_back(mark.as_ref(), found.epoch, &found.heads);
    if !went_back && timelines.turn() == Turn::None {
        water.note(found.epoch, &found.heads);
        return Ok(found);
    }
    let known = Arc::clone(&repo.segments);
    let settled = match repo.db.write(move |tx| settle(tx, &known)).await {
        Ok(settled) => settled,
        // Nothing is appended meanwhile, or whoever appends does it.
        Err(error) if !went_back => {
            tracing::warn!(%error, "cannot note the timeline of the server right now");
            return Ok(found);
        }
        Err(error) => {
            tracing::warn!(%error, "the journal seems to have gone back, and cannot get another epoch right now");
            return Ok(found);
        }
    };
    water.note(settled.epoch, &settled.heads);
    // A connection that reads may lead to a standby that lags behind the primary.
    Ok(if settled.epoch == found.epoch { found } else { settled })
}

/// Looks again, where nobody else gives the journal an epoch, and gives it another one if it has gone back or is written on
/// another timeline.
fn settle(tx: &mut Tx<'_>, known: &KnownSegments) -> Result<Extent> {
    batch::journal::lock_epoch(tx.conn)?;
    let water = &tx.services.high_water;
    let mark = water.read();
    let (found, _, timelines) = look(tx.conn, known)?;
    let turn = timelines.turn();
    if turn != Turn::None {
        turn_to(tx, turn, timelines.present, found.epoch, &found.heads)?;
        return Ok(look(tx.conn, known)?.0);
    }
    if !water.went_back(mark.as_ref(), found.epoch, &found.heads) {
        return Ok(found);
    }
    renew(tx, &found.heads)?;
    Ok(look(tx.conn, known)?.0)
}

/// Before changes are appended, whose streams are advanced. If the timeline is another one, nobody has appended on it. And if
/// a position was given out before, the journal has gone back since anybody looked, and could soon be past the mark.
pub fn check(tx: &mut Tx<'_>, wanted: &[(i16, i64)], advanced: &Advanced) -> Result<()> {
    tx.stored = advanced.stored;
    let water = &tx.services.high_water;
    let count = |stream: usize| wanted.iter().find(|(wanted, _)| usize::try_from(*wanted) == Ok(stream));
    let count = |stream| count(stream).map_or(0, |(_, count)| *count);
    let was_taken = |(stream, head, _): &(i16, i64, i32)| {
        usize::try_from(*stream).is_ok_and(|stream| water.was_taken(stream, head - count(stream) + 1))
    };
    let is_known = advanced.timelines.turn() == Turn::None;
    if is_known && !advanced.heads.iter().any(was_taken) {
        return Ok(());
    }
    batch::journal::lock_epoch(tx.conn)?;
    // What others have appended and not committed yet comes after this.
    let Look { epoch, stored, streams, timelines } = batch::journal::extent(tx.conn)?;
    tx.stored = stored;
    let before =
        || Positions::new(streams.iter().enumerate().map(|(stream, (head, ..))| head - count(stream)).collect());
    match timelines.turn() {
        // Another epoch says already that the journal has gone back.
        Turn::None if !is_known || water.read().is_none_or(|mark| mark.epoch != epoch) => Ok(()),
        Turn::None => renew(tx, &before()),
        turn => turn_to(tx, turn, timelines.present, epoch, &before()),
    }
}

/// From now on, the journal is written on this timeline. `epoch` has come this far.
fn turn_to(tx: &mut Tx<'_>, turn: Turn, timeline: Option<i64>, epoch: Uuid, heads: &Positions) -> Result<()> {
    diesel::update(epoch::table).set(epoch::timeline.eq(timeline)).execute(tx.conn)?;
    match turn {
        Turn::None => {}
        Turn::Note => tracing::debug!(timeline, "the timeline of the server is noted"),
        Turn::Leave => renew(tx, heads)?,
        Turn::Fork => {
            tracing::warn!(timeline, "a standby has become the primary: the journal goes on in another epoch");
            name(tx, heads)?;
            let successor = batch::journal::extent(tx.conn)?.epoch;
            diesel::insert_into(former_epochs::table).values(epochs::row(epoch, successor, heads)?).execute(tx.conn)?;
            // Others are of servers and databases that this one does not follow any more.
            let kept =
                epochs::before(successor, &rows(tx.conn)?)?.into_iter().map(|former| Id::from_uuid(former.epoch));
            let kept: Vec<Id<()>> = kept.collect();
            diesel::delete(former_epochs::table.filter(former_epochs::epoch.ne_all(kept))).execute(tx.conn)?;
        }
    }
    Ok(())
}

fn renew(tx: &mut Tx<'_>, heads: &Positions) -> Result<()> {
    let is_empty = heads.as_slice().iter().all(|head| *head == 0);
    if is_empty && tx.services.high_water.read().is_none() {
        tracing::debug!("a new journal gets its epoch");
    } else {
        tracing::warn!("the journal has gone back, or its high-water mark is missing: it gets another epoch");
    }
    name(tx, heads)
}

/// Stores another id, which nobody else can have given to a journal.
fn name(tx: &mut Tx<'_>, heads: &Positions) -> Result<()> {
    let mut octets = [0; 16];
    random(&mut octets)?;
    let new = Builder::from_random_bytes(octets).into_uuid();
    tx.services.high_water.renewed(new, heads)?;
    tx.stored = new;
    diesel::update(epoch::table).set(epoch::id.eq(Id::<()>::from_uuid(new))).execute(tx.conn)?;
    Ok(())
}

/// The epochs before this one of which a part was kept, the latest first.
pub fn former(conn: &mut Conn, epoch: Uuid) -> Result<Vec<Former>> {
    epochs::before(epoch, &rows(conn)?)
}

pub async fn former_of(repo: &Repo, epoch: Uuid) -> Result<Vec<Former>> {
    // A standby that lags does not know of this epoch yet.
    let here = move |conn: &mut Conn| {
        let is_here = batch::journal::extent(conn)?.epoch == epoch;
        if is_here { former(conn, epoch).map(Some) } else { Ok(None) }
    };
    match repo.db.read(here).await? {
        Some(former) => Ok(former),
        None => repo.db.write(move |tx| former(tx.conn, epoch)).await,
    }
}

fn rows(conn: &mut Conn) -> Result<Vec<FormerEpochRow>> {
    Ok(former_epochs::table.select(FormerEpochRow::as_select()).load(conn)?)
}
