//! One shard of the hub: some of the connected users, their sockets, and the topics they follow.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytestring::ByteString;
use clowder_accounts::change::{API_KEY_REVOKED, SESSION_ENDED, USER_DELETED, USER_SUSPENDED};
use clowder_core::{
    Error, Follow, Positions, Recorded, Result, Scope, Scopes, Timestamp, Topic, UserId, Via,
    follow::{
        Following,
        Step::{Enter, Leave},
    },
};
use clowder_infra::online::Told;
use uuid::Uuid;

use super::{
    super::{
        close::Close,
        cursor::Place,
        events::{hides, opened_by, sender},
        frame::{self, Durable, Outgoing},
        send_queue::SendQueue,
    },
    Attached,
    follows::{Follows, Loaded},
    signals::Telling,
    watching::Watching,
};

/// What a shard receives, in journal order.
#[derive(Clone)]
pub enum Step {
    Change(Arc<Durable>),
    /// A change that this version cannot read.
    Unreadable {
        stream: usize,
        position: i64,
    },
    /// Changes up to this position were missed.
    Swept {
        stream: usize,
        position: i64,
    },
    /// The journal is another one, and has come this far.
    Renewed(Arc<Place>),
    /// The journal goes on in this epoch.
    Continued(Uuid),
    /// A transient event goes to all followers of its topic except these, or to those sockets of them that watch it at this
    /// time.
    Passing {
        topic: Topic,
        but: Arc<[UserId]>,
        watched_at: Option<Timestamp>,
        opened_by: Option<Scope>,
        frame: ByteString,
    },
    /// A transient event for these people.
    Told {
        to: Arc<[UserId]>,
        /// Only for sockets that watch this person at this time.
        watched: Option<(UserId, Timestamp)>,
        opened_by: Option<Scope>,
        frame: ByteString,
    },
}

impl Step {
    /// A change and its position in the journal.
    fn place(&self) -> Option<(usize, i64)> {
        match self {
            Self::Change(durable) => Some((durable.recorded().stream, durable.recorded().position)),
            Self::Unreadable { stream, position } | Self::Swept { stream, position } => Some((*stream, *position)),
            Self::Renewed(_) | Self::Continued(_) | Self::Passing { .. } | Self::Told { .. } => None,
        }
    }

    pub fn passing(Telling { passing, but, only_watching, .. }: Telling) -> Self {
        let (topic, opened_by, frame) = (passing.topic, opened_by(passing.name), frame::passing(&passing));
        Self::Passing { topic, but, watched_at: only_watching.then_some(passing.at), opened_by, frame }
    }

    pub fn told(told: Told) -> Self {
        let Told { to, name, at, data, watched } = told;
        let watched = watched.map(|user| (user, at));
        Self::Told { to, watched, opened_by: opened_by(name), frame: frame::said(name, at, &*data) }
    }
}

/// Only the shard's task pushes frames, so each socket gets them in order without the lock being held; the lock is
/// needed only to decide who gets them.
pub struct Shard(Mutex<State>);

#[derive(Default)]
struct State {
    /// Everything up to here has been delivered, or is about to be, to the sockets that were attached.
    place: Place,
    here: HashMap<UserId, Follows>,
    /// The connected followers of each topic, and after which number they follow it. Personal topics are not included.
    audience: HashMap<Topic, HashMap<UserId, i64>>,
    watching: Watching,
    /// How often all known topics have been discarded.
    forgotten: u64,
    stopping: bool,
    /// How many octets may wait for a socket.
    room: usize,
}

pub type Queues = Vec<Arc<SendQueue>>;

impl Shard {
    pub fn new(place: Place, room: usize) -> Self {
        Self(Mutex::new(State { place, room, ..State::default() }))
    }

