//! Whom people want to hear of who need not be their friends: somebody with whom they have a chat or a profile open.

use std::collections::{BTreeMap, HashMap, HashSet};

use clowder_accounts::presence::{PresenceNews, USER_OFFLINE, WATCHED_FOR};
use clowder_core::{Timestamp, UserId};
use serde_json::value::to_raw_value;

use super::{Online, State, Told};

/// How many people somebody may watch over all sockets to this node.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub struct Watched {
    /// Whom somebody watches, and until when.
    by: HashMap<UserId, BTreeMap<UserId, Timestamp>>,
    /// Who watches somebody.
    of: HashMap<UserId, HashSet<UserId>>,
}

impl Watched {
    fn add(&mut self, watcher: UserId, people: &[UserId], until: Timestamp, now: Timestamp) {
        let theirs = self.by.entry(watcher).or_default();
        let over: Vec<UserId> = theirs.iter().filter(|(_, until)| **until <= now).map(|(user, _)| *user).collect();
        for user in over {
            theirs.remove(&user);
            forget(&mut self.of, user, watcher);
        }
        for user in people {
            if theirs.len() < MOST || theirs.contains_key(user) {
                theirs.insert(*user, until);
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
        self.by.get(&watcher).and_then(|theirs| theirs.get(&user)).is_some_and(|until| *until > now)
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
        self.lock().watched.add(watcher, people, until, now);
        until
    }

    /// Somebody has no sockets here any more.
    pub fn watches_nobody(&self, watcher: UserId) {
        self.lock().watched.remove(watcher);
    }
}

impl State {
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
                Ok(data) => {
                    let (to, data) = (vec![watcher].into(), data.into());
                    self.news.push(Told { to, name: USER_OFFLINE, at: now, data, watched: Some(user) });
                }
                Err(error) => tracing::error!(%error, "somebody who was blocked is not told"),
            }
        }
    }
}
