//! The job that removes bytes that no file has any more, forgets uploads whose process has died or that have expired, and
//! finishes resumable ones that have arrived whole. Whatever cannot be done holds up nothing else.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, NewJob, Result, Timestamp, UserId,
    job::{Queue, Taken, Work, Worker, pause},
};
use clowder_media::{
    Blobs, ObjectId, Variant,
    care::{Amount, Cleaned},
    kinds,
    policy::Limits,
};
use diesel::{
    dsl::{count_star, exists, not, sql},
    prelude::*,
    sql_types::BigInt,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        jobs,
    },
    deleting::{discard, has_files, stale},
    direct, finishing, resumable,
};
use crate::domains::media::{ObjectRow, file_objects, file_totals, file_usage, held_objects, key_of, variant_key};

/// How long what was uploaded stays beside the copy without metadata: as long as a node of an earlier version, or a database
/// that is restored from a backup, may look for it.
pub const ORIGINAL_KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// When to try again to remove an original that cannot be removed.
const ORIGINAL_AGAIN: Duration = Duration::from_secs(3600);
/// How old a write is that will not be finished any more: an upload takes six hours at most, and a resumable one as long as
/// it can be continued.
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
        let finished = self.finish_whole(ctx).await;
        finished.and(self.0.purge_files(ctx).await.1)
    }
}

impl Purger {
    /// Makes files of the uploads that have arrived whole, and that nobody finished.
    async fn finish_whole(&self, ctx: &Ctx) -> Result<()> {
        let blobs = self.0.blobs()?;
        let (now, mut outcome, mut in_a_row) = (ctx.now, Ok(()), 0);
        for upload in self.0.db.read(move |conn| resumable::whole(conn, now)).await? {
            let finished = finishing::finish_again(&self.0, &*blobs, ctx, upload).await;
            in_a_row = if finished.is_err() { in_a_row + 1 } else { 0 };
            outcome = outcome.and(finished);
            if in_a_row == GIVES_UP_AFTER {
                break;
            }
        }
        outcome
    }
}

/// An object that is due: whose it was, how often purging it has failed, and of which type it is.
type Due = (ObjectId, Option<UserId>, i64, String);

impl Repo {
    /// Forgets uploads whose process has died, and removes what is due. Says what it has done, and whether all of that worked.
    pub async fn purge_files(&self, ctx: &Ctx) -> (Cleaned, Result<()>) {
        let mut cleaned = Cleaned::default();
        // A command without a store of bytes runs no jobs, so this is a mistake, and another process does it.
        let blobs = match self.blobs() {
            Ok(blobs) => blobs,
            Err(error) => return (cleaned, Err(error)),
        };
        let forgotten = self.forget_stale(ctx, &mut cleaned).await.and(self.forget_expired(ctx).await);
        let purged = self.purge_due(ctx, &*blobs, &mut cleaned).await;
        let replaced = self.purge_originals(ctx, &*blobs).await;
        let unfinished = UNFINISHED + self.deps.options.media.resumable_for;
        let swept = blobs.sweep(ctx.now.minus(unfinished)).await.map(drop);
        let counted = self.db.read(stuck).await.map(drop);
        let noted = self.note_cleaning(ctx, cleaned).await;
        // Each has been tried, whatever became of the others.
        (cleaned, forgotten.and(purged).and(replaced).and(swept).and(counted).and(noted))
    }

    async fn forget_stale(&self, ctx: &Ctx, cleaned: &mut Cleaned) -> Result<()> {
        let (now, mut outcome) = (ctx.now, Ok(()));
        let mut next = Some(Timestamp::from_micros(0));
        while let Some(after) = next {
            let some;
            (some, next) = self.db.read(move |conn| stale(conn, after, now)).await?;
            for (user, file) in some {
                let ctx = ctx.clone();
                match self.db.write(move |tx| discard(tx, &ctx, user, file, 0, ctx.now)).await {
                    Ok(has_ended) => cleaned.unfinished.count += i64::from(!has_ended),
                    Err(error) => outcome = outcome.and(Err(error)),
                }
            }
        }
        outcome
    }

