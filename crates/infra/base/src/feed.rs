//! The feed: every committed change of the journal, once and in order, whoever committed it.
//!
//! Writers of this process hand their changes over right after the commit; that is only a hint. A follower knows
//! the position it has per stream, drops what it has seen, and reads from the journal whatever is missing: changes
//! of other processes, or hints that arrived out of order or were dropped.

mod inbox;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use clowder_core::{Journal, Positions, Recorded, Result, journal::Chunk};
use tokio::time::{Interval, MissedTickBehavior};

use self::inbox::{Hint, Inbox};
use crate::{Upkeep, store::Memory};

/// How much is read from the journal at a time, and so waits to be given out at most.
const CHUNK: Chunk = Chunk { rows: 500, octets: 1024 * 1024 };

/// Where writers hand over what they committed.
#[derive(Clone, Default)]
pub struct Feed {
    followers: Arc<Mutex<Vec<Weak<Inbox>>>>,
}

impl Feed {
    pub fn hand(&self, recorded: Vec<Recorded>) {
        if recorded.is_empty() {
            return;
        }
        let mut followers = self.lock();
        if followers.is_empty() {
            // Nobody listening is no loss: the journal has it.
            return;
        }
        let changes: Vec<_> = recorded.into_iter().map(Arc::new).collect();
        followers.retain(|follower| {
            let follower = follower.upgrade();
            follower.inspect(|inbox| inbox.put(&changes)).is_some()
        });
    }

    fn subscribe(&self) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        self.lock().push(Arc::downgrade(&inbox));
        inbox
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Inbox>>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a follower meets on its way through the journal.
#[derive(Debug, Clone)]
pub enum Followed {
    Change(Arc<Recorded>),
    /// Everything up to this position has been passed. What stands there cannot be read by this version.
    Unreadable {
        stream: usize,
        position: i64,
    },
    /// Changes up to this position were swept before they were followed: whoever lives by changes has missed some.
    Swept {
        stream: usize,
        position: i64,
    },
}

/// Follows the journal from a position onwards.
pub struct Follower {
    journal: Arc<dyn Journal>,
    hints: Arc<Inbox>,
    memory: Memory,
    upkeep: Arc<dyn Upkeep>,
    /// Everything up to here has been given out or is ready to be.
    known: Positions,
    /// The journal is known to reach at least this far.
    goal: Positions,
    ready: VecDeque<Followed>,
    /// When other processes' changes are looked for, however busy this one is.
    poll: Interval,
}

impl Follower {
    /// Starts at the present heads. `poll` is how often other processes' changes are looked for.
    pub async fn start(
        journal: Arc<dyn Journal>,
        feed: &Feed,
        memory: Memory,
        upkeep: Arc<dyn Upkeep>,
        poll: Duration,
    ) -> Result<Self> {
        let hints = feed.subscribe();
        let known = journal.extent().await?.heads;
        memory.profiles.followed();
        let mut poll = tokio::time::interval(poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let goal = known.clone();
        let follower = Self { journal, hints, memory, upkeep, known, goal, ready: VecDeque::new(), poll };
        // What happened between the opening of the store and this moment is in nobody's sight otherwise.
        follower.upkeep.recall().await?;
        Ok(follower)
    }

    /// Everything up to here has been given out or is about to be.
    pub fn known(&self) -> &Positions {
        &self.known
    }

    /// The next change that can be read. What else is met on the way is passed over; whoever must not miss a change
    /// calls [`Follower::step`].
    pub async fn next(&mut self) -> Result<Arc<Recorded>> {
        loop {
            if let Followed::Change(recorded) = self.step().await? {
                return Ok(recorded);
            }
        }
    }

    /// One step further. An error means that the journal could not be read just now; nothing is lost by calling
    /// again, nor by dropping the call half-way.
    pub async fn step(&mut self) -> Result<Followed> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(step);
            }
            if let Some(stream) = self.behind() {
                self.read(stream).await?;
                continue;
            }
            tokio::select! {
                biased;
                _ = self.poll.tick() => self.look().await?,
                hint = self.hints.next() => match hint {
                    Hint::Change(recorded) => self.accept(recorded),
                    Hint::Lost => self.look().await?,
                }
            }
        }
    }

    /// A stream that reaches further than what is known of it.
    fn behind(&self) -> Option<usize> {
        (0..self.goal.as_slice().len()).find(|stream| !self.known.cover(*stream, self.goal.get(*stream)))
    }

    /// Learns how far the journal reaches.
    async fn look(&mut self) -> Result<()> {
        let heads = self.journal.extent().await?.heads;
        for (stream, head) in heads.as_slice().iter().enumerate() {
            self.goal.advance(stream, *head);
        }
        Ok(())
    }

    fn accept(&mut self, recorded: Arc<Recorded>) {
        if recorded.position == self.known.get(recorded.stream) + 1 {
            self.take(recorded);
        } else {
            // One of those before it is missing, or it has been seen: what is missing is read.
            self.goal.advance(recorded.stream, recorded.position);
        }
    }

    /// Reads the next changes of a stream, as many as may be held at a time.
    async fn read(&mut self, stream: usize) -> Result<()> {
        let known = self.known.get(stream);
        let entries = self.journal.after(stream, known, CHUNK).await?;
        let next = entries.first().map_or(self.goal.get(stream) + 1, |entry| entry.position);
        if next > known + 1 && !self.pass(stream, next - 1).await? {
            return Ok(());
        }
        let mut unreadable = 0;
        for entry in entries {
            match entry.change {
                Some(recorded) => self.take(Arc::new(recorded)),
                None => {
                    unreadable += 1;
                    self.skip(stream, entry.position);
                }
            }
        }
        if unreadable > 0 {
            tracing::warn!(stream, unreadable, "changes that this version cannot read were skipped");
        }
        Ok(())
    }

    /// Goes on although there is nothing up to `position`. Only the floor tells what was swept; everything else that is
    /// missing was never there for us. Answers whether all of it has been passed.
    async fn pass(&mut self, stream: usize, position: i64) -> Result<bool> {
        let floor = self.journal.extent().await?.floors.get(stream);
        let known = self.known.get(stream);
        if floor > known {
            tracing::warn!(stream, known, floor, "changes were swept before they were followed");
            // What is kept in memory begins anew.
            self.memory.forget();
            self.upkeep.recall().await?;
            self.known.advance(stream, floor);
            self.ready.push_back(Followed::Swept { stream, position: floor });
        } else {
            tracing::error!(stream, known, position, "the journal has a gap");
            self.skip(stream, position);
        }
        Ok(self.known.cover(stream, position))
    }

    fn skip(&mut self, stream: usize, position: i64) {
        self.known.advance(stream, position);
        metrics::counter!("clowder_journal_unreadable_total").increment(1);
        self.ready.push_back(Followed::Unreadable { stream, position });
    }

    fn take(&mut self, recorded: Arc<Recorded>) {
        if self.known.cover(recorded.stream, recorded.position) {
            return;
        }
        self.known.advance(recorded.stream, recorded.position);
        self.memory.note(&recorded);
        self.ready.push_back(Followed::Change(recorded));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.memory.unfollowed();
    }
}
