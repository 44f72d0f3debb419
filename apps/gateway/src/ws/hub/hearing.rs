//! What the socket of an API key is told: no more than its scopes let it read.

use clowder_accounts::{
    Scope, Scopes,
    change::{USER_DELETED, USER_UPDATED},
};

/// Whether a socket hears of what has this name. One without scopes is a person's, who hears everything.
pub fn may_hear(scopes: Option<Scopes>, name: &str) -> bool {
    scopes.is_none_or(|scopes| scope_of(name).is_some_and(|scope| scopes.contains(scope)))
}

/// The scope that reads the same over REST. What none reads is for people: sessions, keys, suspensions, and whatever
/// nobody has thought of here.
fn scope_of(name: &str) -> Option<Scope> {
    match name.split('.').next() {
        Some("message") => Some(Scope::MessagesRead),
        Some("chat" | "typing") => Some(Scope::ChatsRead),
        // Told in chats, with the card that is shown from now on.
        _ if name == USER_DELETED => Some(Scope::ChatsRead),
        _ if [USER_UPDATED, "user.registered", "settings.updated"].contains(&name) => Some(Scope::ProfileRead),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clowder_core::Word;

    use super::*;
    use crate::{docs::Direction, ws::frames};

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
        for (name, opened_by) in table {
            assert!(may_hear(None, name), "people hear {name}");
            for (scope, word) in Scope::WORDS.iter().map(|(word, scope)| (*scope, word)) {
                let alone = Some(Scopes::from_iter([scope]));
                assert_eq!(may_hear(alone, name), opened_by == Some(scope), "{name} by {word}");
            }
        }
        let told = frames().into_iter().filter(|frame| matches!(frame.direction, Direction::FromServer));
        let told: BTreeSet<_> = told.map(|frame| frame.name).filter(|name| name.contains('.')).collect();
        assert_eq!(told, table.iter().map(|(name, _)| *name).collect(), "every event has its line above");
    }
}
