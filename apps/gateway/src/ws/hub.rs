//! The hub: one per process, it follows the journal once and hands every change to the sockets it concerns.
//!
//! Users are spread over shards, each with a lock and a task of its own; every shard takes every change, in the order of
//! the journal, so that each socket hears them in that order and each shard knows how far it has got. A shard knows for
//! each of its users who is here which topics they follow. That is loaded when the user's first socket arrives, as it was
//! at the place that the shard had reached by then, and from then on kept by the very changes that pass through: whatever
//! makes somebody follow a topic or leave it says so itself. So nobody hears what happened before they entered or after
//! they left, however far the hub is behind the database.

mod follows;
mod shard;
mod shards;
mod typing;

#[cfg(test)]
mod load;

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clowder_core::{ChatId, Error, Journal, Passing, Positions, Result, Scopes, Topic, UserId, Via};
use clowder_infra::{Followed, Follower, turns::Turns};
use clowder_messaging::CHAT;
use tokio::sync::{Notify, Semaphore};

use self::{
    shard::{Shard, Step},
    shards::{Dispatch, Shards},
    typing::TypingList,
};
use super::{cursor::Sealer, frame::Durable, send_queue::SendQueue};
use crate::{clock, stop::Stop};

/// How long a socket waits for its turn to read: while the database is silent, others hold all turns.
pub const TURN_WITHIN: Duration = Duration::from_secs(30);
/// How often those who type are looked at.
const TYPING_TICK: Duration = Duration::from_millis(500);

pub struct Hub {
    shards: Shards,
    typing: Mutex<Typing>,
    /// Somebody's typing is to be told.
    typed: Notify,
    stopping: AtomicBool,
    pub sealer: Sealer,
    pub journal: Arc<dyn Journal>,
    /// How many resuming sockets may read the journal at the same time: after a restart all come back at once, and half of
    /// the connections that read are for everybody else.
    pub replays: Semaphore,
    /// Of each person one at a time, however many sockets they have.
    pub replays_of: Turns<UserId>,
}

#[derive(Default)]
struct Typing {
    list: TypingList,
    /// What the others are to be told, oldest first: starts and stops of one person must not change places.
    to_tell: Vec<(UserId, Passing)>,
}

/// A socket that has been attached, and from where on it gets live events.
pub struct Attached {
    pub queue: Arc<SendQueue>,
    pub live_from: Positions,
    /// What its user follows there.
    pub followed: Arc<[Topic]>,
}

impl Hub {
    /// `read_connections` says how many can read the database at the same time.
    pub fn new(sealer: Sealer, journal: Arc<dyn Journal>, known: &Positions, read_connections: usize) -> Self {
        Self {
            shards: Shards::new(known),
            typing: Mutex::default(),
            typed: Notify::new(),
            stopping: AtomicBool::new(false),
            sealer,
            journal,
            replays: Semaphore::new((read_connections / 2).max(1)),
            replays_of: Turns::new(1, TURN_WITHIN),
        }
    }

    /// Follows the journal until the process stops; then sends every socket elsewhere. The shards work on the runtime that
    /// runs this.
    pub async fn run(self: Arc<Self>, mut follower: Follower, mut stop: Stop) {
        let dispatch = self.shards.start();
        let mut positions = follower.known().clone();
        let follow = async {
            loop {
                match follower.step().await {
                    Ok(step) => dispatch.send(step_for_shards(step, &mut positions)).await,
                    Err(error) => {
                        tracing::warn!(%error, "the journal cannot be followed just now");
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            }
        };
        // Neither may cut the other short: following reads the journal in between.
        tokio::select! {
            () = stop.wait() => {}
            () = follow => {}
            () = self.tell_typing(&dispatch) => {}
        }
        self.stopping.store(true, Ordering::Release);
        self.shards.all().for_each(|shard| shard.stop());
    }

    /// Attaches a socket, which hears no more than its `scopes` let it read. When `since` is given, waits until this node
    /// has got at least as far: a cursor may come from a node that was ahead.
    pub async fn attach(
        &self,
        user: UserId,
        via: Via,
        scopes: Option<Scopes>,
        since: Option<&Positions>,
    ) -> Result<Attached> {
        let shard = self.shards.of(user);
        loop {
            let arrival = shard.arrive(user);
            let followed = match arrival.to_load.clone() {
                Some(at) => Some(self.journal.followed(user, at).await?),
                None => None,
            };
            if let Some(since) = since {
                reach(shard, since).await?;
            }
            // Without an answer, what was known or loaded is not true any more.
            if let Some(attached) = arrival.attach(via, scopes.clone(), followed)? {
                return Ok(attached);
            }
        }
    }

    pub fn detach(&self, queue: &Arc<SendQueue>) {
        self.shards.of(queue.user).detach(queue);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether a user who is here follows a chat.
    pub fn follows(&self, user: UserId, chat: ChatId) -> bool {
        self.shards.of(user).follows(user, Topic::new(CHAT, chat))
    }

    /// Somebody types, or has stopped.
    pub fn typing(&self, user: UserId, chat: ChatId, on: bool) {
        let now = clock::now();
        let mut typing = self.lock_typing();
        if let Some(passing) = typing.list.set(user, chat, on, now) {
            typing.to_tell.push((user, passing));
            self.typed.notify_one();
        }
    }

    async fn tell_typing(&self, dispatch: &Dispatch) {
        let mut tick = tokio::time::interval(TYPING_TICK);
        loop {
            let due = tokio::select! {
                () = self.typed.notified() => false,
                _ = tick.tick() => true,
            };
            let to_tell = {
                let mut typing = self.lock_typing();
                if due {
                    let due = typing.list.due(clock::now());
                    typing.to_tell.extend(due);
                }
                mem::take(&mut typing.to_tell)
            };
            for (user, passing) in to_tell {
                dispatch.send(Step::passing(&passing, user)).await;
            }
        }
    }

    fn lock_typing(&self) -> MutexGuard<'_, Typing> {
        self.typing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The positions up to a change stand in its cursor; they are the same in every shard, and written once.
fn step_for_shards(step: Followed, positions: &mut Positions) -> Step {
    match step {
        Followed::Change(recorded) => {
            metrics::gauge!("clowder_journal_lag_seconds").set(clock::now().since(recorded.at).as_secs_f64());
            positions.advance(recorded.stream, recorded.position);
            Step::Change(Arc::new(Durable::new(recorded, Sealer::pack(positions))))
        }
        Followed::Unreadable { stream, position } => {
            positions.advance(stream, position);
            Step::Unreadable { stream, position }
        }
        Followed::Swept { stream, position } => {
            positions.advance(stream, position);
            Step::Swept { stream, position }
        }
    }
}

async fn reach(shard: &Shard, since: &Positions) -> Result<()> {
    for _ in 0..100 {
        if shard.reaches(since) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Error::unavailable("this node lags behind the cursor"))
}
