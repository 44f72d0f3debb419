//! Of whom people hear who need not be their friends: those with whom they have a private chat, and those whom they name,
//! because a profile is open.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use clowder_accounts::presence::{PresenceNews, USER_OFFLINE, WATCHED_FOR};
use clowder_core::{Timestamp, UserId};
use serde_json::value::{RawValue, to_raw_value};

use super::{Online, State, Told};

/// How many people somebody may name over all sockets to this node. Of more, those are forgotten who were named longest ago.
pub const MOST_NAMED: usize = 10_000;
/// Of how many people somebody hears as long as they are connected.
const MOST_ALWAYS: usize = 10_000;

#[derive(Debug, Default)]
pub struct Watched {
    /// Whom somebody watches.
    by: HashMap<UserId, Theirs>,
    /// Who watches somebody.
    of: HashMap<UserId, HashSet<UserId>>,
}

#[derive(Debug, Default)]
struct Theirs {
    /// As long as they are connected, over all their sockets.
    always: HashSet<UserId>,
    /// Whom they have named, and until when.
    named: HashMap<UserId, Timestamp>,
    /// The same by its end: those who were named longest ago come first.
    ends: BTreeSet<(Timestamp, UserId)>,
}

impl Theirs {
    fn name(&mut self, user: UserId, until: Timestamp) {
        if let Some(before) = self.named.insert(user, until) {
            self.ends.remove(&(before, user));
        }
        self.ends.insert((until, user));
    }

    fn forget(&mut self, user: UserId) {
        if let Some(until) = self.named.remove(&user) {
            self.ends.remove(&(until, user));
        }
    }

    fn has(&self, user: UserId) -> bool {
        self.always.contains(&user) || self.named.contains_key(&user)
    }

    /// Whom to forget, because it is over, or because there are more than `most`.
    fn first(&self, most: usize, now: Timestamp) -> Option<UserId> {
        let (until, user) = self.ends.first()?;
        (*until <= now || self.ends.len() > most).then_some(*user)
    }
}

impl Watched {
    /// Somebody names people. They may be more than too many until those are known whom they do not see.
    fn name(&mut self, watcher: UserId, people: &[UserId], until: Timestamp, now: Timestamp) {
        let theirs = self.by.entry(watcher).or_default();
        for user in people {
            theirs.name(*user, until);
            self.of.entry(*user).or_default().insert(watcher);
        }
        self.trim(watcher, 2 * MOST_NAMED, now);
    }

    fn add_always(&mut self, watcher: UserId, people: &[UserId]) {
        let theirs = self.by.entry(watcher).or_default();
        for user in people {
            if theirs.always.len() < MOST_ALWAYS || theirs.always.contains(user) {
                theirs.always.insert(*user);
                self.of.entry(*user).or_default().insert(watcher);
            }
        }
    }

    fn unname(&mut self, watcher: UserId, user: UserId) {
        let Some(theirs) = self.by.get_mut(&watcher) else { return };
        theirs.forget(user);
        if !theirs.has(user) {
            forget(&mut self.of, user, watcher);
        }
        if theirs.always.is_empty() && theirs.named.is_empty() {
            self.by.remove(&watcher);
        }
    }

    /// Forgets those who were named for a time that is over, and those who are too many.
    fn trim(&mut self, watcher: UserId, most: usize, now: Timestamp) {
        while let Some(first) = self.by.get(&watcher).and_then(|theirs| theirs.first(most, now)) {
            self.unname(watcher, first);
        }
    }

    fn remove(&mut self, watcher: UserId) {
        let Theirs { always, named, .. } = self.by.remove(&watcher).unwrap_or_default();
        for user in always.into_iter().chain(named.into_keys()) {
            forget(&mut self.of, user, watcher);
        }
    }

    /// Who watches somebody now.
    pub fn of(&self, user: UserId, now: Timestamp) -> Vec<UserId> {
        let watchers = self.of.get(&user).into_iter().flatten().copied();
        watchers.filter(|watcher| self.watches(*watcher, user, now)).collect()
    }

    fn watches(&self, watcher: UserId, user: UserId, now: Timestamp) -> bool {
        self.by.get(&watcher).is_some_and(|theirs| {
            theirs.always.contains(&user) || theirs.named.get(&user).is_some_and(|until| *until > now)
        })
    }

    /// Whether somebody watches another over all their sockets.
    pub fn always(&self, watcher: UserId, user: UserId) -> bool {
        self.by.get(&watcher).is_some_and(|theirs| theirs.always.contains(&user))
    }
}

fn forget(of: &mut HashMap<UserId, HashSet<UserId>>, user: UserId, watcher: UserId) {
    if let Some(watchers) = of.get_mut(&user) {
        watchers.remove(&watcher);
        if watchers.is_empty() {
            of.remove(&user);
        }
    }
}

impl Online {
    /// From now on somebody hears of these people, as far as everybody may see them. Returns until when. As soon as it is known
    /// whom of them they do not see, [`unwatch`](Self::unwatch) has to be called.
    pub fn watch(&self, watcher: UserId, people: &[UserId], now: Timestamp) -> Timestamp {
        let until = now.plus(WATCHED_FOR);
        self.lock().watched.name(watcher, people, until, now);
        until
    }

    /// Somebody does not watch these people any longer, unless another socket of theirs does.
    pub fn unwatch(
        &self,
        watcher: UserId,
        people: &[UserId],
        is_watched_elsewhere: impl Fn(UserId) -> bool,
        now: Timestamp,
    ) {
        let mut state = self.lock();
        for user in people {
            // Under the lock: whoever watches from now on does so after this.
            if !is_watched_elsewhere(*user) {
                state.watched.unname(watcher, *user);
            }
        }
        state.watched.trim(watcher, MOST_NAMED, now);
    }

    /// The same for all sockets of somebody to this node, as long as there are any.
    pub fn watch_always(&self, watcher: UserId, people: &[UserId]) {
        if !people.is_empty() {
            self.lock().watched.add_always(watcher, people);
        }
    }

    /// Somebody has no sockets here any more.
    pub fn watches_nobody(&self, watcher: UserId) {
        self.lock().watched.remove(watcher);
    }
}

impl State {
    /// Tells people who watch somebody: over all their sockets, or over those that do.
    pub fn tell_watchers(
        &mut self,
        user: UserId,
        watchers: Vec<UserId>,
        name: &'static str,
        data: &Arc<RawValue>,
        now: Timestamp,
    ) {
        let (always, named): (Vec<_>, Vec<_>) =
            watchers.into_iter().partition(|watcher| self.watched.always(*watcher, user));
        for (to, watched) in [(always, None), (named, Some(user))] {
            if !to.is_empty() {
                self.news.push(Told { to: to.into(), name, at: now, data: Arc::clone(data), watched });
            }
        }
    }

    /// One of these two has blocked the other.
    pub fn block(&mut self, one: UserId, other: UserId, now: Timestamp) {
        for (user, watcher) in [(one, other), (other, one)] {
            let Some(person) = self.people.get_mut(&user) else { continue };
            if person.looking {
                person.parted.push(watcher);
            }
            if person.known_by_all.there.is_none() || !self.watched.watches(watcher, user, now) {
                continue;
            }
            match to_raw_value(&PresenceNews::hidden(user)) {
                Ok(data) => self.tell_watchers(user, vec![watcher], USER_OFFLINE, &data.into(), now),
                Err(error) => tracing::error!(%error, "somebody who was blocked is not told"),
            }
        }
    }
}
