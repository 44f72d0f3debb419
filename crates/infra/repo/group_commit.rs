//! Group commit: one transaction for the writes of many callers, each of whom gets an individual answer.
//!
//! Each stream of the journal has a queue of its own, and only one batch of a node writes to a stream at a time: a
//! writer holds its place in a stream until it commits, so a second batch would only wait for the first.
//!
//! A caller queues an item and waits. If no batch is being written, a job starts on the writing workers. It takes
//! the streams that have waited longest, until its batch is full, and writes all of them with one commit. Further jobs
//! start only when enough items wait to fill them, or one has waited for a while: a commit costs about the same for one
//! item as for many. A lone item waits for nobody, and no timer runs. When a transaction fails, its items are tried one
//! by one, so that a bad item fails alone. Callers take turns in a queue, and a batch is bounded in octets: whoever
//! writes much waits for themselves.
//!
//! Nodes take turns, too: a batch locks its streams before anything else, so it waits for the commit of another node that
//! writes to one of them, and then takes what has arrived here meanwhile.
//!
//! Somebody may hold a stream for longer: a node that is stuck before its commit, or an administrator. A batch waits no
//! longer than a moment, and is written without the items of that stream. The stream is stalled until a watcher, one per
//! node for all such streams, finds it free.
//!
//! An item may need a row that another transaction has locked. It is then put aside, and its batch continues without
//! it. One job at a time, the waiter, handles all such items: it tries them again together, waits a moment for the lock
//! of one of them, and starts over, until the row is free or the item gives up.
//!
//! A caller is answered in time even if the connection hangs: an item that has not been started is withdrawn after a
//! while; for one that is being written the answer is that the outcome is unknown.

mod queues;
mod waiter;
mod watcher;
mod write;

use std::{
    hash::Hash,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use clowder_core::{Cause, Error, Result};
use tokio::{
    sync::oneshot::{self, error::RecvError},
    time::timeout,
};

use queues::{Claim, Pending, Queues};
use waiter::Waiter;
use watcher::Watcher;
use write::{Stalled, write};

use super::{
    db::{Db, Tx},
    dialect::{PooledConn, STREAMS},
};
use crate::worker_pool::fair::Caller;

/// If more items than this are ready or held, further ones are refused: senders have to slow down.
const ROOM: usize = 10_000;
/// A batch that has this many items takes no further stream, and so many that wait are worth a commit of their own.
/// While fewer wait, one batch is written at a time. Measured: see "Sends that share a commit, by stream" in
/// bench/README.md.
pub const FULL: usize = 32;
/// A batch with this much text is large enough.
const BATCH_OCTETS: usize = 256 << 10;
/// A batch with this many claims is large enough: PostgreSQL has room for some thousand locks in total.
const BATCH_CLAIMS: usize = 128;
/// How long an item waits for a locked row before its caller is refused.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(4);
const STALLED: &str = "another transaction holds the part of the journal that this write belongs to";
/// How long one transaction waits for the lock of one item, or of a stream.
pub const LOCK_WAIT: Duration = Duration::from_millis(200);

/// What can be queued.
pub trait Queued: Sized + Send + 'static {
    /// Identifies the row that must be locked to write the item.
    type Key: Copy + Eq + Hash + Send;
    /// Everything that must be locked to write an item.
    type Locks: Send;
    type Answer: Send + 'static;

    /// Reports to the metrics how many items share a commit.
    fn note_batch<'a>(items: impl Iterator<Item = &'a Self>);

    fn key(&self) -> Self::Key;

    /// The stream of the journal that it writes to. Items with the same key write to the same stream.
    fn stream(&self) -> usize;

    /// The size of its text.
    fn octets(&self) -> usize;

    /// How many claims it holds while it is written.
    fn claims(&self) -> usize;

    fn locks(&self) -> Self::Locks;

    /// Writes a batch, and returns the result of each item, in order. It locks their rows without waiting. An error
    /// rolls everything back and is a fault of ours; if an item is refused, that is its outcome.
    fn write_batch(tx: &mut Tx<'_>, items: &[&Self]) -> Result<Vec<Outcome<Self::Answer>>>;

    /// Locks everything that a batch may find locked, waiting for each at most [`LOCK_WAIT`].
    fn lock(tx: &mut Tx<'_>, locks: Self::Locks) -> Result<()>;
}

/// The result of one item of a batch.
pub enum Outcome<T> {
    Done(Result<T>),
    /// It depends on another item of this batch and must be retried once that is committed.
    Again,
    /// Another transaction holds a lock that it needs.
    Held,
}

impl<T> Outcome<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(answer) => Outcome::Done(answer.map(f)),
            Self::Again => Outcome::Again,
            Self::Held => Outcome::Held,
        }
    }
}

