//! Watches the streams that somebody else holds.

use std::sync::Arc;

use clowder_core::{Cause, Result};

use super::{
    super::{batch, dialect::PooledConn},
    Inner, LOCK_WAIT, Queued,
};

/// One look at all stalled streams. There is one watcher at a time, so they occupy one worker however many they are.
/// Dropping it, also by a panic, starts the next one or ends the work.
pub struct Watcher<Q: Queued>(Arc<Inner<Q>>);

impl<Q: Queued> Watcher<Q> {
    pub fn start(inner: &Arc<Inner<Q>>) {
        let own = Arc::clone(inner);
        let job = move |conn: Result<&mut PooledConn>| Self(own).run(conn);
        if inner.db.writers().push(Box::new(job)).is_err() {
            let stalled = {
                let mut queues = inner.lock();
                queues.watcher = false;
                queues.stalled()
            };
            inner.resume(&stalled);
        }
    }

    fn run(self, conn: Result<&mut PooledConn>) -> bool {
        let stalled = {
            let mut queues = self.0.lock();
            let stalled = queues.stalled();
            queues.forget_withdrawn(&stalled);
            stalled
        };
        let Ok(conn) = conn else {
            // Whoever tries to write there learns what is wrong.
            self.0.resume(&stalled);
            return true;
        };
        let free = batch::journal::free_streams(conn, &stalled).and_then(|free| match stalled.first() {
            // Waiting in line for one of them is faster than looking again and again.
            Some(first) if free.is_empty() => match batch::journal::wait_for_stream(conn, *first, LOCK_WAIT) {
                Ok(()) => Ok(vec![*first]),
                Err(error) if error.cause() == Some(Cause::Contended) => Ok(free),
                Err(error) => Err(error),
            },
            _ => Ok(free),
        });
        match free {
            Ok(free) => {
                self.0.resume(&free);
                true
            }
            Err(error) => {
                self.0.resume(&stalled);
                !error.costs_connection()
            }
        }
    }
}

impl<Q: Queued> Drop for Watcher<Q> {
    fn drop(&mut self) {
        let mut queues = self.0.lock();
        if queues.stalled().is_empty() {
            queues.watcher = false;
            return;
        }
        drop(queues);
        Self::start(&self.0);
    }
}
