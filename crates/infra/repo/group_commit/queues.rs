//! What waits to be written: the items that are ready, and those whose rows somebody else holds.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use clowder_core::{Error, Result};
use tokio::sync::oneshot;

use super::{Queued, ROOM};
use crate::worker_pool::fair::{Caller, FairQueue};

pub struct Pending<Q: Queued> {
    pub item: Q,
    pub caller: Caller,
    pub answer: oneshot::Sender<Result<Q::Answer>>,
    pub give_up_at: Instant,
    pub claim: Claim,
}

/// Whether an item waits, is being written, or was withdrawn by its caller: what is begun cannot be withdrawn, and what
/// was withdrawn is never begun.
#[derive(Clone, Default)]
pub struct Claim(Arc<AtomicU8>);

const WAITS: u8 = 0;
const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Claim {
    fn step(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// `false` when it has been begun.
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
        // Whoever left meanwhile does not wait for the answer.
        let _ = self.answer.send(answer);
    }

    /// A transaction is to begin with it; not if its caller has left.
    pub fn begin(&self) -> bool {
        !self.answer.is_closed() && self.claim.begin()
    }

    /// Itself, unless its caller has left or has waited long enough.
    pub fn still_waiting(self) -> Option<Self> {
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

pub struct Queues<Q: Queued> {
    /// Callers take turns here.
    pub ready: FairQueue<Pending<Q>>,
    /// Whether a turn is queued or at work that will come back for the rest.
    pub turn: bool,
    /// Items whose row somebody else holds, and those for the same row that came after them, in their order.
    pub held: HashMap<Q::Key, VecDeque<Pending<Q>>>,
    held_items: usize,
    /// The keys of `held`; the first is the next to be waited for.
    pub order: VecDeque<Q::Key>,
    /// Whether a waiter is queued or at work.
    pub waiter: bool,
}

impl<Q: Queued> Default for Queues<Q> {
    fn default() -> Self {
        Self {
            ready: FairQueue::new(ROOM),
            turn: false,
            held: HashMap::new(),
            held_items: 0,
            order: VecDeque::new(),
            waiter: false,
        }
    }
}

impl<Q: Queued> Queues<Q> {
    /// Whether a turn has to be started.
    pub fn push(&mut self, pending: Pending<Q>) -> Result<bool> {
        // What came first for a row goes first.
        let held = self.held.contains_key(&pending.item.key());
        let full = || Error::unavailable("too many writes wait");
        if held {
            if self.held_items >= ROOM {
                return Err(full());
            }
            self.hold(pending);
            return Ok(false);
        }
        self.ready.push(pending.caller, pending).map_err(|_| full())?;
        Ok(!mem::replace(&mut self.turn, true))
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

    /// Takes at most `max` items of one held key, but leaves the key held.
    pub fn take(&mut self, key: Q::Key, max: usize) -> Vec<Pending<Q>> {
        let Some(items) = self.held.get_mut(&key) else { return Vec::new() };
        let taken: Vec<_> = items.drain(..items.len().min(max)).collect();
        self.held_items -= taken.len();
        taken.into_iter().filter_map(Pending::still_waiting).filter(Pending::begin).collect()
    }

    /// Puts items back in front of those that came after them.
    pub fn put_back(&mut self, key: Q::Key, items: Vec<Pending<Q>>) {
        self.held_items += items.len();
        if let Some(held) = self.held.get_mut(&key) {
            for item in items.into_iter().rev() {
                item.claim.wait_again();
                held.push_front(item);
            }
        }
    }

    /// Whether a turn has to be started.
    pub fn release(&mut self, key: Q::Key, first: Vec<Pending<Q>>) -> bool {
        self.order.retain(|held| *held != key);
        let rest = self.held.remove(&key).unwrap_or_default();
        self.held_items -= rest.len();
        first.iter().for_each(|pending| pending.claim.wait_again());
        first.into_iter().chain(rest).for_each(|pending| self.ready.put_back(pending.caller, pending));
        !self.ready.is_empty() && !mem::replace(&mut self.turn, true)
    }

    pub fn refuse_ready(&mut self, error: &Error) {
        while let Some((_, pending)) = self.ready.pop() {
            pending.answer(Err(error.clone()));
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