pub struct GroupCommit<Q: Queued>(Arc<Inner<Q>>);

struct Inner<Q: Queued> {
    db: Db,
    queues: Mutex<Queues<Q>>,
    /// The maximum number of items per transaction.
    max: usize,
    /// The maximum number of batches that are written at the same time.
    jobs: usize,
    /// How long an item may wait and then take to be written.
    limit: Option<Duration>,
}

impl<Q: Queued> GroupCommit<Q> {
    /// At most `max` items share a commit, and at most `jobs` batches are written at the same time. Callers are answered
    /// within `limit`, if there is one.
    pub fn new(db: Db, max: usize, jobs: usize, limit: Option<Duration>) -> Self {
        Self(Arc::new(Inner { db, queues: Mutex::default(), max: max.max(1), jobs: jobs.max(1), limit }))
    }

    /// Waits until the item is durable or refused; `Unavailable` if there is no room, no connection was free in time,
    /// its row stays locked for seconds, or the database does not respond in time. In the last case the outcome is
    /// unknown.
    pub async fn write(&self, item: Q) -> Result<Q::Answer> {
        let (answer, mut answered) = oneshot::channel();
        let (asked, claim) = (Instant::now(), Claim::default());
        let (stream, caller, give_up_at) = (item.stream(), Caller::current(), asked + GIVE_UP_AFTER);
        let pending = Pending { item, caller, answer, give_up_at, claim: claim.clone() };
        let start = {
            let mut queues = self.0.lock();
            queues.push(pending)?;
            queues.may_start(self.0.jobs)
        };
        if start {
            BatchJob::start(&self.0);
        }
        let writers = self.0.db.writers();
        let mut answer = by(asked + LOCK_WAIT, &mut answered).await;
        if answer.is_none() {
            // The jobs at work may be waiting for locks.
            if self.0.lock().may_start_more(self.0.jobs) {
                BatchJob::start(&self.0);
            }
            answer = by(asked + writers.patience().min(GIVE_UP_AFTER), &mut answered).await;
        }
        if answer.is_none() && claim.withdraw() {
            let is_stalled = self.0.lock().is_stalled(stream);
            return Err(if is_stalled { Error::unavailable(STALLED) } else { writers.given_up() });
        }
        if answer.is_none() {
            answer = match self.0.limit {
                Some(limit) => by(asked + limit, &mut answered).await,
                None => Some(answered.await),
            };
        }
        let silent = || Error::outage(Cause::Overdue, "the database did not answer in time");
        answer.ok_or_else(silent)?.unwrap_or_else(|_| Err(Error::internal("a queued write was dropped")))
    }
}

/// The result if it arrives in time, otherwise `None`.
async fn by<T>(moment: Instant, answered: &mut oneshot::Receiver<T>) -> Option<Result<T, RecvError>> {
    loop {
        match timeout(moment.saturating_duration_since(Instant::now()), &mut *answered).await {
            Ok(answered) => return Some(answered),
            // A test may have paused the runtime's clock.
            Err(_) if Instant::now() < moment => {}
            Err(_) => return None,
        }
    }
}

impl<Q: Queued> Inner<Q> {
    fn lock(&self) -> MutexGuard<'_, Queues<Q>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts items aside whose rows are locked, and makes sure that the waiter handles them.
    fn set_aside(self: &Arc<Self>, items: Vec<Pending<Q>>) {
        if items.is_empty() {
            return;
        }
        let mut queues = self.lock();
        let mut streams = [false; STREAMS];
        for item in items {
            streams[item.item.stream()] = true;
            queues.hold(item);
        }
        // Later items for the same rows stay behind them.
        for stream in (0..STREAMS).filter(|stream| streams[*stream]) {
            let mut free = Vec::new();
            while let Some(pending) = queues.pop(stream) {
                match queues.held.contains_key(&pending.item.key()) {
                    true => queues.hold(pending),
                    false => free.push(pending),
                }
            }
            free.into_iter().for_each(|pending| queues.put_back_ready(pending));
        }
        if !mem::replace(&mut queues.waiter, true) {
            drop(queues);
            Waiter::start(self);
        }
    }

