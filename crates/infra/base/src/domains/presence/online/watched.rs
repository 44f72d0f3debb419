//! Of whom people hear who need not be their friends: those with whom they have a private chat, and those whom they name,
//! because a profile is open.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use clowder_accounts::presence::{PresenceNews, USER_OFFLINE, WATCHED_FOR};
use clowder_core::{Timestamp, UserId};
use serde_json::value::{RawValue, to_raw_value};

use super::{Online, State, Told};

/// How many people somebody may watch over all sockets to this node.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub struct Watched {
    /// Whom somebody watches, and until when; `None` is as long as they are connected, over all their sockets.
    by: HashMap<UserId, BTreeMap<UserId, Option<Timestamp>>>,
    /// Who watches somebody.
    of: HashMap<UserId, HashSet<UserId>>,
}

impl Watched {
    fn add(&mut self, watcher: UserId, people: &[UserId], until: Option<Timestamp>, now: Timestamp) {
        let theirs = self.by.entry(watcher).or_default();
        let is_over = |until: &Option<Timestamp>| until.is_some_and(|until| until <= now);
        let over: Vec<UserId> = theirs.iter().filter(|(_, until)| is_over(until)).map(|(user, _)| *user).collect();
        for user in over {
            theirs.remove(&user);
            forget(&mut self.of, user, watcher);
        }
        for user in people {
            if theirs.len() < MOST || theirs.contains_key(user) {
                let held = theirs.entry(*user).or_insert(until);
                *held = held.and(until);
                self.of.entry(*user).or_default().insert(watcher);
            }
        }
    }

    fn remove(&mut self, watcher: UserId) {
        for user in self.by.remove(&watcher).unwrap_or_default().into_keys() {
            forget(&mut self.of, user, watcher);
        }
    }

    /// Who watches somebody now.
    pub fn of(&self, user: UserId, now: Timestamp) -> Vec<UserId> {
        let watchers = self.of.get(&user).into_iter().flatten().copied();
        watchers.filter(|watcher| self.watches(*watcher, user, now)).collect()
    }

    fn watches(&self, watcher: UserId, user: UserId, now: Timestamp) -> bool {
        let until = self.by.get(&watcher).and_then(|theirs| theirs.get(&user));
        until.is_some_and(|until| until.is_none_or(|until| until > now))
    }

    /// Whether somebody watches another over all their sockets.
    pub fn always(&self, watcher: UserId, user: UserId) -> bool {
        self.by.get(&watcher).and_then(|theirs| theirs.get(&user)).is_some_and(Option::is_none)
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
    /// From now on somebody hears of these people, as far as everybody may see them. Returns until when.
    pub fn watch(&self, watcher: UserId, people: &[UserId], now: Timestamp) -> Timestamp {
        let until = now.plus(WATCHED_FOR);
        self.lock().watched.add(watcher, people, Some(until), now);
        until
    }

    /// The same for all sockets of somebody to this node, as long as there are any.
    pub fn watch_always(&self, watcher: UserId, people: &[UserId], now: Timestamp) {
        if !people.is_empty() {
            self.lock().watched.add(watcher, people, None, now);
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
