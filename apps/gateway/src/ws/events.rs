//! What the server says over a socket: one table, each domain's events in a file of their own.

mod accounts;
mod messaging;
mod socket;

use clowder_core::{Scope, Scopes};
use serde_json::Value;

use crate::routes::Shape;

/// All events, domain by domain.
pub const EVENTS: &[&[Event]] = &[socket::EVENTS, messaging::EVENTS, accounts::EVENTS];

/// One line of the table.
pub struct Event {
    /// Its `type`: `message.sent`.
    pub name: &'static str,
    /// What it tells, in a few words.
    pub about: &'static str,
    /// What lets the socket of an API key hear of it: the scope that reads the same over REST. What has none is for people.
    pub scope: Option<Scope>,
    pub kind: Kind,
    /// Its `data`.
    pub shape: fn() -> Shape,
    /// An example of its `data`.
    pub example: fn() -> Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written to the journal: it has a cursor, and is told again to whoever resumes.
    Durable,
    /// Told to those who are there.
    Passing,
    /// About this socket alone, whoever holds it.
    Socket,
    /// Answers a command that was refused.
    Refusal,
}

pub fn all() -> impl Iterator<Item = &'static Event> {
    EVENTS.iter().copied().flatten()
}

/// The scope that lets API keys hear of what has this name. What stands in no table is for people.
pub fn opened_by(name: &str) -> Option<Scope> {
    all().find(|event| event.name == name)?.scope
}

/// Whether a socket hears of what a scope opens. One without scopes is a person's, who hears everything.
pub fn may_hear(scopes: Option<&Scopes>, opened_by: Option<Scope>) -> bool {
    scopes.is_none_or(|scopes| opened_by.is_some_and(|scope| scopes.contains(scope)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clowder_accounts::scopes::PROFILE_READ;
    use clowder_messaging::scopes::{CHATS_READ, MESSAGES_READ};

    use super::*;
    use crate::grants;

    #[test]
    fn may_hear_table() {
        let table = [
            ("message.sent", Some(MESSAGES_READ)),
            ("message.updated", Some(MESSAGES_READ)),
            ("message.deleted", Some(MESSAGES_READ)),
            ("message.read", Some(MESSAGES_READ)),
            ("chat.created", Some(CHATS_READ)),
            ("typing.start", Some(CHATS_READ)),
            ("typing.stop", Some(CHATS_READ)),
            ("user.deleted", Some(CHATS_READ)),
            ("user.registered", Some(PROFILE_READ)),
            ("user.updated", Some(PROFILE_READ)),
            ("settings.updated", Some(PROFILE_READ)),
            ("user.suspended", None),
            ("session.ended", None),
            ("api_key.created", None),
            ("api_key.revoked", None),
        ];
        for (name, expected) in table {
            assert!(may_hear(None, opened_by(name)), "people hear {name}");
            for scope in grants::scopes().iter().copied() {
                let alone = Scopes::from_iter([scope]);
                assert_eq!(
                    may_hear(Some(&alone), opened_by(name)),
                    expected == Some(scope),
                    "{name} by {}",
                    scope.word
                );
            }
        }
        assert!(!may_hear(Some(&grants::scopes().iter().copied().collect()), opened_by("event.unheard")));
        let told = all().filter(|event| matches!(event.kind, Kind::Durable | Kind::Passing)).map(|event| event.name);
        assert_eq!(told.collect::<BTreeSet<_>>(), table.iter().map(|(name, _)| *name).collect(), "each has its line");
        assert_eq!(all().map(|event| event.name).collect::<BTreeSet<_>>().len(), all().count(), "each has one line");
    }
}