    /// Keeps the streams that somebody holds out of batches, and makes sure that they are watched.
    fn stall(self: &Arc<Self>, stalled: Stalled<Q>) {
        if stalled.streams.is_empty() {
            return;
        }
        let start = self.lock().stall(&stalled.streams, stalled.items);
        if start {
            Watcher::start(self);
        }
    }

    /// These streams are free: their items are written as usual.
    fn resume(self: &Arc<Self>, streams: &[usize]) {
        let (start, wait) = {
            let mut queues = self.lock();
            queues.resume(streams);
            let wait = queues.next_held().is_some() && !mem::replace(&mut queues.waiter, true);
            (queues.may_start(self.jobs), wait)
        };
        if start {
            BatchJob::start(self);
        }
        if wait {
            Waiter::start(self);
        }
    }

    /// Releases a key whose row is free; its later items are written as usual.
    fn release(self: &Arc<Self>, key: Q::Key, first: Vec<Pending<Q>>) {
        let start = {
            let mut queues = self.lock();
            queues.release(key, first);
            queues.may_start(self.jobs)
        };
        if start {
            BatchJob::start(self);
        }
    }
}

/// One batch of what is ready in the streams that have waited longest. Dropping it, also by a panic, ends their turns, and
/// starts the next batch if one is due.
struct BatchJob<Q: Queued> {
    inner: Arc<Inner<Q>>,
    /// The streams whose turn it is.
    streams: Vec<usize>,
}

impl<Q: Queued> BatchJob<Q> {
    /// The streams are chosen on the worker: a job that the full queue refused takes nothing with it.
    fn start(inner: &Arc<Inner<Q>>) {
        let own = Arc::clone(inner);
        let job = move |conn: Result<&mut PooledConn>| Self { inner: own, streams: Vec::new() }.run(conn);
        if let Err(error) = inner.db.writers().push(Box::new(job)) {
            let mut queues = inner.lock();
            queues.not_started();
            queues.refuse_ready(&error);
        }
    }

    fn run(mut self, conn: Result<&mut PooledConn>) -> bool {
        let batch = self.take();
        match conn {
            Ok(conn) => {
                let written = write(conn, self.inner.db.services(), batch, &mut |batch| self.join(batch));
                self.inner.stall(written.stalled);
                self.inner.set_aside(written.held);
                // If no transaction can be started, nobody needs to wait for their turn to be told.
                if let Some(error) = written.none_can_begin {
                    self.inner.lock().refuse_ready(&error);
                }
                written.healthy
            }
            // Without a database nobody needs to wait for their turn to be told.
            Err(error) => {
                for pending in batch {
                    pending.answer(Err(error.clone()));
                }
                self.inner.lock().refuse_ready(&error);
                true
            }
        }
    }

    fn take(&mut self) -> Vec<Pending<Q>> {
        let (mut batch, mut queues) = (Vec::new(), self.inner.lock());
        queues.begin();
        while batch.len() < FULL && self.has_room(&batch) {
            let Some(stream) = queues.next_stream() else { break };
            self.streams.push(stream);
            self.fill(&mut batch, &mut queues, stream);
        }
        batch
    }

    /// Adds what has arrived while the batch waited for its streams, perhaps for the commit of another node.
    fn join(&self, batch: &mut Vec<Pending<Q>>) {
        let mut queues = self.inner.lock();
        for stream in &self.streams {
            self.fill(batch, &mut queues, *stream);
        }
    }

    fn fill(&self, batch: &mut Vec<Pending<Q>>, queues: &mut Queues<Q>, stream: usize) {
        while self.has_room(batch) {
            let Some(pending) = queues.pop(stream) else { break };
            if pending.begin() {
                batch.push(pending);
            }
        }
    }

    fn has_room(&self, batch: &[Pending<Q>]) -> bool {
        let all = |of: fn(&Q) -> usize| batch.iter().map(|pending| of(&pending.item)).sum::<usize>();
        batch.len() < self.inner.max && all(Q::octets) < BATCH_OCTETS && all(Q::claims) < BATCH_CLAIMS
    }
}

impl<Q: Queued> Drop for BatchJob<Q> {
    fn drop(&mut self) {
        let again = {
            let mut queues = self.inner.lock();
            queues.end(mem::take(&mut self.streams));
            queues.may_start(self.inner.jobs)
        };
        if again {
            Self::start(&self.inner);
        }
    }
}
