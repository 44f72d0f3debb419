//! The hub: one per process. It follows the journal once and delivers each change to the sockets that should receive
//! it.
//!
//! Users are spread over shards, each with a lock and a task of its own. Every shard processes every change in journal
//! order, so that each socket receives changes in that order and each shard knows its position. A shard knows which
//! topics each of its connected users follows. That is loaded when the user's first socket arrives, as of the shard's
//! position at that moment, and then kept up to date by the changes themselves: a change that makes somebody follow or
//! leave a topic says so. So nobody receives events from before they entered or after they left, however far the hub is
//! behind the database.

mod canary;
mod follows;
mod resuming;
mod shard;
mod shards;
mod signals;
mod signals_elsewhere;
mod watching;

#[cfg(test)]
mod load;

use std::{
    collections::HashSet,
    mem,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clowder_core::{
    Error, Journal, Recorded, Result, Scopes, Timestamp, Topic, UserId, Via, follow::Following, journal::Others,
};
use clowder_infra::{Followed, Follower, bus::Exchange, keys, online::Online};
use tokio::sync::Notify;

use self::{
    follows::Loaded,
    resuming::{Resuming, Turn},
    shard::{Queues, Shard, Step},
    shards::{Dispatch, Shards},
    signals::{Signals, Telling},
};
use super::{
    close::Close,
    cursor::{Place, Sealer},
    events::{is_completed, meets},
    frame::Durable,
    polls::Polls,
    send_queue::SendQueue,
};
use crate::{clock, stop::Stop};
pub use canary::Canary;
pub use signals::{Hearers, Signal};
pub use signals_elsewhere::Passed;

/// A node that stops closes its sockets in at most so many waves, with at least so many sockets in each.
const WAVES: usize = 100;
const WAVE: usize = 50;
/// The time from one wave to the next, in milliseconds: not always the same, so that the nodes of a cluster do not send their
/// waves together.
const BETWEEN_WAVES: RangeInclusive<u64> = 50..=150;
/// How long an event may wait for what people wrote.
const COMPLETE_WITHIN: Duration = Duration::from_millis(500);
/// How often signals are checked.
const SIGNAL_TICK: Duration = Duration::from_millis(500);

pub struct Hub {
    shards: Shards,
    signals: Mutex<Given>,
    /// Notifies the loop that a signal has to be sent.
    given: Notify,
    stopping: AtomicBool,
    pub sealer: Sealer,
    pub journal: Arc<dyn Journal>,
    online: Arc<Online>,
    /// The other nodes.
    exchange: Arc<Exchange>,
    pub resuming: Resuming,
    pub polls: Polls,
}

#[derive(Default)]
struct Given {
    signals: Signals,
    /// Signals to send, oldest first: starts and stops of one person must stay in order.
    to_tell: Vec<Telling>,
}

/// An attached socket, and the position from which it gets live events.
pub struct Attached {
    pub queue: Arc<SendQueue>,
    pub live_from: Place,
    /// The topics that its user follows at that position.
    pub followed: Arc<[Following]>,
    /// Whose messages its user hides.
    pub hidden: Arc<HashSet<UserId>>,
}

impl Hub {
    /// `read_connections` is the number of connections that read, `room` that of octets that may wait for a socket.
    pub fn new(
        sealer: Sealer,
        journal: Arc<dyn Journal>,
        online: Arc<Online>,
        exchange: Arc<Exchange>,
        known: &Place,
        read_connections: usize,
        room: usize,
    ) -> Self {
        let resuming = Resuming::new(Arc::clone(&journal), read_connections);
        Self {
            shards: Shards::new(known, room),
            signals: Mutex::default(),
            given: Notify::new(),
            stopping: AtomicBool::new(false),
            sealer,
            journal,
            online,
            exchange,
            resuming,
            polls: Polls::default(),
        }
    }

    /// Follows the journal until the process stops and every socket has been asked to reconnect elsewhere. The shards
    /// run on the runtime that calls this.
    pub async fn run(self: Arc<Self>, mut follower: Follower, mut stop: Stop) {
        let dispatch = self.shards.start();
        let mut place = Place::new(follower.epoch(), follower.known().clone());
        let follow = async {
            loop {
                match follower.step().await {
                    Ok(step) => {
                        self.mind_presence(&step);
                        let step = self.complete(step).await;
                        dispatch.send(step_for_shards(step, &mut place, &self.sealer)).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot read the journal right now");
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            }
        };
        // Neither branch may cancel the other: following reads the journal in between.
        tokio::select! {
            () = async { stop.wait().await; self.send_away().await } => {}
            () = follow => {}
            () = self.tell_signals(&dispatch) => {}
        }
    }

    /// An event that is in the journal without what people wrote, as its owner sees it now. Only those of people who are
    /// here are read; if the database does not answer soon, the event goes out as it is in the journal, which says less but
    /// nothing wrong, so that it holds up no other for long.
    async fn complete(&self, step: Followed) -> Followed {
        let Followed::Change(recorded) = &step else { return step };
        let owner = recorded.topic.as_user().filter(|_| is_completed(&recorded.name) && !recorded.is_superseded());
        let Some(owner) = owner.filter(|owner| self.shards.of(*owner).is_here(*owner)) else { return step };
        let completed = self.journal.completed(owner, vec![Recorded::clone(recorded)]);
        match tokio::time::timeout(COMPLETE_WITHIN, completed).await {
            Ok(Ok(changes)) => match changes.into_iter().next() {
                Some(change) => Followed::Change(Arc::new(change)),
                None => Followed::Unreadable { stream: recorded.stream, position: recorded.position },
            },
            Ok(Err(error)) => {
                tracing::warn!(%error, name = %recorded.name, "an event could not be completed");
                step
            }
            Err(_) => {
                tracing::warn!(name = %recorded.name, "an event was not completed in time");
                step
            }
        }
    }

    /// Accepts no more sockets, and asks all to reconnect elsewhere: not all at once, or the other nodes would get all
    /// of them at the same moment. Those that are still here get events meanwhile.
    async fn send_away(&self) {
        self.stopping.store(true, Ordering::Release);
        let queues: Vec<_> = self.shards.all().flat_map(|shard| shard.stop()).collect();
        in_waves(queues, WAVE, |queue| queue.close(Close::Restart)).await;
    }

    /// Friends of people who are here may see something else of them now, and people who are here may hear of others.
    fn mind_presence(&self, step: &Followed) {
        match step {
            Followed::Change(recorded) => {
                self.online.hear(recorded, clock::now());
                let owner = recorded.topic.as_user().filter(|owner| self.shards.of(*owner).is_here(*owner));
                if let Some((owner, other)) = owner.zip(owner.and_then(|_| meets(recorded))) {
                    self.online.watch_always(owner, &[other]);
                }
            }
            Followed::Unreadable { .. } => {}
            // What was read of people may be lost with what came last, although nobody was told of that.
            Followed::Swept { .. } | Followed::Renewed { .. } | Followed::Continued { .. } => {
                self.online.missed(clock::now());
            }
        }
    }

    /// Attaches a socket, which receives only what its `scopes` allow. If `since` is given, waits until this node has
    /// reached that position: a cursor may come from a node that was ahead. If something has to be loaded, it takes a
    /// turn and leaves it to the caller, who may have to read more.
    pub async fn attach<'a>(
        &'a self,
        user: UserId,
        via: Via,
        scopes: Option<Scopes>,
        since: Option<&Place>,
        turn: &mut Option<Turn<'a>>,
    ) -> Result<Attached> {
        let shard = self.shards.of(user);
        if let Some(since) = since {
            reach(shard, since).await?;
        }
        loop {
            let arrival = shard.arrive(user);
            let (loaded, watched) = match arrival.to_load.clone() {
                Some(at) => {
                    if turn.is_none() {
                        *turn = Some(self.resuming.turn(user).await?);
                    }
                    let (topics, Others { hidden, watched }) =
                        (self.journal.followed(user, at).await?, self.journal.others(user).await?);
                    (Some(Loaded { topics, hidden }), watched)
                }
                None => (None, Vec::new()),
            };
            // Without a result, what was known or loaded is no longer valid.
            if let Some(attached) = arrival.attach(via, scopes.clone(), loaded)? {
                self.online.watch_always(user, &watched);
                if is_person(via) {
                    self.online.enter(user, clock::now());
                }
                return Ok(attached);
            }
        }
    }

    pub fn detach(&self, queue: &Arc<SendQueue>) {
        if self.shards.of(queue.user).detach(queue) {
            self.online.watches_nobody(queue.user);
        }
        if is_person(queue.via) {
            self.online.leave(queue.user, clock::now());
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether what is at this position of a stream has been handed out to all sockets, and whether to some.
    fn handed_out(&self, stream: usize, position: i64) -> (bool, bool) {
        let covers = |shard: &Arc<Shard>| shard.covers(stream, position);
        (self.shards.all().all(covers), self.shards.all().any(covers))
    }

    /// Whether a connected user follows a topic. Before the answer is no, this node catches up with the journal: the
    /// change that made them follow it may be committed and not have arrived here yet.
    pub async fn follows(&self, user: UserId, topic: Topic) -> Result<bool> {
        let shard = self.shards.of(user);
        if shard.follows(user, topic) {
            return Ok(true);
        }
        let extent = self.resuming.extent().await?;
        reach(shard, &Place::new(extent.epoch, extent.heads)).await?;
        Ok(shard.follows(user, topic))
    }

    /// Somebody gives a signal to these of the other followers of a topic.
    pub fn signal(&self, user: UserId, topic: Topic, signal: &'static Signal, hearers: Hearers) {
        self.set_signal(user, topic, signal, Some(hearers));
    }

    /// From now on a socket hears of the signals of a topic that only those hear of who watch it.
    pub fn watch(&self, queue: &Arc<SendQueue>, topic: Topic, until: Timestamp) {
        self.shards.of(queue.user).watch(queue, topic, until);
    }

    /// A socket does not watch these people any longer.
    pub fn unwatch_people(&self, queue: &SendQueue, people: &[UserId], now: Timestamp) {
        queue.unwatch(people);
        let shard = self.shards.of(queue.user);
        self.online.unwatch(queue.user, people, |user| shard.is_watched(queue.user, user, now), now);
    }

    pub fn unwatch(&self, queue: &Arc<SendQueue>, topic: Topic) {
        self.shards.of(queue.user).unwatch(queue, topic);
    }

    /// Somebody has stopped.
    pub fn end_signal(&self, user: UserId, topic: Topic, signal: &'static Signal) {
        self.set_signal(user, topic, signal, None);
    }

    fn set_signal(&self, user: UserId, topic: Topic, signal: &'static Signal, hearers: Option<Hearers>) {
        let now = clock::now();
        let mut given = self.lock_signals();
        if let Some(telling) = given.signals.set(user, topic, signal, hearers, now) {
            given.to_tell.push(telling);
            self.given.notify_one();
        }
    }

    async fn tell_signals(&self, dispatch: &Dispatch) {
        let mut tick = tokio::time::interval(SIGNAL_TICK);
        loop {
            let due = tokio::select! {
                () = self.given.notified() => false,
                () = self.online.somebody_is_told() => false,
                _ = tick.tick() => true,
            };
            let to_tell = {
                let mut given = self.lock_signals();
                if due {
                    let due = given.signals.due(clock::now());
                    given.to_tell.extend(due);
                }
                mem::take(&mut given.to_tell)
            };
            for telling in to_tell {
                self.pass_on(&telling);
                dispatch.send(Step::passing(telling)).await;
            }
            for told in self.online.news() {
                dispatch.send(Step::told(told)).await;
            }
        }
    }

    fn lock_signals(&self) -> MutexGuard<'_, Given> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody whose program is connected is not online because of it.
const fn is_person(via: Via) -> bool {
    matches!(via, Via::Session(_))
}

/// The positions up to a change are part of its cursor. They are the same in every shard, so they are encoded once.
fn step_for_shards(step: Followed, place: &mut Place, sealer: &Sealer) -> Step {
    match step {
        Followed::Change(recorded) => {
            metrics::gauge!("clowder_journal_lag_seconds").set(clock::now().since(recorded.at).as_secs_f64());
            place.positions.advance(recorded.stream, recorded.position);
            Step::Change(Arc::new(Durable::new(recorded, place.pack(), sealer.clone())))
        }
        Followed::Unreadable { stream, position } => {
            place.positions.advance(stream, position);
            Step::Unreadable { stream, position }
        }
        Followed::Swept { stream, position } => {
            place.positions.advance(stream, position);
            Step::Swept { stream, position }
        }
        Followed::Renewed { epoch, heads } => {
            *place = Place::new(epoch, heads);
            Step::Renewed(Arc::new(place.clone()))
        }
        Followed::Continued { epoch } => {
            place.epoch = epoch;
            Step::Continued(epoch)
        }
    }
}

/// Tells sockets one after the other, at least so many at a time, in at most about ten seconds.
async fn in_waves(queues: Queues, at_least: usize, tell: impl Fn(&SendQueue)) {
    for wave in queues.chunks(queues.len().div_ceil(WAVES).max(at_least)) {
        wave.iter().for_each(|queue| tell(queue));
        tokio::time::sleep(Duration::from_millis(keys::random_within(BETWEEN_WAVES))).await;
    }
}

async fn reach(shard: &Shard, since: &Place) -> Result<()> {
    for _ in 0..100 {
        if shard.reaches(since) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Error::unavailable("this node lags behind the journal"))
}
