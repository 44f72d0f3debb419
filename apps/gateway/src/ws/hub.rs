//! The hub: one per process, it follows the journal once and hands every change to the sockets it concerns.
//!
//! It knows for each user who is here which topics they follow. That is loaded when the user's first socket arrives, as
//! it was at the place that the hub had reached by then, and from then on kept by the very changes that pass through:
//! whatever makes somebody follow a topic or leave it says so itself. So nobody hears what happened before they entered
//! or after they left, however far the hub is behind the database.

mod follows;
mod typing;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clowder_accounts::{
    Scopes,
    change::{API_KEY_REVOKED, SESSION_ENDED, USER_DELETED, USER_SUSPENDED},
};
use clowder_core::{
    ChatId, Error, Follow, Journal, Passing, Positions, Recorded, Result, Topic, UserId, Via, follow::Step,
};
use clowder_infra::{Followed, Follower, turns::Turns};
use clowder_messaging::CHAT;
use tokio::sync::Semaphore;

use self::{follows::Follows, typing::TypingList};
use super::{
    close::Close,
    cursor::Sealer,
    frame::{self, Durable},
    send_queue::SendQueue,
};
use crate::{clock, stop::Stop};

/// How long a socket waits for its turn to read: while the database is silent, others hold all turns.
pub const TURN_WITHIN: Duration = Duration::from_secs(30);
/// How often those who type are looked at.
const TYPING_TICK: Duration = Duration::from_millis(500);

pub struct Hub {
    state: Mutex<State>,
    pub sealer: Sealer,
    pub journal: Arc<dyn Journal>,
    /// How many resuming sockets may read the journal at the same time: after a restart all come back at once, and half of
    /// the connections that read are for everybody else.
    pub replays: Semaphore,
    /// Of each person one at a time, however many sockets they have.
    pub replays_of: Turns<UserId>,
}

