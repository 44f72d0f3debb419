//! An upload counts as going on as long as its process says so, so that the room of one whose process has died is free again
//! within minutes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clowder_core::{Id, Result, Timestamp};
use clowder_media::{ObjectId, refusals::FILE_UNKNOWN};
use diesel::prelude::*;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use super::super::db::{Db, Tx};
use crate::domains::media::{file_objects, resumable_uploads};

/// Renewed until it is dropped.
pub struct Lease {
    renewing: JoinHandle<()>,
    lost: Arc<AtomicBool>,
    since: Timestamp,
    taken: Instant,
}

impl Lease {
    /// `since` is the time at which it was taken, which is now.
    pub fn hold(db: Db, object: ObjectId, since: Timestamp, lease: Duration) -> Self {
        Self::renewing(db, since, lease, move |tx, until| renew(tx, object, until))
    }

    /// That of a call which writes to a resumable upload. It is lost once another call writes to that.
    pub fn hold_as(db: Db, object: ObjectId, writer: Id<()>, since: Timestamp, lease: Duration) -> Self {
        let renew = move |tx: &mut Tx<'_>, until: Timestamp| -> Result<bool> {
            let own = resumable_uploads::table.find(object).filter(resumable_uploads::writer.eq(writer));
            if own.count().get_result::<i64>(tx.conn)? == 0 { Ok(false) } else { renew(tx, object, until) }
        };
        Self::renewing(db, since, lease, renew)
    }

    fn renewing(
        db: Db,
        since: Timestamp,
        lease: Duration,
        renew: impl Fn(&mut Tx<'_>, Timestamp) -> Result<bool> + Copy + Send + Sync + 'static,
    ) -> Self {
        let (taken, lost) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let loses = Arc::clone(&lost);
        let renewing = tokio::spawn(async move {
            let mut beat = interval(lease / 4);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beat.tick().await;
            loop {
                beat.tick().await;
                let until = since.plus(taken.elapsed()).plus(lease);
                match db.write(move |tx| renew(tx, until)).await {
                    Ok(true) => {}
                    Ok(false) => return loses.store(true, Ordering::Relaxed),
                    Err(error) => tracing::warn!(%error, "cannot renew the lease of an upload right now"),
                }
            }
        });
        Self { renewing, lost, since, taken }
    }

    /// The time now, by the clock that was read when it was taken.
    pub fn now(&self) -> Timestamp {
        self.since.plus(self.taken.elapsed())
    }

    /// Refused once the upload has been forgotten: its owner is gone, or its process was silent for too long.
    pub fn still_held(&self) -> Result<()> {
        if self.lost.load(Ordering::Relaxed) { Err(FILE_UNKNOWN.into()) } else { Ok(()) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

fn renew(tx: &mut Tx<'_>, object: ObjectId, until: Timestamp) -> Result<bool> {
    let arriving = file_objects::table.find(object).filter(file_objects::arriving_until.is_not_null());
    Ok(diesel::update(arriving).set(file_objects::arriving_until.eq(until)).execute(tx.conn)? == 1)
}
