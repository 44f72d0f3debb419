//! Who is connected to this process or to another node, what their friends were last told of them, and of whom they
//! have yet to hear.
//!
//! Whatever may change what friends see marks a person; whoever looks after the people takes those who are marked, reads
//! once for all of them what friends see now, and hands it back: what differs from what was last told is told. One state is
//! kept of each person with sockets anywhere, none of pairs, and people of whom nothing changes cost nothing.
//!
//! Every node does so for all people and tells the friends who are connected to it, so that each hears everything once.

mod elsewhere;
mod person;
mod watched;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clowder_accounts::{
    change::{PRESENCE_UPDATED, USER_DELETED, USER_SUSPENDED, USER_UPDATED},
    presence::{AWAY_AFTER, Connected, PresenceNews, USER_OFFLINE, USER_ONLINE, news},
};
use clowder_core::{Id, Recorded, Result, Timestamp, UserId};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Notify;

use self::{
    elsewhere::Elsewhere,
    person::{Known, Next, Person},
    watched::Watched,
};

/// Nobody is looked at more often than this, whether there is something to tell or not.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Of how many friends it is remembered that they have come or gone; of more, everybody is told again.
const MOST: usize = 256;
/// While more news waits to be sent, nobody is looked at.
const UNSENT: usize = 1_024;
/// By how much the clock may go back without more ado.
const TOLERATED: Duration = Duration::from_secs(1);

/// Shared by the store, which knows who may see whom, and by the gateway, which has the sockets.
#[derive(Default)]
pub struct Online {
    state: Mutex<State>,
    /// Somebody has to be looked at.
    stirred: Notify,
    /// There is news.
    told: Notify,
}

#[derive(Default)]
struct State {
    people: HashMap<UserId, Person>,
    /// How many of them have sockets here.
    here: usize,
    /// Who has to be looked at, in this order.
    waiting: VecDeque<UserId>,
    /// Who has to be looked at later: everybody once at most.
    later: BTreeSet<(Timestamp, UserId)>,
    news: Vec<Told>,
    /// The latest time that was heard of.
    latest: Option<Timestamp>,
    /// The process stops: whoever is here leaves.
    ending: bool,
    elsewhere: Elsewhere,
    watched: Watched,
    /// After which time without doing anything somebody is idle, if it is not the usual one.
    away_after: Option<Duration>,
}

/// What some people hear about another.
#[derive(Debug, Clone)]
pub struct Told {
    pub to: Arc<[UserId]>,
    pub name: &'static str,
    pub at: Timestamp,
    pub data: Arc<RawValue>,
    /// Only sockets that watch this person hear it.
    pub watched: Option<UserId>,
}

/// Somebody to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub user: UserId,
    /// When they came.
    pub since: Timestamp,
    /// When they were seen, if that has to be noted; and when they went, which another node may not have noted yet.
    pub to_note: Option<Timestamp>,
    pub went_at: Option<Timestamp>,
    /// Who watches them.
    pub watchers: Vec<UserId>,
    newcomers: Vec<UserId>,
    faded: bool,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What friends see now.
    pub news: PresenceNews,
    pub friends: Arc<[UserId]>,
    /// What everybody sees, and who wants to hear it and may: of those who watch them, neither friends nor the blocked.
    pub by_all: PresenceNews,
    pub watchers: Vec<UserId>,
    /// When they see something else by itself.
    pub ends_at: Option<Timestamp>,
    /// Until when they still see somebody who has become invisible.
    pub fades_until: Option<Timestamp>,
}

/// People who are being looked at. Those of whom nothing is handed back come again.
pub struct Taken<'o> {
    online: &'o Online,
    now: Timestamp,
    looks: Vec<Look>,
}

