//! What an API key may be good for: scopes per area and verb. A route names the one that opens it; a route that names
//! none is for people.

use clowder_core::{Role, Word};
use serde::{Deserialize, Serialize};

/// One thing a key may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Scope {
    #[serde(rename = "profile:read")]
    ProfileRead,
    #[serde(rename = "profile:write")]
    ProfileWrite,
    #[serde(rename = "chats:read")]
    ChatsRead,
    #[serde(rename = "chats:write")]
    ChatsWrite,
    #[serde(rename = "messages:read")]
    MessagesRead,
    #[serde(rename = "messages:write")]
    MessagesWrite,
    #[serde(rename = "realtime:connect")]
    RealtimeConnect,
    #[serde(rename = "admin:read")]
    AdminRead,
    #[serde(rename = "admin:write")]
    AdminWrite,
}

impl Word for Scope {
    const WHAT: &'static str = "scope";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("profile:read", Self::ProfileRead),
        ("profile:write", Self::ProfileWrite),
        ("chats:read", Self::ChatsRead),
        ("chats:write", Self::ChatsWrite),
        ("messages:read", Self::MessagesRead),
        ("messages:write", Self::MessagesWrite),
        ("realtime:connect", Self::RealtimeConnect),
        ("admin:read", Self::AdminRead),
        ("admin:write", Self::AdminWrite),
    ];
}

impl Scope {
    /// What it opens, in a few words.
    pub const fn says(self) -> &'static str {
        match self {
            Self::ProfileRead => "Read your account",
            Self::ProfileWrite => "Edit your profile",
            Self::ChatsRead => "Read your chats, each with its last message",
            Self::ChatsWrite => "Create chats",
            Self::MessagesRead => "Read messages",
            Self::MessagesWrite => "Send, edit and delete messages, move the read mark, show that you are typing",
            Self::RealtimeConnect => "Open a WebSocket, which delivers the events that the other scopes may read",
            Self::AdminRead => "Read what the role of the key's owner may see of others",
            Self::AdminWrite => "Do what the role of the key's owner may do to others",
        }
    }

    /// Below this role it would open nothing.
    pub const fn least(self) -> Role {
        match self {
            Self::AdminRead | Self::AdminWrite => Role::Moderator,
            _ => Role::User,
        }
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u32);

impl Scopes {
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::WORDS.iter().map(|(_, scope)| *scope).filter(move |scope| self.contains(*scope))
    }

    /// As it is stored: words with spaces between them.
    pub fn words(self) -> String {
        self.iter().map(Word::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Words that this version does not know open nothing.
    pub fn from_words(text: &str) -> Self {
        text.split(' ').filter_map(Scope::find).collect()
    }

    const fn bit(scope: Scope) -> u32 {
        1 << scope as u32
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | Self::bit(scope)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_their_spelling() {
        let some: Scopes = [Scope::MessagesWrite, Scope::ChatsRead, Scope::ChatsRead].into_iter().collect();
        assert_eq!(some.words(), "chats:read messages:write");
        assert_eq!(Scopes::from_words("messages:write gone:away chats:read"), some);
        assert!(some.contains(Scope::ChatsRead) && !some.contains(Scope::ChatsWrite));
        assert!(Scopes::from_words("").is_empty());
        for (word, scope) in Scope::WORDS {
            assert_eq!(serde_json::to_value(scope).unwrap(), *word, "one spelling everywhere");
        }
    }
}
