//! Who is connected to the other nodes.
//!
//! Each node says who has sockets there: the differences of a moment together, and every [`BEAT`] how many people they
//! are with a checksum, which tells the others whether they have missed something. Who has asks, and is told everything
//! again in parts, each of which is complete for its range of ids. Of a node that is silent for [`LEASE`] beats, nobody
//! is online any more, at once: they had all that time to come back.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
    ops::Bound::{Excluded, Included, Unbounded},
    time::Duration,
};

use clowder_accounts::presence::LINGER;
use clowder_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Online, Person, State};

/// How often a node says that it is there.
pub const BEAT: Duration = Duration::from_secs(2);
/// How long it may take until another node knows that somebody has left, with much to spare.
const AT_THE_SAME_TIME: Duration = Duration::from_secs(5);
/// After so many beats without a word of it, a node is dead.
const LEASE: u32 = 5;
/// About how many people one message is; `NOTIFY` of PostgreSQL takes less than 8,000 octets.
const TOGETHER: usize = 100;
/// How many messages are sent at a time, at most.
const AT_ONCE: usize = 32;
/// How many other nodes are known, at most.
const NODES: usize = 256;
/// How many people are believed to be at one node, at most.
const PEOPLE: usize = 1_000_000;

/// What a node tells the others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    /// It is there, with so many people.
    Beat { count: usize, digest: u64 },
    /// These people are there now, or are there in another way, and those are not any more.
    Changes { here: Vec<Here>, gone: Vec<UserId> },
    /// Between these two, the second included, exactly these are there.
    Part { after: Option<UserId>, until: Option<UserId>, here: Vec<Here> },
    /// This node, or each, tells everything again.
    Ask { of: Option<Uuid> },
    /// These people did something there, where they have no sockets.
    Acts { people: Vec<UserId> },
    /// It stops.
    Bye,
}

/// Who has sockets at a node: since when in microseconds, and whether they have done nothing there for long.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Here(UserId, i64, bool);

/// What is kept of the other nodes, and of what they were told.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// The name of this node, once it has joined the others.
    me: Option<Uuid>,
    nodes: HashMap<Uuid, Node>,
    /// Who has sockets here, as the others were told, and whether they are idle here.
    said: People,
    /// Who has to be told of.
    pub changed: BTreeSet<UserId>,
    /// Who has done something here and has sockets elsewhere only.
    acted: BTreeSet<UserId>,
    /// Everything is told again, after this person next.
    walk: Option<Option<UserId>>,
    /// And then once more.
    again: bool,
    /// Whom to ask for everything; `None` is each.
    asks: BTreeSet<Option<Uuid>>,
    since_beat: Duration,
}

/// Why somebody has no sockets at another node any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// It says so.
    Said,
    /// It was silent for too long; `notes` is whether this node notes when its people were seen.
    Lost { notes: bool },
}

#[derive(Debug, Default)]
struct Node {
    people: People,
    /// How many beats of this node have passed since the other was heard.
    silent: u32,
    /// It has told a part of everything since its last beat.
    tells: bool,
}

/// Some people, and whether they are idle.
#[derive(Debug, Default)]
struct People {
    idle: BTreeMap<UserId, bool>,
    digest: u64,
}

impl People {
    /// Returns what was known before.
    fn set(&mut self, user: UserId, idle: Option<bool>) -> Option<bool> {
        let before = match idle {
            Some(idle) => self.idle.insert(user, idle),
            None => self.idle.remove(&user),
        };
        let sum = |idle| fingerprint(user, idle);
        self.digest ^= before.map_or(0, sum) ^ idle.map_or(0, sum);
        before
    }

    /// The ids after the first and up to the second.
    fn between(&self, after: Option<UserId>, until: Option<UserId>) -> impl Iterator<Item = UserId> {
        let empty = after.zip(until).is_some_and(|(after, until)| until <= after);
        let range = (after.map_or(Unbounded, Excluded), until.map_or(Unbounded, Included));
        (!empty).then(|| self.idle.range(range).map(|(user, _)| *user)).into_iter().flatten()
    }
}