impl Taken<'_> {
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// Tells friends what is another than they were told.
    pub fn tell(mut self, looked: Vec<Looked>) -> Result<()> {
        let online = self.online;
        let mut state = online.lock();
        for looked in looked {
            let Some(at) = self.looks.iter().position(|look| look.user == looked.news.user_id) else { continue };
            let data = [&looked.news, &looked.by_all].map(to_raw_value);
            let [data, by_all] = data.map(|data| data.map(Arc::from));
            let data = [data?, by_all?];
            let look = self.looks.swap_remove(at);
            state.tell(look, looked, data, self.now);
        }
        online.notify(&state);
        Ok(())
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.looks.is_empty() {
            return;
        }
        let mut state = self.online.lock();
        for look in mem::take(&mut self.looks) {
            if let Some(person) = state.people.get_mut(&look.user) {
                person.fails(self.now);
            }
            state.put_back(look, self.now);
        }
        self.online.notify(&state);
    }
}

impl Online {
    /// After which time without doing anything people are idle.
    pub fn idle_after(&self, time: Duration) {
        self.lock().away_after = Some(time);
    }

    /// A socket of this person has opened.
    pub fn enter(&self, user: UserId, now: Timestamp) {
        self.change(now, |state| {
            let idle_at = now.plus(state.away_after());
            let new = state.people.get(&user).is_none_or(|person| person.gone);
            let person = state.people.entry(user).or_insert_with(|| Person::comes(now));
            person.is_back(now);
            person.to_note = person.to_note.max(new.then_some(now));
            person.sockets += 1;
            (person.left_at, person.notes) = (None, true);
            if person.sockets == 1 {
                // Who is idle remains so: it may have been a broken connection.
                (person.idle_here, person.idle_at) = (person.idle, person.idle_at.or(Some(idle_at)));
                state.here += 1;
                state.elsewhere.changed.insert(user);
            }
            state.settle(user, now);
        });
    }

    /// A socket of this person has closed. They count as online for a while yet, because they may be back at once.
    pub fn leave(&self, user: UserId, now: Timestamp) {
        self.change(now, |state| {
            let Some(person) = state.people.get_mut(&user).filter(|person| person.sockets > 0) else { return };
            person.sockets -= 1;
            if person.sockets == 0 {
                (person.closed_at, person.parted_at) = (Some(now), Some(now));
                state.here -= 1;
                state.elsewhere.changed.insert(user);
                if !person.is_connected() && !person.gone {
                    (person.left_at, person.notes) = (Some(now), true);
                }
                person.sum_up();
            }
            state.settle(user, now);
        });
    }

    /// This person did something, over a socket or with a call.
    pub fn acts(&self, user: UserId, now: Timestamp) {
        self.change(now, |state| state.acts(user, now, true));
    }

    /// Something was written to the journal, by whichever process.
    pub fn hear(&self, recorded: &Recorded, now: Timestamp) {
        let Some(user) = recorded.topic.as_user() else { return };
        let other = recorded.subject.map(Id::from_uuid);
        match (&*recorded.name, other) {
            (PRESENCE_UPDATED | USER_UPDATED | USER_SUSPENDED | USER_DELETED, _) => {
                self.mark(user, now, |person| person.dirty = true);
            }
            ("friend.added", Some(friend)) => self.mark(user, now, |person| {
                person.dirty = true;
                person.befriends(friend);
            }),
            ("block.added", Some(other)) => self.change(now, |state| state.block(user, other, now)),
            ("friend.removed", Some(friend)) => self.part(user, friend, now),
            _ => {}
        }
    }

    /// What was written meanwhile is not known.
    pub fn missed(&self, now: Timestamp) {
        self.change(now, |state| {
            let all: Vec<UserId> = state.people.keys().copied().collect();
            for user in all {
                if let Some(person) = state.people.get_mut(&user) {
                    person.dirty = true;
                }
                state.settle(user, now);
            }
        });
    }

    pub fn has(&self, user: UserId) -> bool {
        self.lock().connected(user).is_some()
    }

    /// Those of these people who are online, in the same order.
    pub fn among(&self, people: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        self.connected(people).into_iter().map(|(user, _)| user).collect()
    }

    /// The same, and how.
    pub fn connected(&self, people: impl IntoIterator<Item = UserId>) -> Vec<(UserId, Connected)> {
        let state = self.lock();
        people.into_iter().filter_map(|user| Some((user, state.connected(user)?))).collect()
    }