    async fn forget_expired(&self, ctx: &Ctx) -> Result<()> {
        let (now, mut outcome) = (ctx.now, Ok(()));
        for (user, file) in self.db.read(move |conn| resumable::expired(conn, now)).await? {
            let ctx = ctx.clone();
            outcome = outcome.and(self.db.write(move |tx| resumable::expire(tx, &ctx, user, file)).await);
        }
        outcome
    }

    async fn purge_due(&self, ctx: &Ctx, blobs: &dyn Blobs, cleaned: &mut Cleaned) -> Result<()> {
        let (now, mut in_a_row) = (ctx.now, 0);
        loop {
            let limits = self.deps.options.media.limits;
            let due = self.db.read(move |conn| due(conn, now, limits)).await?;
            for (object, owner, failures, kind) in &due {
                let error = match self.purge_object(blobs, *object, *owner, kind).await {
                    Ok(octets) => {
                        cleaned.deleted += octets.map(Amount::of).unwrap_or_default();
                        in_a_row = 0;
                        continue;
                    }
                    Err(error) => error,
                };
                self.postpone_purge(now, *object, *failures, &error).await?;
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

    /// Removes what was uploaded where a copy without metadata has taken its place for long enough.
    async fn purge_originals(&self, ctx: &Ctx, blobs: &dyn Blobs) -> Result<()> {
        let (now, mut in_a_row) = (ctx.now, 0);
        loop {
            let due = self.db.read(move |conn| originals(conn, now)).await?;
            for object in &due {
                let removed = blobs.delete(&key_of(*object)?).await;
                let next = removed.is_err().then(|| now.plus(ORIGINAL_AGAIN));
                let object = *object;
                self.db.write(move |tx| note_original(tx, now, object, next)).await?;
                let Err(error) = removed else {
                    in_a_row = 0;
                    continue;
                };
                tracing::warn!(%object, %error, "cannot remove what was uploaded right now");
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

    /// The bytes first: as long as the row is there, the next try finds it. Answers how many octets that were, unless another
    /// node was faster.
    async fn purge_object(
        &self,
        blobs: &dyn Blobs,
        object: ObjectId,
        owner: Option<UserId>,
        kind: &str,
    ) -> Result<Option<i64>> {
        if self.db.read(move |conn| has_files(conn, object)).await? {
            return Err(Error::internal(format!("the object {object} is due to be purged, but has files")));
        }
        let key = key_of(object)?;
        if let Some(grown) = self.db.read(move |conn| resumable::grown(conn, object)).await? {
            blobs.abandon(&key, &grown).await?;
        }
        blobs.delete(&key).await?;
        if self.db.read(move |conn| direct::is_direct(conn, object)).await? {
            blobs.decline(&key).await?;
        }
        // An examination that was cut off has noted nothing of what it has made.
        let variants = Variant::all().filter(|_| kinds::is_examined(kind));
        for variant in variants {
            blobs.delete(&variant_key(object, variant)?).await?;
        }
        self.db.write(move |tx| forget(tx, object, owner)).await
    }

    /// It is tried again after a pause that grows with each failure, and nothing waits for it.
    async fn postpone_purge(&self, now: Timestamp, object: ObjectId, failures: i64, error: &Error) -> Result<()> {
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
        self.db.write(postpone).await
    }
}

/// Forgets an object that is no longer in the store.
fn forget(tx: &mut Tx<'_>, object: ObjectId, owner: Option<UserId>) -> Result<Option<i64>> {
    if let Some(owner) = owner {
        // Whoever writes what somebody has locks them first.
        dialect::accounts::lock_user(tx.conn, owner)?;
    }
    let row = file_objects::table.find(object).filter(file_objects::refs.eq(0));
    let gone: Option<ObjectRow> =
        diesel::delete(row).returning(ObjectRow::as_returning()).get_result(tx.conn).optional()?;
    let Some(gone) = gone else { return Ok(None) };
    let (size, reserved, owner) = (gone.counted(), gone.reserved, gone.owner_id);
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
    Ok(Some(size))
}

/// What is due, the oldest first. If the server has little room left, everything that was deleted is: or else people who
/// upload and delete could use up the room of all others for a week. What could not be removed keeps its pause, and bytes that
/// may come late are waited for.
fn due(conn: &mut Conn, now: Timestamp, limits: Limits) -> Result<Vec<Due>> {
    let totals: (i64, i64) = file_totals::table.select((file_totals::octets, file_totals::objects)).first(conn)?;
    let deleted = file_objects::table.filter(file_objects::refs.eq(0).and(file_objects::purge_at.is_not_null()));
    // What is evidence stays.
    let held = held_objects::table.filter(held_objects::object_id.eq(file_objects::id));
    let deleted = deleted.filter(not(exists(held))).into_boxed();
    let past = file_objects::purge_at.le(now);
    let due = match limits.is_scarce(totals.0, totals.1) {
        true => {
            let early = file_objects::purge_failures.eq(0).and(file_objects::late.eq(false));
            deleted.filter(past.or(file_objects::purge_at.gt(now).and(early)))
        }
        false => deleted.filter(past),
    };
    let due = due.order(file_objects::purge_at).limit(PIECE);
    Ok(due
        .select((file_objects::id, file_objects::owner_id, file_objects::purge_failures, file_objects::kind))
        .load(conn)?)
}

/// What is due, and what of deleted files stays for now.
pub fn planned(conn: &mut Conn, now: Timestamp, limits: Limits) -> Result<(Amount, Amount)> {
    let totals: (i64, i64) = file_totals::table.select((file_totals::octets, file_totals::objects)).first(conn)?;
    let deleted = || file_objects::table.filter(file_objects::refs.eq(0).and(file_objects::purge_at.is_not_null()));
    let free = || not(exists(held_objects::table.filter(held_objects::object_id.eq(file_objects::id))));
    let amount = || (count_star(), sql::<BigInt>("CAST(COALESCE(SUM(file_objects.size), 0) AS BIGINT)"));
    let all: (i64, i64) = deleted().select(amount()).first(conn)?;
    let past: (i64, i64) =
        deleted().filter(free()).filter(file_objects::purge_at.le(now)).select(amount()).first(conn)?;
    let soon: (i64, i64) = match limits.is_scarce(totals.0, totals.1) {
        true => {
            let early = file_objects::purge_failures.eq(0).and(file_objects::late.eq(false));
            let soon = file_objects::purge_at.gt(now).and(early);
            deleted().filter(free()).filter(soon).select(amount()).first(conn)?
        }
        false => (0, 0),
    };
    let due = Amount { count: past.0 + soon.0, octets: past.1 + soon.1 };
    Ok((due, Amount { count: all.0 - due.count, octets: all.1 - due.octets }))
}

/// How many uploads wait to be forgotten.
pub fn unfinished(conn: &mut Conn, now: Timestamp) -> Result<i64> {
    Ok(file_objects::table.filter(file_objects::arriving_until.le(now)).count().get_result(conn)?)
}

fn originals(conn: &mut Conn, now: Timestamp) -> Result<Vec<ObjectId>> {
    let due = file_objects::table.filter(file_objects::original_until.le(now)).order(file_objects::original_until);
    Ok(due.limit(PIECE).select(file_objects::id).load(conn)?)
}

/// What was uploaded is gone, or is tried again then.
fn note_original(tx: &mut Tx<'_>, now: Timestamp, object: ObjectId, next: Option<Timestamp>) -> Result<()> {
    let row = file_objects::table.find(object).filter(file_objects::original_until.le(now));
    diesel::update(row).set(file_objects::original_until.eq(next)).execute(tx.conn)?;
    Ok(())
}
