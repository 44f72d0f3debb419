//! What the server says over a socket, gathered from all domains.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use clowder_core::{Recorded, Scope, Scopes, UserId};
use serde_json::Value;

use crate::{domains::DOMAINS, routes::Shape};

/// One line of the table.
pub struct Event {
    /// Its `type`: `message.sent`.
    pub name: &'static str,
    /// What it reports, in a few words.
    pub about: &'static str,
    /// The scope with which API keys receive it: the one that reads the same over REST. Without a scope, it is for
    /// people only.
    pub scope: Option<Scope>,
    pub kind: Kind,
    /// Its `data`.
    pub shape: fn() -> Shape,
    /// An example of its `data`.
    pub example: fn() -> Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written to the journal: it has a cursor, and is replayed to clients that resume.
    Durable,
    /// Sent to those who are connected, and never replayed.
    Passing,
    /// Concerns this socket alone, whoever holds it.
    Socket,
    /// Answers a command that was refused.
    Refusal,
}

/// All events, from the last domain to the first, so that those about the socket itself are read before what else goes over
/// it.
pub fn all() -> impl Iterator<Item = &'static Event> {
    DOMAINS.iter().rev().flat_map(|domain| domain.events)
}

static BY_NAME: LazyLock<HashMap<&str, &Event>> = LazyLock::new(|| all().map(|event| (event.name, event)).collect());

/// The scope of the event with this name. Events that are in no table are for people only.
pub fn opened_by(name: &str) -> Option<Scope> {
    BY_NAME.get(name)?.scope
}

static MESSAGES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| DOMAINS.iter().flat_map(|domain| domain.messages).copied().collect());

static COMPLETED: LazyLock<HashSet<&str>> =
    LazyLock::new(|| DOMAINS.iter().flat_map(|domain| domain.completed).copied().collect());

/// Whether an event is completed when it is sent.
pub fn is_completed(name: &str) -> bool {
    COMPLETED.contains(name)
}

/// Whose message an event shows, if it shows one.
pub fn sender(recorded: &Recorded) -> Option<UserId> {
    recorded.actor.filter(|_| MESSAGES.contains(&*recorded.name))
}

/// Whose messages a change makes the owner of its topic hide, or show again.
pub fn hides(recorded: &Recorded) -> Option<(UserId, bool)> {
    DOMAINS.iter().find_map(|domain| (domain.hides)(recorded))
}

/// Of whom a change lets the owner of its topic hear unasked from now on.
pub fn meets(recorded: &Recorded) -> Option<UserId> {
    DOMAINS.iter().find_map(|domain| (domain.meets)(recorded))
}

/// Whether a socket receives events of this scope. One without scopes is a person's and receives everything.
pub fn may_hear(scopes: Option<&Scopes>, opened_by: Option<Scope>) -> bool {
    scopes.is_none_or(|scopes| opened_by.is_some_and(|scope| scopes.contains(scope)))
}

/// Fails unless these are the events with their scopes, and each scope alone lets an API key hear of nothing else. Every
/// domain with events has such a table.
#[cfg(test)]
pub fn are_heard_by(events: &[Event], expected: &[(&str, Option<Scope>)]) {
    assert_eq!(
        events.iter().map(|event| event.name).collect::<Vec<_>>(),
        expected.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    for (name, scope) in expected {
        assert!(may_hear(None, opened_by(name)), "people hear {name}");
        for other in crate::grants::scopes().iter().copied() {
            let alone = Scopes::from_iter([other]);
            assert_eq!(may_hear(Some(&alone), opened_by(name)), *scope == Some(other), "{name} by {}", other.word);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::grants;

    #[test]
    fn what_stands_in_no_table_is_for_people() {
        let every: Scopes = grants::scopes().iter().copied().collect();
        assert!(!may_hear(Some(&every), opened_by("event.unheard")));
        assert!(may_hear(None, opened_by("event.unheard")));
    }

    #[test]
    fn names_are_unique() {
        assert!(all().count() > 15);
        assert_eq!(all().map(|event| event.name).collect::<BTreeSet<_>>().len(), all().count(), "each has one line");
    }
}
