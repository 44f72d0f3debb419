//! What happened, as it is written into the journal and sent to whom it concerns.

use std::sync::Arc;

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Follow, Timestamp, Topic, UserId};

/// Something that happened. Each domain has one enum of its changes; infra appends them to the journal in the
/// transaction that makes them true.
pub trait Change {
    /// `noun.participle`, as clients see it: `message.sent`.
    fn name(&self) -> &'static str;

    /// Whom it concerns.
    fn topic(&self) -> Topic;

    /// Whom it makes follow a topic, or stop following it. It is told to that user in any case.
    fn follow(&self) -> Option<Follow> {
        None
    }

    /// The topic whose order it keeps. A user who enters a chat learns of it on their personal topic, but in the
    /// order of the chat, so that they know the chat before its first message arrives. What is about a topic that
    /// people follow is anchored there; only what is about a user may be anchored elsewhere.
    fn anchor(&self) -> Topic {
        self.follow().map_or_else(|| self.topic(), |follow| follow.topic)
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
    pub follow: Option<Follow>,
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
