//! The job that removes bytes that no file has any more, and forgets uploads whose process has died.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, NewJob, Result, Timestamp,
    job::{Queue, Taken, Work, Worker},
};
use clowder_media::{Blobs, ObjectId};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{Repo, db::Tx, dialect::Conn, jobs},
    deleting::{discard, has_files, stale},
    read::ARRIVES_WITHIN,
};
use crate::domains::media::{file_objects, file_totals, key_of};

/// How old a write is that will not be finished any more: an upload takes hours at most.
const UNFINISHED: Duration = Duration::from_secs(48 * 3600);
/// How many objects are purged between two looks.
const PIECE: i64 = 100;

#[derive(Debug, Serialize, Deserialize)]
pub struct Purge {}

impl Work for Purge {
    const KIND: &'static str = "file.purge";
    const QUEUE: Queue = Queue::Default;
}

/// Enqueues the job. Whatever one that is running has passed over is left to the next hour.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<()> {
    jobs::order(tx, ctx, &NewJob::new(&Purge {}, ctx.now)?.keyed(Purge::KIND))
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
        self.forget_stale(ctx).await?;
        blobs.sweep(ctx.now.minus(UNFINISHED)).await?;
        loop {
            let now = ctx.now;
            let due = self.0.db.read(move |conn| due(conn, now)).await?;
            for object in &due {
                self.purge(&*blobs, *object).await?;
            }
            if due.len() < PIECE as usize {
                return Ok(());
            }
        }
    }
}

impl Purger {
    async fn forget_stale(&self, ctx: &Ctx) -> Result<()> {
        let before = ctx.now.minus(ARRIVES_WITHIN);
        for (user, file) in self.0.db.read(move |conn| stale(conn, before)).await? {
            let ctx = ctx.clone();
            self.0.db.write(move |tx| discard(tx, &ctx, user, file)).await?;
        }
        Ok(())
    }

    /// The bytes first: as long as the row is there, the next try finds it.
    async fn purge(&self, blobs: &dyn Blobs, object: ObjectId) -> Result<()> {
        if self.0.db.read(move |conn| has_files(conn, object)).await? {
            return Err(Error::internal(format!("the object {object} is due to be purged, but has files")));
        }
        blobs.delete(&key_of(object)?).await?;
        let gone = move |tx: &mut Tx<'_>| {
            let row = file_objects::table.find(object).filter(file_objects::refs.eq(0));
            let size: Option<i64> = diesel::delete(row).returning(file_objects::size).get_result(tx.conn).optional()?;
            if let Some(size) = size {
                let less = (
                    file_totals::octets.eq(file_totals::octets - size),
                    file_totals::objects.eq(file_totals::objects - 1),
                );
                diesel::update(file_totals::table).set(less).execute(tx.conn)?;
            }
            Ok(())
        };
        self.0.db.write(gone).await
    }
}

fn due(conn: &mut Conn, now: Timestamp) -> Result<Vec<ObjectId>> {
    let due = file_objects::table.filter(file_objects::purge_at.le(now)).filter(file_objects::refs.eq(0));
    Ok(due.order(file_objects::purge_at).limit(PIECE).select(file_objects::id).load(conn)?)
}
