//! Group commit: one transaction for the writes of many callers, who are answered one by one.
//!
//! A caller queues an item and waits. Whoever finds the queue idle starts one job on the writing lanes; the job takes
//! all that waits by then and writes it with one commit. A lone item waits for nobody, and no timer runs. When a
//! transaction fails, its items are tried one by one, so that a bad item fails alone.
//!
//! An item may need a row that somebody else has locked. It then steps aside and its batch goes on without it. One job
//! at a time, the [`Waiter`], looks after all such items: it tries them again together, waits a moment for the lock of
//! one of them, and starts over, until the row is free or the item gives up.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use clowder_core::{Error, Result};
use diesel::r2d2::R2D2Connection;
use tokio::sync::oneshot;

use super::{
    db::{Db, House, Tx, commit},
    dialect::{Conn, Seat},
};

/// More items than this in either queue are refused: whoever sends has to slow down.
const ROOM: usize = 10_000;
/// How long an item waits for a row that somebody else holds, before its caller hears "not now".
const GIVE_UP_AFTER: Duration = Duration::from_secs(4);
/// How long one transaction waits for the lock of one item.
pub const LOCK_WAIT: Duration = Duration::from_millis(200);

/// What can be queued.
pub trait Queued: Sized + Send + 'static {
    /// Names the row that must be locked to write the item.
    type Key: Copy + Eq + Hash + Send;
    type Answer: Send + 'static;
    /// The name of the histogram of how many items share a commit.
    const BATCH_SIZE: &'static str;

    fn key(&self) -> Self::Key;

    /// Writes a batch, and says in the order of the items what became of each. It locks their rows without waiting for
    /// anybody. An error undoes all of it and is a fault of ours; what an item is refused is its outcome.
    fn write_batch(tx: &mut Tx<'_>, items: &[&Self]) -> Result<Vec<Outcome<Self::Answer>>>;

    /// Locks the row, waiting for it no longer than [`LOCK_WAIT`].
    fn lock(tx: &mut Tx<'_>, key: Self::Key) -> Result<()>;
}

/// What became of one item of a batch.
pub enum Outcome<T> {
    Done(Result<T>),
    /// It depends on another item of this batch and must be tried again in a transaction of its own.
    Again,
    /// Somebody else holds its row.
    Held,
}

struct Pending<Q: Queued> {
    item: Q,
    answer: oneshot::Sender<Result<Q::Answer>>,
    give_up_at: Instant,
}

impl<Q: Queued> Pending<Q> {
    fn answer(self, answer: Result<Q::Answer>) {
        // Whoever left meanwhile does not wait for the answer.
        let _ = self.answer.send(answer);
    }

    /// Itself, unless its caller has left or has waited long enough.
    fn still_waiting(self) -> Option<Self> {
        if self.answer.is_closed() {
            return None;
        }
        if Instant::now() < self.give_up_at {
            return Some(self);
        }
        self.answer(Err(Error::unavailable("what this writes to is locked by somebody else")));
        None
    }
}

pub struct GroupCommit<Q: Queued>(Arc<Inner<Q>>);

struct Inner<Q: Queued> {
    db: Db,
    queues: Mutex<Queues<Q>>,
    /// The most items in one transaction.
    max: usize,
}

struct Queues<Q: Queued> {
    ready: VecDeque<Pending<Q>>,
    /// Whether a [`Turn`] is queued or at work that will come back for the rest.
    turn: bool,
    /// Items whose row somebody else holds, and those for the same row that came after them, in their order.
    held: HashMap<Q::Key, VecDeque<Pending<Q>>>,
    held_items: usize,
    /// The keys of `held`; the first is the next to be waited for.
    order: VecDeque<Q::Key>,
    /// Whether a [`Waiter`] is queued or at work.
    waiter: bool,
}

impl<Q: Queued> GroupCommit<Q> {
    /// At most `max` items share a commit.
    pub fn new(db: Db, max: usize) -> Self {
        let queues = Queues {
            ready: VecDeque::new(),
            turn: false,
            held: HashMap::new(),
            held_items: 0,
            order: VecDeque::new(),
            waiter: false,
        };
        Self(Arc::new(Inner { db, queues: Mutex::new(queues), max: max.max(1) }))
    }

    /// Waits until the item is written durably or refused; `Unavailable` when there is no room, and when its row stays
    /// locked by somebody else for seconds.
    pub async fn write(&self, item: Q) -> Result<Q::Answer> {
        let (answer, answered) = oneshot::channel();
        let pending = Pending { item, answer, give_up_at: Instant::now() + GIVE_UP_AFTER };
        if self.0.lock().push(pending)? {
            Turn::start(&self.0);
        }
        answered.await.unwrap_or_else(|_| Err(Error::internal("a queued write was dropped")))
    }
}

impl<Q: Queued> Inner<Q> {
    fn lock(&self) -> MutexGuard<'_, Queues<Q>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts items aside whose row somebody else holds, and sees to it that they are looked after.
    fn set_aside(self: &Arc<Self>, items: Vec<Pending<Q>>) {
        if items.is_empty() {
            return;
        }
        let mut queues = self.lock();
        for item in items {
            queues.hold(item);
        }
        // What came later for the same rows stays behind them.
        for pending in mem::take(&mut queues.ready) {
            match queues.held.contains_key(&pending.item.key()) {
                true => queues.hold(pending),
                false => queues.ready.push_back(pending),
            }
        }
        if !mem::replace(&mut queues.waiter, true) {
            drop(queues);
            Waiter::start(self);
        }
    }

    /// Lets a key go whose row is free; what came for it meanwhile is written like everything else.
    fn release(self: &Arc<Self>, key: Q::Key, first: Vec<Pending<Q>>) {
        if self.lock().release(key, first) {
            Turn::start(self);
        }
    }
}

impl<Q: Queued> Queues<Q> {
    /// Whether a turn has to be started.
    fn push(&mut self, pending: Pending<Q>) -> Result<bool> {
        // What came first for a row goes first.
        let held = self.held.contains_key(&pending.item.key());
        if (if held { self.held_items } else { self.ready.len() }) >= ROOM {
            return Err(Error::unavailable("too many writes wait"));
        }
        if held {
            self.hold(pending);
            return Ok(false);
        }
        self.ready.push_back(pending);
        Ok(!mem::replace(&mut self.turn, true))
    }

    fn hold(&mut self, pending: Pending<Q>) {
        let key = pending.item.key();
        self.held_items += 1;
        self.held
            .entry(key)
            .or_insert_with(|| {
                self.order.push_back(key);
                VecDeque::new()
            })
            .push_back(pending);
    }

    /// Takes at most `max` items of one held key, but leaves the key held.
    fn take(&mut self, key: Q::Key, max: usize) -> Vec<Pending<Q>> {
        let Some(items) = self.held.get_mut(&key) else { return Vec::new() };
        let taken: Vec<_> = items.drain(..items.len().min(max)).collect();
        self.held_items -= taken.len();
        taken.into_iter().filter_map(Pending::still_waiting).collect()
    }

    /// Puts items back in front of those that came after them.
    fn put_back(&mut self, key: Q::Key, items: Vec<Pending<Q>>) {
        self.held_items += items.len();
        if let Some(held) = self.held.get_mut(&key) {
            for item in items.into_iter().rev() {
                held.push_front(item);
            }
        }
    }

    /// Whether a turn has to be started.
    fn release(&mut self, key: Q::Key, first: Vec<Pending<Q>>) -> bool {
        self.order.retain(|held| *held != key);
        let rest = self.held.remove(&key).unwrap_or_default();
        self.held_items -= rest.len();
        self.ready.extend(first.into_iter().chain(rest));
        !self.ready.is_empty() && !mem::replace(&mut self.turn, true)
    }

    fn refuse_ready(&mut self, error: &Error) {
        for pending in self.ready.drain(..) {
            pending.answer(Err(error.clone()));
        }
    }

    fn refuse_held(&mut self, error: &Error) {
        self.held_items = 0;
        self.order.clear();
        for pending in self.held.drain().flat_map(|(_, items)| items) {
            pending.answer(Err(error.clone()));
        }
    }
}

/// One batch of what is ready. Dropping it, also by a panic, hands the rest to the next turn or ends the work.
struct Turn<Q: Queued>(Arc<Inner<Q>>);

impl<Q: Queued> Turn<Q> {
    /// The turn comes to be on the lane: a job that the full queue turned away takes nothing with it.
    fn start(inner: &Arc<Inner<Q>>) {
        let own = Arc::clone(inner);
        let job = move |seat: Result<&mut Seat>| Self(own).run(seat);
        if let Err(error) = inner.db.writers().push(Box::new(job)) {
            let mut queues = inner.lock();
            queues.turn = false;
            queues.refuse_ready(&error);
        }
    }

    fn run(self, seat: Result<&mut Seat>) -> bool {
        let batch: Vec<_> = {
            let mut queues = self.0.lock();
            let n = queues.ready.len().min(self.0.max);
            queues.ready.drain(..n).filter(|pending| !pending.answer.is_closed()).collect()
        };
        match seat {
            Ok(conn) => {
                let written = write(conn, self.0.db.house(), batch);
                self.0.set_aside(written.held);
                written.healthy
            }
            // Without a database nobody needs to wait for their turn to hear so.
            Err(error) => {
                for pending in batch {
                    pending.answer(Err(error.clone()));
                }
                self.0.lock().refuse_ready(&error);
                true
            }
        }
    }
}

impl<Q: Queued> Drop for Turn<Q> {
    fn drop(&mut self) {
        let mut queues = self.0.lock();
        if queues.ready.is_empty() {
            queues.turn = false;
            return;
        }
        drop(queues);
        Self::start(&self.0);
    }
}

/// One look at all items whose rows others hold. There is one waiter at a time, so locked rows occupy one lane however
/// many they are. Dropping it, also by a panic, starts the next or ends the work.
struct Waiter<Q: Queued>(Arc<Inner<Q>>);

impl<Q: Queued> Waiter<Q> {
    fn start(inner: &Arc<Inner<Q>>) {
        let own = Arc::clone(inner);
        let job = move |seat: Result<&mut Seat>| Self(own).run(seat);
        if let Err(error) = inner.db.writers().push(Box::new(job)) {
            let mut queues = inner.lock();
            queues.waiter = false;
            queues.refuse_held(&error);
        }
    }

    fn run(self, seat: Result<&mut Seat>) -> bool {
        match seat {
            Ok(conn) => self.write_the_free(conn) && self.wait_for_one(conn),
            Err(error) => {
                self.0.lock().refuse_held(&error);
                true
            }
        }
    }

    /// Tries all of them together; those whose rows are still locked stay where they are.
    fn write_the_free(&self, conn: &mut Conn) -> bool {
        let (mut tried, mut batch) = (Vec::new(), Vec::new());
        {
            let mut queues = self.0.lock();
            let keys: Vec<_> = queues.order.iter().copied().collect();
            for key in keys {
                let room = self.0.max - batch.len();
                if room == 0 {
                    break;
                }
                batch.extend(queues.take(key, room));
                tried.push(key);
            }
        }
        let written = write(conn, self.0.db.house(), batch);
        let mut held = HashMap::<_, Vec<_>>::new();
        for pending in written.held {
            held.entry(pending.item.key()).or_default().push(pending);
        }
        for key in tried {
            match held.remove(&key) {
                Some(items) => self.0.lock().put_back(key, items),
                None => self.0.release(key, Vec::new()),
            }
        }
        written.healthy
    }

    /// Waits in line for the row of one of them, which no longer polling could do as fairly and as promptly.
    fn wait_for_one(&self, conn: &mut Conn) -> bool {
        let Some(key) = self.0.lock().order.front().copied() else { return true };
        let house = self.0.db.house();
        let mut items = Vec::new();
        let began = Instant::now();
        let outcomes = commit(conn, house, |tx| {
            Q::lock(tx, key)?;
            items = self.0.lock().take(key, self.0.max);
            Q::write_batch(tx, &items.iter().map(|pending| &pending.item).collect::<Vec<_>>())
        });
        match outcomes {
            Ok(outcomes) => {
                let later = settle(items, outcomes);
                self.0.release(key, later.again.into_iter().chain(later.held).collect());
                true
            }
            Err(error) if !is_alive(conn) => {
                // Whether these were committed nobody can tell; the others have lost nothing but time.
                for pending in items {
                    pending.answer(Err(error.clone()));
                }
                false
            }
            // It was not the waiting that failed.
            Err(error) if items.is_empty() && began.elapsed() < LOCK_WAIT => {
                for pending in self.0.lock().take(key, usize::MAX) {
                    pending.answer(Err(error.clone()));
                }
                self.0.release(key, Vec::new());
                true
            }
            Err(_) if items.is_empty() => {
                let mut queues = self.0.lock();
                queues.order.rotate_left(1);
                true
            }
            Err(_) => {
                let written = write_alone(conn, house, items);
                self.0.release(key, written.held);
                written.healthy
            }
        }
    }
}

impl<Q: Queued> Drop for Waiter<Q> {
    fn drop(&mut self) {
        let mut queues = self.0.lock();
        if queues.held.is_empty() {
            queues.waiter = false;
            return;
        }
        drop(queues);
        Self::start(&self.0);
    }
}

struct Written<Q: Queued> {
    /// Whether the connection is still good.
    healthy: bool,
    held: Vec<Pending<Q>>,
}

/// Writes a batch and answers everybody but those whose rows others hold.
fn write<Q: Queued>(conn: &mut Conn, house: &House, batch: Vec<Pending<Q>>) -> Written<Q> {
    if batch.is_empty() {
        return Written { healthy: true, held: Vec::new() };
    }
    metrics::histogram!(Q::BATCH_SIZE).record(batch.len() as f64);
    let mut begun = false;
    let outcomes = commit(conn, house, |tx| {
        begun = true;
        Q::write_batch(tx, &batch.iter().map(|pending| &pending.item).collect::<Vec<_>>())
    });
    match outcomes {
        Ok(outcomes) => {
            let later = settle(batch, outcomes);
            let written = write_alone(conn, house, later.again);
            Written { healthy: written.healthy, held: later.held.into_iter().chain(written.held).collect() }
        }
        // No item can be at fault for this, and trying one by one would only take longer to say so.
        Err(error) if !begun || !is_alive(conn) => {
            for pending in batch {
                pending.answer(Err(error.clone()));
            }
            Written { healthy: false, held: Vec::new() }
        }
        Err(error) => {
            tracing::debug!(%error, items = batch.len(), "a batch failed; its items are tried one by one");
            write_alone(conn, house, batch)
        }
    }
}

/// Writes each item in a transaction of its own.
fn write_alone<Q: Queued>(conn: &mut Conn, house: &House, items: Vec<Pending<Q>>) -> Written<Q> {
    let mut written = Written { healthy: true, held: Vec::new() };
    let mut lost = None;
    for pending in items.into_iter().filter_map(Pending::still_waiting) {
        if let Some(error) = &lost {
            pending.answer(Err(Error::clone(error)));
            continue;
        }
        let mut alone = || commit(conn, house, |tx| Q::write_batch(tx, &[&pending.item]));
        // What another node commits at the same moment is found at the second look.
        let outcomes = alone().or_else(|_| alone());
        match outcomes.map(|mut outcomes| outcomes.pop()) {
            Ok(Some(Outcome::Held)) => written.held.push(pending),
            Ok(Some(Outcome::Done(answer))) => pending.answer(answer),
            Ok(Some(Outcome::Again) | None) => pending.answer(Err(Error::internal("a lone item depends on no other"))),
            Err(error) => {
                written.healthy = false;
                if !is_alive(conn) {
                    lost = Some(error.clone());
                }
                pending.answer(Err(error));
            }
        }
    }
    written
}

struct Later<Q: Queued> {
    again: Vec<Pending<Q>>,
    held: Vec<Pending<Q>>,
}

/// Answers those that are done.
fn settle<Q: Queued>(items: Vec<Pending<Q>>, outcomes: Vec<Outcome<Q::Answer>>) -> Later<Q> {
    let mut later = Later { again: Vec::new(), held: Vec::new() };
    for (pending, outcome) in items.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Done(answer) => pending.answer(answer),
            Outcome::Again => later.again.push(pending),
            Outcome::Held => later.held.push(pending),
        }
    }
    later
}

/// Asks the connection itself: the texts of errors depend on the language of the server.
fn is_alive(conn: &mut Conn) -> bool {
    !conn.is_broken() && conn.ping().is_ok()
}
