//! The waiting items: those that are ready, by stream, and those whose rows are locked by others.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    iter, mem,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use clowder_core::{Error, Result};
use tokio::sync::oneshot;

use super::{super::dialect::STREAMS, FULL, Queued, ROOM};
use crate::worker_pool::fair::{Caller, FairQueue};

pub struct Pending<Q: Queued> {
    pub item: Q,
    pub caller: Caller,
    pub answer: oneshot::Sender<Result<Q::Answer>>,
    pub give_up_at: Instant,
    pub claim: Claim,
}

/// Whether an item waits, is being written, or was withdrawn by its caller: a started item cannot be withdrawn, and a
/// withdrawn one is never started.
#[derive(Clone, Default)]
pub struct Claim(Arc<AtomicU8>);

const WAITS: u8 = 0;
const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Claim {
    fn step(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// `false` if it has been started.
    pub fn withdraw(&self) -> bool {
        self.step(WAITS, WITHDRAWN)
    }

    fn begin(&self) -> bool {
        self.step(WAITS, BEGUN) || self.0.load(Ordering::Acquire) == BEGUN
    }

    /// Nothing was written, and it waits again.
    fn wait_again(&self) {
        self.step(BEGUN, WAITS);
    }
}

impl<Q: Queued> Pending<Q> {
    pub fn answer(self, answer: Result<Q::Answer>) {
        // A caller who has left does not wait for the result.
        let _ = self.answer.send(answer);
    }

    /// Starts it, unless its caller has left.
    pub fn begin(&self) -> bool {
        !self.answer.is_closed() && self.claim.begin()
    }

    /// Returns it, unless its caller has left or has waited long enough.
    pub fn still_waiting(self) -> Option<Self> {
        if self.answer.is_closed() {
            return None;
        }
        if Instant::now() < self.give_up_at {
            return Some(self);
        }
        self.answer(Err(Error::unavailable("the rows of this write are locked by another transaction")));
        None
    }
}

pub struct Queues<Q: Queued> {
    /// Callers take turns here.
    ready: Vec<Ready<Q>>,
    ready_items: usize,
    /// The streams that have ready items and are not being written, in the order of their turns.
    due: VecDeque<usize>,
    /// How many jobs are queued or running.
    pub jobs: usize,
    /// How many of them have not taken their streams yet.
    starting: usize,
    /// Items whose rows are locked by others, and later ones for the same rows, in order.
    pub held: HashMap<Q::Key, VecDeque<Pending<Q>>>,
    /// How many of them there are.
    held_items: usize,
    /// The keys of `held`; the first is the next to be waited for.
    pub order: VecDeque<Q::Key>,
    /// Whether a waiter is queued or running.
    pub waiter: bool,
    /// Whether somebody else's transaction holds a stream: no batch takes it until it is free.
    stalled: [bool; STREAMS],
    /// Whether a watcher of these is queued or running.
    pub watcher: bool,
}

/// The ready items of one stream.
struct Ready<Q: Queued> {
    items: FairQueue<Pending<Q>>,
    /// Whether it has a turn or is being written.
    turn: bool,
}

impl<Q: Queued> Default for Queues<Q> {
    fn default() -> Self {
        Self {
            ready: (0..STREAMS).map(|_| Ready { items: FairQueue::new(ROOM), turn: false }).collect(),
            ready_items: 0,
            due: VecDeque::new(),
            jobs: 0,
            starting: 0,
            held: HashMap::new(),
            held_items: 0,
            order: VecDeque::new(),
            waiter: false,
            stalled: [false; STREAMS],
            watcher: false,
        }
    }
}

impl<Q: Queued> Queues<Q> {
    pub fn push(&mut self, pending: Pending<Q>) -> Result<()> {
        // Items for the same row stay in order.
        let held = self.held.contains_key(&pending.item.key());
        let full = || Error::unavailable("too many writes are waiting");
        if held {
            if self.held_items >= ROOM {
                return Err(full());
            }
            self.hold(pending);
            return Ok(());
        }
        if self.ready_items >= ROOM {
            return Err(full());
        }
        let stream = pending.item.stream();
        self.ready[stream].items.push(pending.caller, pending).map_err(|_| full())?;
        self.ready_items += 1;
        self.make_due(stream);
        Ok(())
    }

    fn make_due(&mut self, stream: usize) {
        if !self.stalled[stream] && !mem::replace(&mut self.ready[stream].turn, true) {
            self.due.push_back(stream);
        }
    }

    /// Whether to start another job, which is then counted: a stream waits for its turn, and nothing is being written or
    /// enough items wait to fill another batch.
    pub fn may_start(&mut self, most: usize) -> bool {
        let due = || self.due.iter().map(|stream| self.ready[*stream].items.len()).sum::<usize>();
        (self.jobs == 0 || due() >= FULL * self.jobs) && self.may_start_more(most)
    }

    /// The same, however many jobs are at work.
    pub fn may_start_more(&mut self, most: usize) -> bool {
        let starts = self.jobs < most && self.starting < self.due.len();
        self.jobs += usize::from(starts);
        self.starting += usize::from(starts);
        starts
    }

    /// A job could not be queued.
    pub fn not_started(&mut self) {
        self.jobs -= 1;
        self.starting -= 1;
    }

    /// A job has begun, and takes its streams now.
    pub fn begin(&mut self) {
        self.starting -= 1;
    }

    /// The stream that has waited longest.
    pub fn next_stream(&mut self) -> Option<usize> {
        self.due.pop_front()
    }

    /// A job that wrote these streams has ended.
    pub fn end(&mut self, streams: Vec<usize>) {
        self.jobs -= 1;
        streams.into_iter().for_each(|stream| self.end_turn(stream));
    }

    /// Somebody holds these streams. Their items, oldest first, wait before those that arrived later. Returns whether to
    /// start a watcher.
    pub fn stall(&mut self, streams: &[usize], items: Vec<Pending<Q>>) -> bool {
        for stream in streams {
            self.stalled[*stream] = true;
            if let Some(place) = self.due.iter().position(|due| due == stream) {
                self.due.remove(place);
                self.ready[*stream].turn = false;
            }
        }
        let mut later = Vec::new();
        for stream in streams {
            later.extend(iter::from_fn(|| self.pop(*stream)));
        }
        items.iter().for_each(|pending| pending.claim.wait_again());
        items.into_iter().chain(later).for_each(|pending| self.put_back_ready(pending));
        self.stalled.contains(&true) && !mem::replace(&mut self.watcher, true)
    }

    /// These streams are free.
    pub fn resume(&mut self, streams: &[usize]) {
        for stream in streams {
            self.stalled[*stream] = false;
            if !self.ready[*stream].items.is_empty() {
                self.make_due(*stream);
            }
        }
    }

    pub fn is_stalled(&self, stream: usize) -> bool {
        self.stalled[stream]
    }

    /// Drops what waits for these streams and whose callers have left, so that it takes no room from others.
    pub fn forget_withdrawn(&mut self, streams: &[usize]) {
        for stream in streams {
            let all: Vec<_> = iter::from_fn(|| self.pop(*stream)).collect();
            all.into_iter()
                .filter(|pending| !pending.answer.is_closed())
                .for_each(|pending| self.put_back_ready(pending));
        }
    }

    pub fn stalled(&self) -> Vec<usize> {
        (0..STREAMS).filter(|stream| self.stalled[*stream]).collect()
    }

    /// A stream has been written; items that arrived meanwhile wait for its next turn.
    fn end_turn(&mut self, stream: usize) {
        self.ready[stream].turn = false;
        if !self.ready[stream].items.is_empty() {
            self.make_due(stream);
        }
    }

    /// The next item of a stream.
    pub fn pop(&mut self, stream: usize) -> Option<Pending<Q>> {
        let (_, pending) = self.ready[stream].items.pop()?;
        self.ready_items -= 1;
        Some(pending)
    }

    /// Puts an item back that was already accepted, whether there is room or not.
    pub fn put_back_ready(&mut self, pending: Pending<Q>) {
        let stream = pending.item.stream();
        self.ready[stream].items.put_back(pending.caller, pending);
        self.ready_items += 1;
        self.make_due(stream);
    }

    /// Everything to lock for the first item of a held key.
    pub fn locks(&self, key: Q::Key) -> Option<Q::Locks> {
        self.held.get(&key)?.front().map(|pending| pending.item.locks())
    }

    fn stream_of(&self, key: Q::Key) -> Option<usize> {
        self.held.get(&key)?.front().map(|first| first.item.stream())
    }

    /// The held key that has waited longest, unless somebody holds its stream.
    pub fn next_held(&self) -> Option<Q::Key> {
        let is_stalled = |key: &Q::Key| self.stream_of(*key).is_some_and(|stream| self.stalled[stream]);
        self.order.iter().copied().find(|key| !is_stalled(key))
    }

    /// Its row is still locked; the others come first.
    pub fn wait_behind(&mut self, key: Q::Key) {
        self.order.retain(|held| *held != key);
        self.order.push_back(key);
    }

    /// The held keys by their stream, in their order, except those whose stream somebody holds.
    pub fn held_by_stream(&self) -> BTreeMap<usize, Vec<Q::Key>> {
        let mut keys = BTreeMap::<usize, Vec<Q::Key>>::new();
        for key in &self.order {
            if let Some(stream) = self.stream_of(*key).filter(|stream| !self.stalled[*stream]) {
                keys.entry(stream).or_default().push(*key);
            }
        }
        keys
    }

    pub fn hold(&mut self, pending: Pending<Q>) {
        pending.claim.wait_again();
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

    /// Takes at most `max` items of a held key, but keeps the key held.
    pub fn take(&mut self, key: Q::Key, max: usize) -> Vec<Pending<Q>> {
        let Some(items) = self.held.get_mut(&key) else { return Vec::new() };
        let taken: Vec<_> = items.drain(..items.len().min(max)).collect();
        self.held_items -= taken.len();
        taken.into_iter().filter_map(Pending::still_waiting).filter(Pending::begin).collect()
    }

    /// Puts items back before those that came after them.
    pub fn put_back(&mut self, key: Q::Key, items: Vec<Pending<Q>>) {
        self.held_items += items.len();
        if let Some(held) = self.held.get_mut(&key) {
            for item in items.into_iter().rev() {
                item.claim.wait_again();
                held.push_front(item);
            }
        }
    }

    /// Releases a key: `first` and the items behind it are ready.
    pub fn release(&mut self, key: Q::Key, first: Vec<Pending<Q>>) {
        self.order.retain(|held| *held != key);
        let rest = self.held.remove(&key).unwrap_or_default();
        self.held_items -= rest.len();
        first.iter().for_each(|pending| pending.claim.wait_again());
        first.into_iter().chain(rest).for_each(|pending| self.put_back_ready(pending));
    }

    pub fn refuse_ready(&mut self, error: &Error) {
        for stream in 0..STREAMS {
            while let Some(pending) = self.pop(stream) {
                pending.answer(Err(error.clone()));
            }
        }
        for stream in mem::take(&mut self.due) {
            self.ready[stream].turn = false;
        }
    }

    pub fn refuse_held(&mut self, error: &Error) {
        self.held_items = 0;
        self.order.clear();
        for pending in self.held.drain().flat_map(|(_, items)| items) {
            pending.answer(Err(error.clone()));
        }
    }
}
