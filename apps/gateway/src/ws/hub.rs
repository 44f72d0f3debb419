//! The hub: one per process, it follows the journal once and hands every change to the sockets it concerns.
//!
//! It knows for each user who is here which chats they follow. That is loaded from the store when the user's first
//! socket arrives, and from then on kept by the very changes that pass through: a user who enters a chat is told so
//! by a change that stands before the chat's first message. What happens between loading and arriving is noted down
//! and applied, so that nothing falls in between.

mod follows;
mod hearing;
mod typing;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clowder_accounts::{
    Scopes,
    change::{API_KEY_REVOKED, SESSION_ENDED, USER_DELETED, USER_SUSPENDED},
};
use clowder_core::{ChatId, Error, Journal, Passing, Positions, Recorded, Result, Topic, UserId, Via, follow::Step};
use clowder_infra::Follower;
use clowder_messaging::{CHAT, Messaging};
use tokio::sync::Semaphore;

pub use hearing::may_hear;

use self::{follows::Follows, typing::TypingList};
use super::{
    close::Close,
    cursor::Sealer,
    frame::{self, Durable},
    outlet::Outlet,
};
use crate::{clock, stop::Stop};

/// How many resuming sockets may read the journal at the same time: after a restart all come back at once.
const REPLAYS: usize = 32;

pub struct Hub {
    state: Mutex<State>,
    pub sealer: Sealer,
    pub journal: Arc<dyn Journal>,
    pub replays: Semaphore,
    messaging: Arc<dyn Messaging>,
}

#[derive(Default)]
struct State {
    /// Everything up to here has been handed out.
    positions: Positions,
    here: HashMap<UserId, Follows>,
    /// Who of those that are here follows a chat.
    audience: HashMap<ChatId, Vec<UserId>>,
    typing: TypingList,
    stopping: bool,
}

/// A socket that has been attached, and from where on it gets live events.
pub struct Attached {
    pub outlet: Arc<Outlet>,
    pub live_from: Positions,
    pub topics: Vec<Topic>,
}

impl Hub {
    pub fn new(sealer: Sealer, journal: Arc<dyn Journal>, messaging: Arc<dyn Messaging>, known: &Positions) -> Self {
        let state = State { positions: known.clone(), ..State::default() };
        Self { state: Mutex::new(state), sealer, journal, replays: Semaphore::new(REPLAYS), messaging }
    }

