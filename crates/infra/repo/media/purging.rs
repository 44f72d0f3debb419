//! The job that removes bytes that no file has any more, and forgets uploads whose process has died. Whatever cannot be done
//! holds up nothing else.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, NewJob, Result, Timestamp, UserId,
    job::{Queue, Taken, Work, Worker, pause},
};
use clowder_media::{Blobs, ObjectId, Variant, kinds, policy::Limits};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        jobs,
    },
    deleting::{discard, has_files, stale},
    direct,
};
use crate::domains::media::{file_objects, file_totals, file_usage, key_of, variant_key};

/// How old a write is that will not be finished any more: an upload takes six hours at most.
const UNFINISHED: Duration = Duration::from_secs(12 * 3600);
/// How many objects are purged between two looks.
const PIECE: i64 = 100;
/// After so many failures in a row, it is not the objects but the store, and the job is tried again later.
const GIVES_UP_AFTER: usize = 10;

#[derive(Debug, Serialize, Deserialize)]
pub struct Purge {}

impl Work for Purge {
    const KIND: &'static str = "file.purge";
    const QUEUE: Queue = Queue::Default;
}

/// Enqueues the job. Whatever one that is running has passed over is left to the next run, minutes later.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<()> {
    jobs::order(tx, ctx, &NewJob::new(&Purge {}, ctx.now)?.keyed(Purge::KIND))
}

/// How many objects are still in the store because deleting them has failed.
pub fn stuck(conn: &mut Conn) -> Result<i64> {
    let stuck = file_objects::table.filter(file_objects::purge_failures.gt(0)).count().get_result(conn)?;
    metrics::gauge!("clowder_files_stuck").set(stuck as f64);
    Ok(stuck)
}

pub struct Purger(pub Arc<Repo>);

#[async_trait]
impl Worker for Purger {
    fn kind(&self) -> &'static str {
        Purge::KIND
    }

    fn queue(&self) -> Queue {
        Purge::QUEUE
    }

    async fn work(&self, ctx: &Ctx, _: &Taken) -> Result<()> {
        // A command without a store of bytes runs no jobs, so this is a mistake, and another process does it.
        let blobs = self.0.blobs()?;
        let forgotten = self.forget_stale(ctx).await;
        let purged = self.purge_due(ctx, &*blobs).await;
        let swept = blobs.sweep(ctx.now.minus(UNFINISHED)).await.map(drop);
        self.0.db.read(stuck).await?;
        // Each has been tried, whatever became of the others.
        forgotten.and(purged).and(swept)
    }
}

/// An object that is due: whose it was, how often purging it has failed, and of which type it is.
type Due = (ObjectId, Option<UserId>, i64, String);

impl Purger {
    async fn forget_stale(&self, ctx: &Ctx) -> Result<()> {
        let (now, mut outcome) = (ctx.now, Ok(()));
        let mut next = Some(Timestamp::from_micros(0));
        while let Some(after) = next {
            let some;
            (some, next) = self.0.db.read(move |conn| stale(conn, after, now)).await?;
            for (user, file) in some {
                let ctx = ctx.clone();
                let forgotten = self.0.db.write(move |tx| discard(tx, &ctx, user, file, 0, ctx.now)).await;
                outcome = outcome.and(forgotten.map(drop));
            }
        }
        outcome
    }

    async fn purge_due(&self, ctx: &Ctx, blobs: &dyn Blobs) -> Result<()> {
        let (now, mut in_a_row) = (ctx.now, 0);
        loop {
            let limits = self.0.deps.options.media.limits;
            let due = self.0.db.read(move |conn| due(conn, now, limits)).await?;
            for (object, owner, failures, kind) in &due {
                let Err(error) = self.purge(blobs, *object, *owner, kind).await else {
                    in_a_row = 0;
                    continue;
                };
                self.postpone(now, *object, *failures, &error).await?;
                in_a_row += 1;
                if in_a_row == GIVES_UP_AFTER {
                    return Err(error);
                }
            }
            if due.len() < PIECE as usize {
                return Ok(());
            }
        }
    }

