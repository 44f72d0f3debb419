//! What the server says over a socket: one table, each domain's events in a file of their own.

mod accounts;
mod messaging;
mod socket;

use clowder_accounts::{Scope, Scopes};
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
pub fn may_hear(scopes: Option<Scopes>, opened_by: Option<Scope>) -> bool {
    scopes.is_none_or(|scopes| opened_by.is_some_and(|scope| scopes.contains(scope)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clowder_core::Word;

    use super::*;

    #[test]
    fn may_hear_table() {
        use Scope::{ChatsRead, MessagesRead, ProfileRead};
        let table = [
            ("message.sent", Some(MessagesRead)),
            ("message.updated", Some(MessagesRead)),
            ("message.deleted", Some(MessagesRead)),
            ("message.read", Some(MessagesRead)),
            ("chat.created", Some(ChatsRead)),
            ("typing.start", Some(ChatsRead)),
            ("typing.stop", Some(ChatsRead)),
            ("user.deleted", Some(ChatsRead)),
            ("user.registered", Some(ProfileRead)),
            ("user.updated", Some(ProfileRead)),
            ("settings.updated", Some(ProfileRead)),
            ("user.suspended", None),
            ("session.ended", None),
            ("api_key.created", None),
            ("api_key.revoked", None),
        ];
        for (name, expected) in table {
            assert!(may_hear(None, opened_by(name)), "people hear {name}");
            for (scope, word) in Scope::WORDS.iter().map(|(word, scope)| (*scope, word)) {
                let alone = Some(Scopes::from_iter([scope]));
                assert_eq!(may_hear(alone, opened_by(name)), expected == Some(scope), "{name} by {word}");
            }
        }
        assert!(!may_hear(Some(Scope::WORDS.iter().map(|(_, scope)| *scope).collect()), opened_by("event.unheard")));
        let told = all().filter(|event| matches!(event.kind, Kind::Durable | Kind::Passing)).map(|event| event.name);
        assert_eq!(told.collect::<BTreeSet<_>>(), table.iter().map(|(name, _)| *name).collect(), "each has its line");
        assert_eq!(all().map(|event| event.name).collect::<BTreeSet<_>>().len(), all().count(), "each has one line");
    }
}
