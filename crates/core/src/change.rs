//! What happened, as it is written into the journal and sent to whom it concerns.

use std::{fmt, str::FromStr, sync::Arc};

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{ChatId, Error, Result, Timestamp, UserId};

/// Whom a change concerns: all who may see a chat, or one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    User(UserId),
    Chat(ChatId),
}

impl Topic {
    pub const fn uuid(&self) -> Uuid {
        match self {
            Self::User(id) => id.uuid(),
            Self::Chat(id) => id.uuid(),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Chat(id) => write!(f, "chat:{id}"),
        }
    }
}

impl FromStr for Topic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::internal(format!("no such topic: {text}"));
        match text.split_once(':').ok_or_else(wrong)? {
            ("user", id) => id.parse().map(Self::User).map_err(|_| wrong()),
            ("chat", id) => id.parse().map(Self::Chat).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

/// Something that happened. Each domain has one enum of its changes; infra appends them to the journal in the
/// transaction that makes them true.
pub trait Change {
    /// `noun.participle`, as clients see it: `message.sent`.
    fn name(&self) -> &'static str;

    /// Whom it concerns.
    fn topic(&self) -> Topic;

    /// The topic whose order it keeps. A user who enters a chat learns of it on the own topic, but in the order
    /// of the chat, so that the chat is known before its first message arrives.
    fn anchor(&self) -> Topic {
        self.topic()
    }

    /// The one thing it is about, when a later change may have to find it again.
    fn subject(&self) -> Option<Uuid> {
        None
    }

    /// The payload: an allow-list struct of the domain, never a row.
    fn data(&self) -> serde_json::Result<Box<RawValue>>;
}

/// A change with its place in the journal.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub stream: usize,
    pub position: i64,
    pub topic: Topic,
    pub name: Arc<str>,
    pub actor: Option<UserId>,
    pub subject: Option<Uuid>,
    pub at: Timestamp,
    /// JSON, serialised once for the journal, every socket and every reader.
    pub data: Arc<RawValue>,
}

/// Something that matters only now (typing, presence): it goes straight to the bus and is never replayed.
#[derive(Debug, Clone)]
pub struct Passing {
    pub topic: Topic,
    pub name: &'static str,
    pub at: Timestamp,
    pub data: Arc<RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;

    #[test]
    fn topics_survive_their_spelling() {
        let now = Timestamp::from_micros(5);
        for topic in [Topic::User(Id::new(now)), Topic::Chat(Id::new(now))] {
            assert_eq!(topic.to_string().parse::<Topic>().ok(), Some(topic));
        }
        for wrong in ["", "chat", "chat:", "chat:1", "pet:018f0000-0000-7000-8000-000000000000"] {
            assert!(wrong.parse::<Topic>().is_err(), "{wrong}");
        }
    }
}