    /// How many people have sockets here.
    pub fn count(&self) -> usize {
        self.lock().here
    }

    /// Takes some of the people who have to be looked at by now, who has waited longest first. Whoever is away for longer than
    /// [`LINGER`](clowder_accounts::presence::LINGER) goes now.
    pub fn take(&self, now: Timestamp, most: usize) -> Taken<'_> {
        let mut state = self.lock();
        state.go_on(now);
        let mut looks = Vec::new();
        // At the end nobody is told any more, but when people were seen is still noted.
        while looks.len() < most && (state.ending || state.news.len() < UNSENT) {
            let Some(user) = state.waiting.pop_front() else { break };
            looks.extend(state.look(user, now));
        }
        drop(state);
        Taken { online: self, now, looks }
    }

    /// Everybody leaves who has no sockets elsewhere, because the process stops.
    pub fn all_leave(&self, now: Timestamp) {
        self.change(now, |state| {
            state.ending = true;
            let all: Vec<UserId> = state.people.keys().copied().collect();
            for user in all {
                let here = |person: &&mut Person| !person.gone && person.elsewhere == 0;
                if let Some(person) = state.people.get_mut(&user).filter(here) {
                    person.goes(now);
                }
                state.settle(user, now);
            }
        });
    }

    /// What is to be sent now, the earliest first.
    pub fn news(&self) -> Vec<Told> {
        let mut state = self.lock();
        let news = mem::take(&mut state.news);
        if news.len() >= UNSENT && !state.waiting.is_empty() {
            self.stirred.notify_one();
        }
        news
    }

    pub async fn somebody_stirred(&self) {
        self.stirred.notified().await;
    }

    pub async fn somebody_is_told(&self) {
        self.told.notified().await;
    }

    fn part(&self, user: UserId, friend: UserId, now: Timestamp) {
        self.change(now, |state| {
            let Some(person) = state.people.get_mut(&user) else { return };
            person.newcomers.retain(|newcomer| *newcomer != friend);
            if person.looking {
                person.parted.push(friend);
            }
            if person.known.there.is_none() {
                return;
            }
            match to_raw_value(&PresenceNews::hidden(user)) {
                Ok(data) => {
                    let (to, data) = (Arc::from([friend]), Arc::from(data));
                    state.news.push(Told { to, name: USER_OFFLINE, at: now, data, watched: None });
                }
                Err(error) => tracing::error!(%error, "somebody who is no friend any more is not told"),
            }
        });
    }

    /// Changes what is kept of somebody who is here.
    fn mark(&self, user: UserId, now: Timestamp, change: impl FnOnce(&mut Person)) {
        self.change(now, |state| {
            if let Some(person) = state.people.get_mut(&user) {
                change(person);
                state.settle(user, now);
            }
        });
    }

    fn change(&self, now: Timestamp, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        state.mind_the_clock(now);
        change(&mut state);
        self.notify(&state);
    }

    fn notify(&self, state: &State) {
        if !state.waiting.is_empty() {
            self.stirred.notify_one();
        }
        if !state.news.is_empty() {
            self.told.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn connected(&self, user: UserId) -> Option<Connected> {
        let person = self.people.get(&user).filter(|person| !person.gone)?;
        Some(Connected { since: person.since, idle: person.idle })
    }

    fn away_after(&self) -> Duration {
        self.away_after.unwrap_or(AWAY_AFTER)
    }

    /// Puts somebody where they belong by what is kept of them.
    fn settle(&mut self, user: UserId, now: Timestamp) {
        let Some(person) = self.people.get_mut(&user) else { return };
        let next = person.next(now, self.ending);
        let wakes_at = if let Next::At(at) = next { Some(at) } else { None };
        if person.wakes_at != wakes_at {
            if let Some(at) = mem::replace(&mut person.wakes_at, wakes_at) {
                self.later.remove(&(at, user));
            }
            self.later.extend(wakes_at.map(|at| (at, user)));
        }
        match next {
            Next::Now if !person.queued => {
                person.queued = true;
                self.waiting.push_back(user);
            }
            Next::Forget if !person.queued => drop(self.people.remove(&user)),
            _ => {}
        }
    }

    /// Lets everything happen that happens by itself until now.
    fn go_on(&mut self, now: Timestamp) {
        self.mind_the_clock(now);
        while let Some((_, user)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.pop_first();
            if let Some(person) = self.people.get_mut(&user) {
                let was_idle = person.idle_here;
                person.wakes_at = None;
                person.wake(now);
                if person.idle_here != was_idle {
                    self.elsewhere.changed.insert(user);
                }
            }
            self.settle(user, now);
        }
    }

    /// Only this looks at everybody: when the clock was ahead and has gone back.
    fn mind_the_clock(&mut self, now: Timestamp) {
        if self.latest.is_some_and(|latest| now.plus(TOLERATED) < latest) {
            self.latest = None;
            let away_after = self.away_after();
            let all: Vec<UserId> = self.people.keys().copied().collect();
            for user in all {
                if let Some(person) = self.people.get_mut(&user) {
                    person.put_right(now, away_after);
                }
                self.settle(user, now);
            }
        }
        self.latest = self.latest.max(Some(now));
    }

    /// Begins to look at somebody who has waited, unless there is no need to any more.
    fn look(&mut self, user: UserId, now: Timestamp) -> Option<Look> {
        let person = self.people.get_mut(&user)?;
        person.queued = false;
        if person.next(now, self.ending) != Next::Now {
            self.settle(user, now);
            return None;
        }
        let faded = mem::take(&mut person.faded);
        (person.dirty, person.looking) = (false, true);
        let (to_note, newcomers) = (person.to_note.take(), mem::take(&mut person.newcomers));
        let watchers = self.watched.of(user, now);
        let Person { since, went_at, .. } = *person;
        let look = Look { user, since, to_note, went_at, watchers, newcomers, faded };
        self.settle(user, now);
        Some(look)
    }

    fn put_back(&mut self, look: Look, now: Timestamp) {
        let Some(person) = self.people.get_mut(&look.user) else { return };
        person.to_note = person.to_note.max(look.to_note);
        person.faded |= look.faded && person.fades_at.is_none();
        look.newcomers.into_iter().for_each(|friend| person.befriends(friend));
        self.settle(look.user, now);
    }

    fn tell(&mut self, look: Look, looked: Looked, data: [Arc<RawValue>; 2], now: Timestamp) {
        let Looked { news: seen, friends, by_all, mut watchers, ends_at, fades_until } = looked;
        let [data, data_for_all] = data;
        let Some(person) = self.people.get_mut(&look.user) else { return };
        person.looked(now);
        let parted = mem::take(&mut person.parted);
        watchers.retain(|watcher| !parted.contains(watcher));
        if !person.gone {
            person.ends_at = ends_at;
            person.fades_at = fades_until;
        }
        if person.fades_at.is_some() {
            // When that is over, it is noted when they were seen.
            if person.notes {
                person.to_note = person.to_note.max(Some(now));
            }
            return self.put_back(look, now);
        }
        let (before, after) = (person.known, Known::of(&seen));
        let event = news(before.there, after.there, after.other_text(&before));
        if event.is_some() {
            person.told(after, now);
        }
        let for_all = person.told_all(Known::of(&by_all), !watchers.is_empty(), now);
        let friends = if parted.is_empty() {
            friends
        } else {
            friends.iter().filter(|friend| !parted.contains(friend)).copied().collect()
        };
        let told = match event {
            Some(event) => Some((event, friends)),
            // What the others know, they have yet to hear.
            None if after.there.is_some() && !look.newcomers.is_empty() => {
                let new = look.newcomers.into_iter().filter(|friend| friends.contains(friend));
                Some((USER_ONLINE, new.collect()))
            }
            None => None,
        };
        if let Some((name, to)) = told.filter(|(_, to)| !to.is_empty()) {
            self.news.push(Told { to, name, at: now, data, watched: None });
        }
        if let Some(name) = for_all {
            self.tell_watchers(look.user, watchers, name, &data_for_all, now);
        }
        self.settle(look.user, now);
    }
}

#[cfg(test)]
mod load;
#[cfg(test)]
mod tests;