#[derive(Default)]
struct State {
    /// Everything up to here has been handed out.
    positions: Positions,
    here: HashMap<UserId, Follows>,
    /// Who of those that are here follows a topic. Personal topics are not in it.
    audience: HashMap<Topic, HashSet<UserId>>,
    typing: TypingList,
    /// How often all that is known of who follows what was forgotten.
    forgotten: u64,
    stopping: bool,
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
        let state = State { positions: known.clone(), ..State::default() };
        let replays = Semaphore::new((read_connections / 2).max(1));
        Self { state: Mutex::new(state), sealer, journal, replays, replays_of: Turns::new(1, TURN_WITHIN) }
    }

    /// Follows the journal until the process stops; then sends every socket elsewhere.
    pub async fn run(self: Arc<Self>, mut follower: Follower, mut stop: Stop) {
        let mut tick = tokio::time::interval(TYPING_TICK);
        let follow = async {
            loop {
                match follower.step().await {
                    Ok(step) => self.pass_on(step),
                    Err(error) => {
                        tracing::warn!(%error, "the journal cannot be followed just now");
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            }
        };
        let tidy = async {
            loop {
                tick.tick().await;
                self.tell_typing();
            }
        };
        // Neither may cut the other short: following reads the journal in between.
        tokio::select! {
            () = stop.wait() => {}
            () = follow => {}
            () = tidy => {}
        }
        let mut state = self.lock();
        state.stopping = true;
        state.close_all(Close::Restart);
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
        loop {
            let arrival = Arrival::new(self, user);
            let followed = match arrival.to_load.clone() {
                Some(at) => Some(self.journal.followed(user, at).await?),
                None => None,
            };
            if let Some(since) = since {
                self.reach(since).await?;
            }
            let mut state = self.lock();
            if state.stopping {
                return Err(Error::unavailable("stopping"));
            }
            if state.forgotten != arrival.forgotten {
                // What was known or loaded is not true any more.
                drop(state);
                continue;
            }
            let State { here, audience, positions, .. } = &mut *state;
            let follows = here.entry(user).or_default();
            for topic in followed.into_iter().flat_map(|followed| follows.load(followed)) {
                audience.entry(topic).or_default().insert(user);
            }
            let queue = Arc::new(SendQueue::new(user, via, scopes));
            follows.attach(Arc::clone(&queue));
            let followed = follows.topics().collect();
            let live_from = positions.clone();
            drop(state);
            drop(arrival);
            return Ok(Attached { queue, live_from, followed });
        }
    }

    async fn reach(&self, since: &Positions) -> Result<()> {
        for _ in 0..100 {
            if self.lock().positions.reach(since) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Error::unavailable("this node lags behind the cursor"))
    }

    pub fn detach(&self, queue: &Arc<SendQueue>) {
        let mut state = self.lock();
        if let Some(follows) = state.here.get_mut(&queue.user) {
            follows.detach(queue);
        }
        state.forget_if_gone(queue.user);
    }

    pub fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Whether a user who is here follows a chat.
    pub fn follows(&self, user: UserId, chat: ChatId) -> bool {
        self.lock().here.get(&user).is_some_and(|follows| follows.has(Topic::new(CHAT, chat)))
    }

    /// Somebody types, or has stopped.
    pub fn typing(&self, user: UserId, chat: ChatId, on: bool) {
        let now = clock::now();
        let mut state = self.lock();
        if let Some(passing) = state.typing.set(user, chat, on, now) {
            state.pass(&passing, Some(user));
        }
    }

    fn tell_typing(&self) {
        let now = clock::now();
        let mut state = self.lock();
        for (user, passing) in state.typing.due(now) {
            state.pass(&passing, Some(user));
        }
    }

    fn pass_on(&self, step: Followed) {
        match step {
            Followed::Change(recorded) => self.hand_out(&recorded),
            Followed::Unreadable { stream, position } => self.lock().positions.advance(stream, position),
            Followed::Swept { stream, position } => {
                let mut state = self.lock();
                state.positions.advance(stream, position);
                state.forget_all();
            }
        }
    }

    fn hand_out(&self, recorded: &Recorded) {
        metrics::gauge!("clowder_journal_lag_seconds").set(clock::now().since(recorded.at).as_secs_f64());
        let mut state = self.lock();
        state.positions.advance(recorded.stream, recorded.position);
        if let Some(follow) = recorded.follow.filter(|follow| follow.step == Step::Enter) {
            state.follow(follow);
        }
        let packed = Sealer::pack(&state.positions);
        let durable = Durable::new(recorded);
        for (user, follows) in state.concerned(recorded) {
            let frame = durable.with(&self.sealer.seal(user, &packed));
            follows.with_scope_for(&recorded.name).for_each(|queue| queue.push(frame.clone()));
        }
        if let Some(follow) = recorded.follow.filter(|follow| follow.step == Step::Leave) {
            state.follow(follow);
        }
        state.close_ended(recorded);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Those of the people here whom a change concerns: who follows its topic, and who comes to follow one by it or leaves
    /// one.
    fn concerned(&self, recorded: &Recorded) -> impl Iterator<Item = (UserId, &Follows)> {
        let owner = recorded.topic.as_user();
        let audience = self.audience.get(&recorded.topic);
        let stepping = recorded.follow.map(|follow| follow.user);
        let stepping = stepping.filter(|user| owner != Some(*user) && audience.is_none_or(|all| !all.contains(user)));
        let users = owner.into_iter().chain(audience.into_iter().flatten().copied()).chain(stepping);
        users.filter_map(|user| Some((user, self.here.get(&user)?)))
    }

    /// Somebody follows one more topic from now on, or one less.
    fn follow(&mut self, Follow { user, topic, step }: Follow) {
        let Some(follows) = self.here.get_mut(&user) else { return };
        if !follows.step(topic, step) {
            return;
        }
        match step {
            Step::Enter => {
                self.audience.entry(topic).or_default().insert(user);
            }
            Step::Leave => self.leave(user, topic),
        }
    }

    fn leave(&mut self, user: UserId, topic: Topic) {
        if let Some(users) = self.audience.get_mut(&topic) {
            users.remove(&user);
            if users.is_empty() {
                self.audience.remove(&topic);
            }
        }
    }

    /// Closes the sockets of a session, a key or a user that can do nothing any more.
    fn close_ended(&self, recorded: &Recorded) {
        let Some(follows) = recorded.topic.as_user().and_then(|user| self.here.get(&user)) else { return };
        match (&*recorded.name, recorded.subject) {
            (SESSION_ENDED | API_KEY_REVOKED, Some(subject)) => {
                let ended = follows.queues().filter(|queue| queue.via.uuid() == subject);
                ended.for_each(|queue| queue.close(Close::SessionEnded));
            }
            (USER_SUSPENDED | USER_DELETED, _) => {
                follows.queues().for_each(|queue| queue.close(Close::SessionEnded));
            }
            _ => {}
        }
    }

    /// A passing event goes to everybody in the chat but to whom it is about.
    fn pass(&self, passing: &Passing, but: Option<UserId>) {
        let frame = frame::passing(passing);
        for user in self.audience.get(&passing.topic).into_iter().flatten().filter(|user| Some(**user) != but) {
            let queues = self.here.get(user).into_iter().flat_map(|follows| follows.with_scope_for(passing.name));
            queues.for_each(|queue| queue.push(frame.clone()));
        }
    }

    /// Changes have been missed, perhaps some by which somebody entered or left: all sockets come again with their
    /// cursors, and hear that they have to reload.
    fn forget_all(&mut self) {
        self.close_all(Close::Restart);
        self.here.values_mut().for_each(Follows::forget);
        self.audience.clear();
        self.forgotten += 1;
    }

    fn close_all(&self, close: Close) {
        self.here.values().flat_map(Follows::queues).for_each(|queue| queue.close(close));
    }

    fn forget_if_gone(&mut self, user: UserId) {
        if self.here.get(&user).is_some_and(|follows| !follows.is_gone()) {
            return;
        }
        let Some(follows) = self.here.remove(&user) else { return };
        for topic in follows.topics() {
            self.leave(user, topic);
        }
    }
}

/// Somebody on the way in: however the way ends, they are counted off again.
struct Arrival<'h> {
    hub: &'h Hub,
    user: UserId,
    /// Where the hub stands, if what they follow has to be loaded.
    to_load: Option<Positions>,
    forgotten: u64,
}

impl<'h> Arrival<'h> {
    fn new(hub: &'h Hub, user: UserId) -> Self {
        let mut state = hub.lock();
        let known = state.here.entry(user).or_default().arrive();
        let to_load = if known { None } else { Some(state.positions.clone()) };
        Self { hub, user, to_load, forgotten: state.forgotten }
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        if let Some(follows) = state.here.get_mut(&self.user) {
            follows.arrived();
        }
        state.forget_if_gone(self.user);
    }
}