fn fingerprint(user: UserId, idle: bool) -> u64 {
    let (high, low) = user.uuid().as_u64_pair();
    (low ^ high.rotate_left(17) ^ u64::from(idle)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Online {
    /// From now on this node tells the others under this name.
    pub fn join(&self, me: Uuid) {
        let mut state = self.lock();
        state.elsewhere.me = Some(me);
        state.elsewhere.asks.insert(None);
    }

    /// What to tell the other nodes after this much time, in this order.
    pub fn take_messages(&self, passed: Duration, now: Timestamp) -> Vec<String> {
        let mut messages = Vec::new();
        self.change(now, |state| {
            state.go_on(now);
            messages = state.take_messages(passed, now);
        });
        messages.iter().filter_map(|message| serde_json::to_string(message).ok()).collect()
    }

    /// The last that the others hear of this node.
    pub fn bye(&self) -> Option<String> {
        serde_json::to_string(&Message::Bye).ok()
    }

    /// Hears what another node says.
    pub fn hear_node(&self, node: Uuid, body: &str, now: Timestamp) {
        if let Ok(message) = serde_json::from_str(body) {
            self.change(now, |state| state.hear_node(node, message, now));
        }
    }
}

impl State {
    fn take_messages(&mut self, passed: Duration, now: Timestamp) -> Vec<Message> {
        self.elsewhere.since_beat += passed;
        let beats = self.elsewhere.since_beat >= BEAT;
        if beats {
            self.elsewhere.since_beat = Duration::ZERO;
            self.lose_the_dead(now);
        }
        if self.elsewhere.me.is_none() || self.ending {
            self.elsewhere.changed.clear();
            return Vec::new();
        }
        let mut messages: Vec<_> =
            mem::take(&mut self.elsewhere.asks).into_iter().map(|of| Message::Ask { of }).collect();
        while !self.elsewhere.changed.is_empty() && messages.len() < AT_ONCE {
            messages.push(self.changes());
        }
        while !self.elsewhere.acted.is_empty() && messages.len() < AT_ONCE {
            let people = (0..TOGETHER).map_while(|_| self.elsewhere.acted.pop_first()).collect();
            messages.push(Message::Acts { people });
        }
        while let Some(after) = self.elsewhere.walk.filter(|_| messages.len() < AT_ONCE) {
            messages.push(self.part(after));
        }
        if beats {
            let said = &self.elsewhere.said;
            messages.push(Message::Beat { count: said.idle.len(), digest: said.digest });
        }
        messages
    }

    fn changes(&mut self) -> Message {
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        while here.len() + gone.len() < TOGETHER {
            let Some(user) = self.elsewhere.changed.pop_first() else { break };
            let person = self.people.get(&user).filter(|person| person.sockets > 0);
            let idle = person.map(|person| person.idle_here);
            if self.elsewhere.said.set(user, idle) == idle {
                continue;
            }
            match person {
                Some(person) => here.push(Here(user, person.since.as_micros(), person.idle_here)),
                None => gone.push(user),
            }
        }
        Message::Changes { here, gone }
    }

    /// The next part of everything.
    fn part(&mut self, after: Option<UserId>) -> Message {
        let said = &self.elsewhere.said;
        let users: Vec<UserId> = said.between(after, None).take(TOGETHER).collect();
        let until = users.last().copied().filter(|_| users.len() == TOGETHER);
        let here = |user: UserId| {
            let since = self.people.get(&user).map_or(0, |person| person.since.as_micros());
            Here(user, since, said.idle.get(&user).is_some_and(|idle| *idle))
        };
        let here = users.into_iter().map(here).collect();
        self.elsewhere.walk = match until {
            Some(until) => Some(Some(until)),
            None => mem::take(&mut self.elsewhere.again).then_some(None),
        };
        Message::Part { after, until, here }
    }

    fn hear_node(&mut self, node: Uuid, message: Message, now: Timestamp) {
        let elsewhere = &mut self.elsewhere;
        if self.ending || elsewhere.me == Some(node) {
            return;
        }
        if elsewhere.nodes.len() >= NODES && !elsewhere.nodes.contains_key(&node) {
            return;
        }
        let known = elsewhere.nodes.entry(node).or_default();
        known.silent = 0;
        match message {
            Message::Beat { count, digest } => {
                let right = known.people.idle.len() == count && known.people.digest == digest;
                if !mem::take(&mut known.tells) && !right {
                    elsewhere.asks.insert(Some(node));
                }
            }
            Message::Changes { here, gone } => {
                here.into_iter().for_each(|here| self.has(node, here, now));
                gone.into_iter().for_each(|user| self.has_not(node, user, Leaving::Said, now));
            }
            Message::Part { after, until, here } => {
                known.tells = true;
                let named: BTreeSet<UserId> = here.iter().map(|Here(user, ..)| *user).collect();
                let over: Vec<UserId> =
                    known.people.between(after, until).filter(|user| !named.contains(user)).collect();
                here.into_iter().for_each(|here| self.has(node, here, now));
                over.into_iter().for_each(|user| self.has_not(node, user, Leaving::Said, now));
            }
            Message::Ask { of } if of.is_none() || of == elsewhere.me => {
                if elsewhere.walk.is_some() {
                    elsewhere.again = true;
                } else {
                    elsewhere.walk = Some(None);
                }
            }
            Message::Ask { .. } => {}
            Message::Acts { people } => {
                people.into_iter().for_each(|user| self.acts(user, now, false));
            }
            Message::Bye => self.lose(node, Leaving::Said, now),
        }
    }

    /// Somebody has sockets at another node.
    fn has(&mut self, node: Uuid, Here(user, since, idle): Here, now: Timestamp) {
        let Some(known) = self.elsewhere.nodes.get_mut(&node) else { return };
        if known.people.idle.len() >= PEOPLE && !known.people.idle.contains_key(&user) {
            return;
        }
        let before = known.people.set(user, Some(idle));
        if before == Some(idle) {
            return;
        }
        let since = Timestamp::from_micros(since.max(0)).min(now);
        let person = self.people.entry(user).or_insert_with(|| Person::comes(since));
        person.is_back(since);
        person.since = person.since.min(since);
        person.elsewhere += usize::from(before.is_none());
        person.active_elsewhere += usize::from(!idle);
        person.active_elsewhere -= usize::from(before == Some(false));
        person.left_at = None;
        person.sum_up();
        self.settle(user, now);
    }

    /// Somebody has no sockets at another node any more.
    fn has_not(&mut self, node: Uuid, user: UserId, leaving: Leaving, now: Timestamp) {
        let before = self.elsewhere.nodes.get_mut(&node).and_then(|known| known.people.set(user, None));
        let (Some(idle), Some(person)) = (before, self.people.get_mut(&user)) else { return };
        person.elsewhere -= 1;
        person.active_elsewhere -= usize::from(!idle);
        if leaving == Leaving::Said {
            person.parted_at = Some(now);
        }
        if !person.is_connected() && !person.gone {
            // When somebody leaves both at the same moment, each node believed that they stay at the other.
            let closed = person.closed_at.is_some_and(|at| now.since(at) < AT_THE_SAME_TIME);
            match leaving {
                Leaving::Said => (person.left_at, person.notes) = (Some(now), closed),
                Leaving::Lost { notes } => {
                    person.notes = notes || closed;
                    // The silence of the node was their grace, unless another of their sockets has just closed.
                    person.left_at = person.parted_at.filter(|at| at.plus(LINGER) > now);
                    if person.left_at.is_none() {
                        person.goes(now);
                    }
                }
            }
        }
        person.sum_up();
        self.settle(user, now);
    }

    fn lose(&mut self, node: Uuid, leaving: Leaving, now: Timestamp) {
        let people: Vec<UserId> = self
            .elsewhere
            .nodes
            .get(&node)
            .map(|known| known.people.idle.keys().copied().collect())
            .unwrap_or_default();
        people.into_iter().for_each(|user| self.has_not(node, user, leaving, now));
        self.elsewhere.nodes.remove(&node);
    }

    /// One of the nodes that live notes when the people of a dead one were seen.
    fn lose_the_dead(&mut self, now: Timestamp) {
        let elsewhere = &mut self.elsewhere;
        elsewhere.nodes.values_mut().for_each(|node| node.silent += 1);
        metrics::gauge!("clowder_nodes_heard").set(elsewhere.nodes.len() as f64);
        let dead: Vec<Uuid> =
            elsewhere.nodes.iter().filter(|(_, node)| node.silent > LEASE).map(|(name, _)| *name).collect();
        let living = elsewhere.nodes.iter().filter(|(_, node)| node.silent <= LEASE).map(|(name, _)| *name).min();
        let notes = elsewhere.me.is_some_and(|me| living.is_none_or(|other| me < other));
        for node in dead {
            tracing::warn!(%node, "another node is not heard any more, so its people have left");
            self.lose(node, Leaving::Lost { notes }, now);
        }
    }

    /// Somebody did something; `here` is whether it was at this node.
    pub fn acts(&mut self, user: UserId, now: Timestamp, here: bool) {
        let away_after = self.away_after();
        let Some(person) = self.people.get_mut(&user).filter(|person| person.is_connected()) else { return };
        // To a twentieth: what happens all the time costs nothing.
        let exact = away_after - away_after / 20;
        if !person.idle && person.idle_at.is_some_and(|at| at > now.plus(exact)) {
            return;
        }
        person.idle_at = Some(now.plus(away_after));
        if person.sockets == 0 {
            if here {
                self.elsewhere.acted.insert(user);
            }
            return;
        }
        if mem::take(&mut person.idle_here) {
            self.elsewhere.changed.insert(user);
            person.sum_up();
        }
        self.settle(user, now);
    }
}

#[cfg(test)]
mod tests;
