//! What a change is about: a chat, a user, and more in later versions. A topic is a kind and an id.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::{Error, Id, Result, UserId};

/// The kind of a topic, such as `chat`. Kinds are open: one that this version does not know can be read, stored and
/// passed on. Each domain has constants for its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicKind([u8; Self::LONGEST]);

impl TopicKind {
    /// The maximum length of a kind in characters.
    pub const LONGEST: usize = 24;

    /// A constant kind: lower-case letters and underscores. Anything else does not compile.
    pub const fn new(name: &'static str) -> Self {
        let kind = Self::read(name.as_bytes());
        assert!(kind.is_some(), "a topic kind is 1 to 24 lower-case letters and underscores");
        match kind {
            Some(kind) => kind,
            None => Self([0; Self::LONGEST]),
        }
    }

    const fn read(name: &[u8]) -> Option<Self> {
        if name.is_empty() || name.len() > Self::LONGEST {
            return None;
        }
        let mut octets = [0; Self::LONGEST];
        let mut at = 0;
        while at < name.len() {
            if !name[at].is_ascii_lowercase() && name[at] != b'_' {
                return None;
            }
            octets[at] = name[at];
            at += 1;
        }
        Some(Self(octets))
    }

    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|octet| *octet == 0).unwrap_or(Self::LONGEST);
        self.0.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }
}

impl FromStr for TopicKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::read(name.as_bytes()).ok_or_else(|| Error::internal(format!("not a topic kind: {name}")))
    }
}

impl fmt::Display for TopicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The personal topic of a user, for changes that concern nobody else. Every user always follows their own.
pub const USER: TopicKind = TopicKind::new("user");

/// Its followers receive the changes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic {
    pub kind: TopicKind,
    /// Unique across all kinds.
    pub id: Uuid,
}

impl Topic {
    pub const fn new<T>(kind: TopicKind, id: Id<T>) -> Self {
        Self { kind, id: id.uuid() }
    }

    pub const fn user(user: UserId) -> Self {
        Self::new(USER, user)
    }

    /// The user, if this is a personal topic.
    pub fn as_user(&self) -> Option<UserId> {
        (self.kind == USER).then(|| UserId::from_uuid(self.id))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn kinds_are_open_and_survive_their_spelling() {
        for name in ["user", "chat", "event", "a_kind_of_a_later_one", "abcdefghijklmnopqrstuvwx"] {
            let kind: TopicKind = name.parse().unwrap();
            assert_eq!((kind.as_str(), kind.to_string().as_str()), (name, name));
        }
        for wrong in ["", "Chat", "chat:", "chät", "chat\0", "abcdefghijklmnopqrstuvwxy"] {
            assert!(wrong.parse::<TopicKind>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_a_personal_topic_is_a_users() {
        let ada = UserId::new(Timestamp::from_micros(5));
        assert_eq!(Topic::user(ada).as_user(), Some(ada));
        assert_eq!(Topic::new(TopicKind::new("chat"), ada).as_user(), None);
        assert_eq!(Topic::user(ada).to_string(), format!("user:{ada}"));
    }
}
