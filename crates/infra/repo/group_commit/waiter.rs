//! Handles the items whose rows are locked by others.

use std::{collections::HashMap, sync::Arc};

use clowder_core::{Cause, Result};

use super::{
    super::{db::commit, dialect::PooledConn},
    BATCH_CLAIMS, Inner, Queued,
    write::{Stalled, settle, write, write_alone},
};

/// One attempt at all items with locked rows. There is one waiter at a time, so locked rows occupy one worker however
/// many they are. Dropping it, also by a panic, starts the next one or ends the work.
pub struct Waiter<Q: Queued>(Arc<Inner<Q>>);

impl<Q: Queued> Waiter<Q> {
    pub fn start(inner: &Arc<Inner<Q>>) {
        let own = Arc::clone(inner);
        let job = move |conn: Result<&mut PooledConn>| Self(own).run(conn);
        if let Err(error) = inner.db.writers().push(Box::new(job)) {
            let mut queues = inner.lock();
            queues.waiter = false;
            queues.refuse_held(&error);
        }
    }

    fn run(self, conn: Result<&mut PooledConn>) -> bool {
        match conn {
            Ok(conn) => self.write_the_free(conn) && self.wait_for_one(conn),
            Err(error) => {
                self.0.lock().refuse_held(&error);
                true
            }
        }
    }

    /// Tries all items of a stream together; those whose rows are still locked stay held.
    fn write_the_free(&self, conn: &mut PooledConn) -> bool {
        let streams = self.0.lock().held_by_stream();
        streams.into_values().all(|keys| self.write_the_free_of(conn, keys))
    }

    fn write_the_free_of(&self, conn: &mut PooledConn, keys: Vec<Q::Key>) -> bool {
        let (mut tried, mut batch) = (Vec::new(), Vec::new());
        {
            let mut queues = self.0.lock();
            for key in keys {
                let room = self.0.max.min(BATCH_CLAIMS) - batch.len();
                if room == 0 {
                    break;
                }
                batch.extend(queues.take(key, room));
                tried.push(key);
            }
        }
        let written = write(conn, self.0.db.services(), batch, &mut |_| ());
        let mut held = HashMap::<_, Vec<_>>::new();
        let Stalled { streams, items } = written.stalled;
        for pending in written.held.into_iter().chain(items) {
            held.entry(pending.item.key()).or_default().push(pending);
        }
        for key in tried {
            match held.remove(&key) {
                Some(items) => self.0.lock().put_back(key, items),
                None => self.0.release(key, Vec::new()),
            }
        }
        self.0.stall(Stalled { streams, items: Vec::new() });
        written.healthy
    }

    /// Waits in line for one of the rows, which is fairer and faster than polling.
    fn wait_for_one(&self, conn: &mut PooledConn) -> bool {
        let Some(key) = self.0.lock().next_held() else { return true };
        let Some(locks) = self.0.lock().locks(key) else {
            self.0.release(key, Vec::new());
            return true;
        };
        let services = self.0.db.services();
        let mut items = Vec::new();
        let outcomes = commit(conn, services, |tx| {
            Q::lock(tx, locks)?;
            items = self.0.lock().take(key, self.0.max.min(BATCH_CLAIMS));
            Q::write_batch(tx, &items.iter().map(|pending| &pending.item).collect::<Vec<_>>())
        });
        match outcomes {
            Ok(outcomes) => {
                let later = settle(items, outcomes);
                self.0.release(key, later.again.into_iter().chain(later.held).collect());
                true
            }
            Err(error) if error.affects_everyone() => {
                // Whether these were committed is unknown; the others have only lost time.
                for pending in items {
                    pending.answer(Err(error.clone()));
                }
                !error.costs_connection()
            }
            // The waiting itself did not fail.
            Err(error) if items.is_empty() && !matches!(error.cause(), Some(Cause::Contended | Cause::Aborted)) => {
                for pending in self.0.lock().take(key, usize::MAX) {
                    pending.answer(Err(error.clone()));
                }
                self.0.release(key, Vec::new());
                !error.costs_connection()
            }
            Err(error) if items.is_empty() && error.cause() == Some(Cause::Contended) => {
                self.0.lock().wait_behind(key);
                true
            }
            // Its rows were free, but the stream is locked: the next attempt finds that out.
            Err(error) if error.cause() == Some(Cause::Contended) => {
                let mut queues = self.0.lock();
                queues.put_back(key, items);
                queues.wait_behind(key);
                true
            }
            Err(_) => {
                if items.is_empty() {
                    items = self.0.lock().take(key, usize::MAX);
                }
                let written = write_alone(conn, services, items);
                self.0.release(key, written.held);
                written.healthy
            }
        }
    }
}

impl<Q: Queued> Drop for Waiter<Q> {
    fn drop(&mut self) {
        let mut queues = self.0.lock();
        // Whoever finds a stream free starts another for what waits for that.
        if queues.next_held().is_none() {
            queues.waiter = false;
            return;
        }
        drop(queues);
        Self::start(&self.0);
    }
}