    /// Registers an attaching socket.
    pub fn arrive(&self, user: UserId) -> Arrival<'_> {
        let mut state = self.lock();
        let known = state.here.entry(user).or_default().arrive();
        let to_load = if known { None } else { Some(state.place.positions.clone()) };
        Arrival { shard: self, user, to_load, forgotten: state.forgotten }
    }

    /// Returns whether it was the last of its user.
    pub fn detach(&self, queue: &Arc<SendQueue>) -> bool {
        let mut state = self.lock();
        if let Some(follows) = state.here.get_mut(&queue.user) {
            follows.detach(queue);
        }
        state.watching.forget(queue);
        state.forget_if_gone(queue.user);
        !state.here.contains_key(&queue.user)
    }

    /// Whether this shard has reached `since`.
    pub fn reaches(&self, since: &Place) -> bool {
        self.lock().place.reach(since)
    }

    /// Whether this shard has handed out what is at this position of a stream.
    pub fn covers(&self, stream: usize, position: i64) -> bool {
        self.lock().place.positions.cover(stream, position)
    }

    pub fn follows(&self, user: UserId, topic: Topic) -> bool {
        self.lock().here.get(&user).is_some_and(|follows| follows.has(topic))
    }

    /// Whether a user is connected, or about to be.
    pub fn is_here(&self, user: UserId) -> bool {
        self.lock().here.contains_key(&user)
    }

    /// Whether any of its connected users follows a topic.
    pub fn is_followed(&self, topic: Topic) -> bool {
        self.lock().audience.contains_key(&topic)
    }

    /// Whether any socket of a user watches somebody's presence.
    pub fn is_watched(&self, by: UserId, user: UserId, at: Timestamp) -> bool {
        self.lock().here.get(&by).is_some_and(|follows| follows.queues().any(|queue| queue.watches(user, at)))
    }

    /// From now on a socket watches a topic, if it is still here.
    pub fn watch(&self, queue: &Arc<SendQueue>, topic: Topic, until: Timestamp) {
        let mut state = self.lock();
        let is_here = |follows: &Follows| follows.queues().any(|other| Arc::ptr_eq(other, queue));
        if state.here.get(&queue.user).is_some_and(is_here) {
            state.watching.watch(queue, topic, until);
        }
    }

    pub fn unwatch(&self, queue: &Arc<SendQueue>, topic: Topic) {
        self.lock().watching.unwatch(queue, topic);
    }

    /// Accepts no more sockets; returns those that are here, which get events until they are closed.
    pub fn stop(&self) -> Queues {
        let mut state = self.lock();
        state.stopping = true;
        state.queues()
    }

    /// Returns the sockets that get nothing more from now on, and are to be told so in waves.
    pub fn take(&self, step: &Step) -> Queues {
        self.guard(step, Self::carry_out)
    }

    /// After a panic nobody knows which events were delivered: all sockets are closed and resume from their cursors, so
    /// nothing is missed.
    fn guard(&self, step: &Step, carry_out: impl FnOnce(&Self, &Step) -> Queues) -> Queues {
        catch_unwind(AssertUnwindSafe(|| carry_out(self, step))).unwrap_or_else(|_| {
            tracing::error!("a shard of the hub panicked; its sockets were closed and can resume");
            self.start_anew(step)
        })
    }

    fn carry_out(&self, step: &Step) -> Queues {
        match step {
            Step::Change(durable) => self.hand_out(durable),
            Step::Unreadable { stream, position } => self.lock().place.positions.advance(*stream, *position),
            Step::Swept { .. } | Step::Renewed(_) => return self.start_anew(step),
            Step::Continued(epoch) => self.lock().place.epoch = *epoch,
            Step::Passing { topic, but, watched_at, opened_by, frame } => {
                let hears = |user: &UserId| !but.contains(user);
                let queues = match watched_at {
                    Some(at) => self.lock().watchers(*topic, *at, *opened_by, hears),
                    None => self.lock().followers(*topic, *opened_by, |user, _| hears(user)),
                };
                queues.iter().for_each(|queue| queue.push(Outgoing::Text(frame.clone())));
            }
            Step::Told { to, watched, opened_by, frame } => {
                let queues = self.lock().of_people(to, *opened_by);
                let hears = |queue: &&Arc<SendQueue>| watched.is_none_or(|(user, at)| queue.watches(user, at));
                queues.iter().filter(hears).for_each(|queue| queue.push(Outgoing::Text(frame.clone())));
            }
        }
        Queues::new()
    }

    /// Discards all known topics and ends every socket, to resume from its cursor.
    fn start_anew(&self, step: &Step) -> Queues {
        let queues = {
            let mut state = self.lock();
            match step {
                Step::Renewed(place) => state.place = Place::clone(place),
                Step::Continued(epoch) => state.place.epoch = *epoch,
                _ => {}
            }
            if let Some((stream, position)) = step.place() {
                state.place.positions.advance(stream, position);
            }
            state.forget_all()
        };
        queues.iter().for_each(|queue| queue.retire(Close::Restart));
        queues
    }

    fn hand_out(&self, durable: &Arc<Durable>) {
        let recorded = durable.recorded();
        let (queues, ended, hiding) = {
            let mut state = self.lock();
            state.place.positions.advance(recorded.stream, recorded.position);
            state.hide(recorded);
            if let Some(follow) = recorded.follow.filter(|follow| follow.step == Enter) {
                state.follow(follow, recorded.seq);
            }
            let queues = state.concerned(recorded);
            if let Some(follow) = recorded.follow.filter(|follow| follow.step == Leave) {
                state.follow(follow, None);
            }
            let hiding = state.hiding(recorded, &queues);
            (queues, state.ended(recorded), hiding)
        };
        for queue in &ended {
            let hears_of_it = queues.iter().any(|other| Arc::ptr_eq(other, queue));
            let last = hears_of_it.then(|| Outgoing::Durable(Arc::clone(durable)));
            queue.close_after(last, Close::SessionEnded);
        }
        for queue in &queues {
            let durable = Arc::clone(durable);
            let hides = hiding.contains(&queue.user);
            queue.push(if hides { Outgoing::Hidden(durable) } else { Outgoing::Durable(durable) });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The sockets that a change concerns: those of the topic's followers, as far as it is after what they follow, and of the user whom it makes follow or
    /// leave a topic.
    fn concerned(&self, recorded: &Recorded) -> Queues {
        if recorded.is_superseded() {
            return Queues::new();
        }
        let opened_by = opened_by(&recorded.name);
        let owner = recorded.topic.as_user();
        let mut queues = self.followers(recorded.topic, opened_by, |_, after| recorded.is_after(after));
        let stepping = recorded.follow.map(|follow| follow.user);
        let audience = self.audience.get(&recorded.topic);
        let stepping =
            stepping.filter(|user| owner != Some(*user) && audience.is_none_or(|all| !all.contains_key(user)));
        for user in owner.into_iter().chain(stepping) {
            queues.extend(self.sockets_in_scope(user, opened_by).cloned());
        }
        queues
    }

    /// Whose messages the owner of a personal topic hides from now on, or shows again.
    fn hide(&mut self, recorded: &Recorded) {
        let Some(follows) = recorded.topic.as_user().and_then(|user| self.here.get_mut(&user)) else { return };
        if let Some((other, on)) = hides(recorded) {
            follows.hide(other, on);
        }
    }

    /// Who of these hides the message that a change shows.
    fn hiding(&self, recorded: &Recorded, queues: &[Arc<SendQueue>]) -> HashSet<UserId> {
        let Some(sender) = sender(recorded) else { return HashSet::new() };
        let hides = |user: &UserId| self.here.get(user).is_some_and(|follows| follows.hidden().contains(&sender));
        queues.iter().map(|queue| queue.user).filter(hides).collect()
    }

    fn followers(&self, topic: Topic, opened_by: Option<Scope>, concerns: impl Fn(&UserId, i64) -> bool) -> Queues {
        let Some(audience) = self.audience.get(&topic) else { return Queues::new() };
        let mut queues = Queues::with_capacity(audience.len());
        for (user, _) in audience.iter().filter(|(user, after)| concerns(user, **after)) {
            queues.extend(self.sockets_in_scope(*user, opened_by).cloned());
        }
        queues
    }

    /// The sockets of followers that watch the topic.
    fn watchers(
        &self,
        topic: Topic,
        at: Timestamp,
        opened_by: Option<Scope>,
        hears: impl Fn(&UserId) -> bool,
    ) -> Queues {
        let Some(audience) = self.audience.get(&topic) else { return Queues::new() };
        let follow = |queue: &&Arc<SendQueue>| audience.contains_key(&queue.user) && hears(&queue.user);
        let watching = self.watching.of(topic, at).filter(|queue| queue.may_receive(opened_by));
        watching.filter(follow).cloned().collect()
    }

    fn of_people(&self, people: &[UserId], opened_by: Option<Scope>) -> Queues {
        people.iter().flat_map(|user| self.sockets_in_scope(*user, opened_by)).cloned().collect()
    }

    /// The sockets of a user whose scopes allow this.
    fn sockets_in_scope(&self, user: UserId, opened_by: Option<Scope>) -> impl Iterator<Item = &Arc<SendQueue>> {
        let queues = self.here.get(&user).into_iter().flat_map(Follows::queues);
        queues.filter(move |queue| queue.may_receive(opened_by))
    }

    /// A user begins to follow a topic after a number, or stops.
    fn follow(&mut self, Follow { user, topic, step }: Follow, after: Option<i64>) {
        let after = after.unwrap_or(0);
        let Some(follows) = self.here.get_mut(&user) else { return };
        if !follows.step(Following { topic, after }, step) {
            return;
        }
        match step {
            Enter => {
                self.audience.entry(topic).or_default().insert(user, after);
            }
            Leave => self.leave(user, topic),
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

    /// The sockets of a session, a key or a user that has lost access.
    fn ended(&self, recorded: &Recorded) -> Queues {
        let Some(follows) = recorded.topic.as_user().and_then(|user| self.here.get(&user)) else {
            return Queues::new();
        };
        match (&*recorded.name, recorded.subject) {
            (SESSION_ENDED | API_KEY_REVOKED, Some(subject)) => {
                follows.queues().filter(|queue| queue.via.uuid() == subject).cloned().collect()
            }
            (USER_SUSPENDED | USER_DELETED, _) => follows.queues().cloned().collect(),
            _ => Queues::new(),
        }
    }

    /// Changes were missed, perhaps some that made users enter or leave. All authenticated sockets must resume from
    /// their cursors, and are then told to reload.
    fn forget_all(&mut self) -> Queues {
        self.here.values_mut().for_each(Follows::forget);
        self.audience.clear();
        self.forgotten += 1;
        self.queues()
    }

    fn queues(&self) -> Queues {
        self.here.values().flat_map(Follows::queues).cloned().collect()
    }

    fn forget_if_gone(&mut self, user: UserId) {
        if self.here.get(&user).is_some_and(|follows| !follows.is_gone()) {
            return;
        }
        let Some(follows) = self.here.remove(&user) else { return };
        for Following { topic, .. } in follows.following() {
            self.leave(user, topic);
        }
    }
}

/// A socket that is attaching; it is unregistered on drop, however attaching ends.
pub struct Arrival<'s> {
    shard: &'s Shard,
    user: UserId,
    /// The position of the shard, if the topics have to be loaded.
    pub to_load: Option<Positions>,
    forgotten: u64,
}

impl Arrival<'_> {
    /// Finishes attaching, with what was loaded. `None` if everything was discarded meanwhile.
    pub fn attach(self, via: Via, scopes: Option<Scopes>, loaded: Option<Loaded>) -> Result<Option<Attached>> {
        let mut state = self.shard.lock();
        if state.stopping {
            return Err(Error::unavailable("stopping"));
        }
        if state.forgotten != self.forgotten {
            return Ok(None);
        }
        let State { here, audience, place, room, .. } = &mut *state;
        let follows = here.entry(self.user).or_default();
        for Following { topic, after } in loaded.into_iter().flat_map(|loaded| follows.load(loaded)) {
            audience.entry(topic).or_default().insert(self.user, after);
        }
        let queue = Arc::new(SendQueue::new(self.user, via, scopes, *room));
        follows.attach(Arc::clone(&queue));
        Ok(Some(Attached {
            queue,
            live_from: place.clone(),
            followed: follows.following().collect(),
            hidden: Arc::clone(follows.hidden()),
        }))
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut state = self.shard.lock();
        if let Some(follows) = state.here.get_mut(&self.user) {
            follows.arrived();
        }
        state.forget_if_gone(self.user);
    }
}

#[cfg(test)]
mod tests;
