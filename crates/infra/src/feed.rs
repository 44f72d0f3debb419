//! The feed: every committed change of the journal, once and in order, whoever committed it.
//!
//! Writers of this process hand their changes over right after the commit; that is only a hint. A follower knows
//! the position it has per stream, drops what it has seen, and reads from the journal whatever is missing: changes
//! of other processes, or hints that arrived out of order or were lost.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use clowder_core::{Journal, Positions, Recorded, Result};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Interval, MissedTickBehavior},
};

use crate::{Upkeep, store::Memory};

/// How many changes are read from the journal at a time.
const CHUNK: usize = 500;

/// Where writers hand over what they committed.
#[derive(Clone)]
pub struct Feed {
    hints: broadcast::Sender<Arc<Vec<Arc<Recorded>>>>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { hints: broadcast::channel(1024).0 }
    }
}

impl Feed {
    pub fn hand(&self, recorded: Vec<Recorded>) {
        if !recorded.is_empty() && self.hints.receiver_count() > 0 {
            let hint = Arc::new(recorded.into_iter().map(Arc::new).collect());
            // Nobody listening is no loss: the journal has it.
            let _ = self.hints.send(hint);
        }
    }
}

/// Follows the journal from a position onwards.
pub struct Follower {
    journal: Arc<dyn Journal>,
    hints: broadcast::Receiver<Arc<Vec<Arc<Recorded>>>>,
    memory: Memory,
    upkeep: Arc<dyn Upkeep>,
    known: Positions,
    ready: VecDeque<Arc<Recorded>>,
    /// When other processes' changes are looked for, however busy this one is.
    poll: Interval,
}

impl Follower {
    /// Starts at the present heads. `poll` is how often other processes' changes are looked for.
    pub(crate) async fn start(
        journal: Arc<dyn Journal>,
        feed: &Feed,
        memory: Memory,
        upkeep: Arc<dyn Upkeep>,
        poll: Duration,
    ) -> Result<Self> {
        let hints = feed.hints.subscribe();
        let known = journal.extent().await?.heads;
        memory.profiles.followed();
        let mut poll = tokio::time::interval(poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let follower = Self { journal, hints, memory, upkeep, known, ready: VecDeque::new(), poll };
        // What happened between the opening of the store and this moment is in nobody's sight otherwise.
        follower.upkeep.recall().await?;
        Ok(follower)
    }

    /// Everything up to here has been given out or is about to be.
    pub fn known(&self) -> &Positions {
        &self.known
    }

    /// The next change. An error means that the journal could not be read just now; nothing is lost by calling
    /// again, nor by dropping the call half-way.
    pub async fn next(&mut self) -> Result<Arc<Recorded>> {
        loop {
            if let Some(recorded) = self.ready.pop_front() {
                return Ok(recorded);
            }
            tokio::select! {
                biased;
                _ = self.poll.tick() => self.catch_up().await?,
                hint = self.hints.recv() => match hint {
                    Ok(hint) => {
                        for recorded in hint.iter() {
                            self.accept(recorded).await?;
                        }
                    }
                    // Too many to hold, or the store is gone: the journal has them.
                    Err(RecvError::Lagged(_)) => self.catch_up().await?,
                    Err(RecvError::Closed) => {
                        self.poll.tick().await;
                        self.catch_up().await?;
                    }
                }
            }
        }
    }

    async fn accept(&mut self, recorded: &Arc<Recorded>) -> Result<()> {
        if recorded.position > self.known.get(recorded.stream) + 1 {
            self.read_up_to(recorded.stream, recorded.position).await?;
        }
        if recorded.position == self.known.get(recorded.stream) + 1 {
            self.take(Arc::clone(recorded));
        }
        Ok(())
    }

    async fn catch_up(&mut self) -> Result<()> {
        let heads = self.journal.extent().await?.heads;
        for (stream, head) in heads.as_slice().iter().enumerate() {
            self.read_up_to(stream, *head).await?;
        }
        Ok(())
    }

    async fn read_up_to(&mut self, stream: usize, position: i64) -> Result<()> {
        while self.known.get(stream) < position {
            let known = self.known.get(stream);
            let changes = self.journal.after(stream, known, CHUNK).await?;
            let Some(first) = changes.first() else {
                self.relearn(stream, known, position).await?;
                self.known.advance(stream, position);
                break;
            };
            if first.position != known + 1 {
                self.relearn(stream, known, first.position).await?;
            }
            for recorded in changes {
                self.take(Arc::new(recorded));
            }
        }
        Ok(())
    }

    /// A node that slept longer than the journal remembers: its clients are told so when they resume, and what it
    /// keeps in memory begins anew.
    async fn relearn(&self, stream: usize, known: i64, next: i64) -> Result<()> {
        tracing::warn!(stream, known, next, "changes were swept before they were followed");
        self.memory.forget();
        self.upkeep.recall().await
    }

    fn take(&mut self, recorded: Arc<Recorded>) {
        self.known.advance(recorded.stream, recorded.position);
        self.memory.note(&recorded);
        self.ready.push_back(recorded);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.memory.unfollowed();
    }
}