    /// The bytes first: as long as the row is there, the next try finds it.
    async fn purge(&self, blobs: &dyn Blobs, object: ObjectId, owner: Option<UserId>, kind: &str) -> Result<()> {
        if self.0.db.read(move |conn| has_files(conn, object)).await? {
            return Err(Error::internal(format!("the object {object} is due to be purged, but has files")));
        }
        let key = key_of(object)?;
        blobs.delete(&key).await?;
        if self.0.db.read(move |conn| direct::is_direct(conn, object)).await? {
            blobs.decline(&key).await?;
        }
        // An examination that was cut off has noted nothing of what it has made.
        let variants = Variant::all().filter(|_| kinds::is_examined(kind));
        for variant in variants {
            blobs.delete(&variant_key(object, variant)?).await?;
        }
        self.0.db.write(move |tx| forget(tx, object, owner)).await
    }

    /// It is tried again after a pause that grows with each failure, and nothing waits for it.
    async fn postpone(&self, now: Timestamp, object: ObjectId, failures: i64, error: &Error) -> Result<()> {
        metrics::counter!("clowder_file_purge_failures_total").increment(1);
        let again = now.plus(pause(i16::try_from(failures + 1).unwrap_or(i16::MAX), 0.5));
        tracing::warn!(%object, %error, failures = failures + 1, %again, "cannot remove a deleted file from the store");
        let postpone = move |tx: &mut Tx<'_>| {
            let later =
                (file_objects::purge_at.eq(again), file_objects::purge_failures.eq(file_objects::purge_failures + 1));
            let row = file_objects::table.find(object).filter(file_objects::refs.eq(0));
            diesel::update(row).set(later).execute(tx.conn)?;
            Ok(())
        };
        self.0.db.write(postpone).await
    }
}

/// Forgets an object that is no longer in the store.
fn forget(tx: &mut Tx<'_>, object: ObjectId, owner: Option<UserId>) -> Result<()> {
    if let Some(owner) = owner {
        // Whoever writes what somebody has locks them first.
        dialect::accounts::lock_user(tx.conn, owner)?;
    }
    let row = file_objects::table.find(object).filter(file_objects::refs.eq(0));
    let gone = diesel::delete(row).returning((file_objects::size, file_objects::reserved, file_objects::owner_id));
    let gone: Option<(i64, i64, Option<UserId>)> = gone.get_result(tx.conn).optional()?;
    let Some((size, reserved, owner)) = gone else { return Ok(()) };
    if let Some(owner) = owner {
        let less = (
            file_usage::trash_octets.eq(file_usage::trash_octets - size),
            file_usage::trash_objects.eq(file_usage::trash_objects - 1),
        );
        diesel::update(file_usage::table.find(owner)).set(less).execute(tx.conn)?;
    }
    // Whoever is erased while an upload of theirs is going on leaves what it has reserved.
    let stored = size + reserved;
    let less =
        (file_totals::octets.eq(file_totals::octets - stored), file_totals::objects.eq(file_totals::objects - 1));
    diesel::update(file_totals::table).set(less).execute(tx.conn)?;
    Ok(())
}

/// What is due, the oldest first. If the server has little room left, everything that was deleted is: or else people who
/// upload and delete could use up the room of all others for a week.
fn due(conn: &mut Conn, now: Timestamp, limits: Limits) -> Result<Vec<Due>> {
    let totals: (i64, i64) = file_totals::table.select((file_totals::octets, file_totals::objects)).first(conn)?;
    let deleted = file_objects::table.filter(file_objects::refs.eq(0).and(file_objects::purge_at.is_not_null()));
    let deleted = deleted.into_boxed();
    let past = file_objects::purge_at.le(now);
    let due = match limits.is_scarce(totals.0, totals.1) {
        // What could not be removed keeps its pause.
        true => deleted.filter(past.or(file_objects::purge_at.gt(now).and(file_objects::purge_failures.eq(0)))),
        false => deleted.filter(past),
    };
    let due = due.order(file_objects::purge_at).limit(PIECE);
    Ok(due
        .select((file_objects::id, file_objects::owner_id, file_objects::purge_failures, file_objects::kind))
        .load(conn)?)
}