    /// Follows the journal until the process stops; then sends every socket elsewhere.
    pub async fn run(self: Arc<Self>, mut follower: Follower, mut stop: Stop) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let follow = async {
            loop {
                match follower.next().await {
                    Ok(recorded) => self.hand_out(&recorded),
                    Err(error) => {
                        tracing::warn!(%error, "the journal cannot be followed just now");
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            }
        };
        let tidy = async {
            loop {
                second.tick().await;
                self.stop_typing();
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
        state.here.values().flat_map(Follows::outlets).for_each(|outlet| outlet.close(Close::Restart));
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
        let loaded = self.lock().here.entry(user).or_default().arrive();
        let arrival = Arrival { hub: self, user };
        let chats = if loaded { None } else { Some(self.messaging.followed(user).await?) };
        if let Some(since) = since {
            self.reach(since).await?;
        }
        let mut state = self.lock();
        if state.stopping {
            return Err(Error::unavailable("stopping"));
        }
        let State { here, audience, positions, .. } = &mut *state;
        let follows = here.entry(user).or_default();
        if let Some(chats) = chats {
            for chat in follows.load(chats) {
                audience.entry(chat).or_default().push(user);
            }
        }
        let outlet = Arc::new(Outlet::new(user, via, scopes));
        follows.attach(Arc::clone(&outlet));
        let topics = follows.chats().map(|chat| Topic::new(CHAT, chat)).chain([Topic::user(user)]).collect();
        let live_from = positions.clone();
        drop(state);
        drop(arrival);
        Ok(Attached { outlet, live_from, topics })
    }

    async fn reach(&self, since: &Positions) -> Result<()> {
        for _ in 0..100 {
            let there = {
                let state = self.lock();
                (0..since.as_slice().len()).all(|stream| state.positions.cover(stream, since.get(stream)))
            };
            if there {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Error::unavailable("this node lags behind the cursor"))
    }

    pub fn detach(&self, outlet: &Arc<Outlet>) {
        let mut state = self.lock();
        if let Some(follows) = state.here.get_mut(&outlet.user) {
            follows.detach(outlet);
        }
        state.forget_if_gone(outlet.user);
    }

    pub fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Whether a user who is here follows a chat.
    pub fn follows(&self, user: UserId, chat: ChatId) -> bool {
        self.lock().audience.get(&chat).is_some_and(|users| users.contains(&user))
    }

    /// Somebody types, or has stopped.
    pub fn typing(&self, user: UserId, chat: ChatId, on: bool) {
        let now = clock::now();
        let mut state = self.lock();
        if let Some(passing) = state.typing.set(user, chat, on, now) {
            state.pass(&passing, Some(user));
        }
    }

    fn stop_typing(&self) {
        let now = clock::now();
        let mut state = self.lock();
        for (user, passing) in state.typing.expired(now) {
            state.pass(&passing, Some(user));
        }
    }

    fn hand_out(&self, recorded: &Recorded) {
        metrics::gauge!("clowder_journal_lag_seconds").set(clock::now().since(recorded.at).as_secs_f64());
        let mut state = self.lock();
        state.positions.advance(recorded.stream, recorded.position);
        let packed = Sealer::pack(&state.positions);
        let durable = Durable::new(recorded);
        let deliver = |follows: &Follows, user: UserId| {
            let frame = durable.with(&self.sealer.seal(user, &packed));
            follows.hearing(&recorded.name).for_each(|outlet| outlet.push(frame.clone()));
        };
        if let Some(user) = recorded.topic.as_user() {
            if let Some(follows) = state.here.get(&user) {
                deliver(follows, user);
            }
            state.learn(user, recorded);
        } else {
            for user in state.audience.get(&ChatId::from_uuid(recorded.topic.id)).into_iter().flatten() {
                if let Some(follows) = state.here.get(user) {
                    deliver(follows, *user);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What a change about a user means for the hub itself.
    fn learn(&mut self, user: UserId, recorded: &Recorded) {
        let Some(follows) = self.here.get_mut(&user) else { return };
        if let Some(follow) = recorded.follow
            && follow.step == Step::Enter
            && follows.enter(ChatId::from_uuid(follow.topic.id))
        {
            self.audience.entry(ChatId::from_uuid(follow.topic.id)).or_default().push(user);
        }
        match (&*recorded.name, recorded.subject) {
            (SESSION_ENDED | API_KEY_REVOKED, Some(subject)) => {
                let ended = follows.outlets().filter(|outlet| outlet.via.uuid() == subject);
                ended.for_each(|outlet| outlet.close(Close::SessionEnded));
            }
            (USER_SUSPENDED | USER_DELETED, _) => {
                follows.outlets().for_each(|outlet| outlet.close(Close::SessionEnded));
            }
            _ => {}
        }
    }

    /// A passing event goes to everybody in the chat but to whom it is about.
    fn pass(&self, passing: &Passing, but: Option<UserId>) {
        let frame = frame::passing(passing);
        for user in self
            .audience
            .get(&ChatId::from_uuid(passing.topic.id))
            .into_iter()
            .flatten()
            .filter(|user| Some(**user) != but)
        {
            let outlets = self.here.get(user).into_iter().flat_map(|follows| follows.hearing(passing.name));
            outlets.for_each(|outlet| outlet.push(frame.clone()));
        }
    }

    fn forget_if_gone(&mut self, user: UserId) {
        if self.here.get(&user).is_some_and(|follows| !follows.is_gone()) {
            return;
        }
        let Some(follows) = self.here.remove(&user) else { return };
        for chat in follows.chats() {
            if let Some(users) = self.audience.get_mut(&chat) {
                users.retain(|other| *other != user);
                if users.is_empty() {
                    self.audience.remove(&chat);
                }
            }
        }
    }
}

/// Somebody on the way in: however the way ends, they are counted off again.
struct Arrival<'h> {
    hub: &'h Hub,
    user: UserId,
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
