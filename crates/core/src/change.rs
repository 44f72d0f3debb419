//! Changes, as written to the journal and sent to the users they concern.

use std::sync::Arc;

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Error, Follow, Result, Timestamp, Topic, UserId};

/// Something that happened. Each domain has one enum of its changes; infra appends them to the journal in the
/// transaction that causes them.
pub trait Change {
    /// `noun.participle`, as clients see it: `message.sent`.
    fn name(&self) -> &'static str;

    /// The topic whose followers receive it.
    fn topic(&self) -> Topic;

    /// The follow step of a user, if this makes one follow a topic or stop. That user receives the change in any case.
    fn follow(&self) -> Option<Follow> {
        None
    }

    /// The topic in whose order it is written. A user who enters a chat receives that on their personal topic, but in
    /// the order of the chat, so that they know the chat before its first message arrives. A change about a topic that
    /// others follow is anchored there; only changes about a user may be anchored elsewhere.
    fn anchor(&self) -> Topic {
        self.follow().map_or_else(|| self.topic(), |follow| follow.topic)
    }

    /// The thing it is about, if a later change may have to find it again.
    fn subject(&self) -> Option<Uuid> {
        None
    }

    /// The number of the thing it is about, where those of a topic have numbers: whoever follows the topic only after it does
    /// not receive the change. Of one that makes somebody follow a topic: after which number they do. Without it, the change
    /// concerns all followers.
    fn seq(&self) -> Option<i64> {
        None
    }

    /// The payload: an explicit struct of the domain, never a row.
    fn data(&self) -> serde_json::Result<Box<RawValue>>;
}

/// The anchor, after a check: a change about a topic with followers must be anchored at that topic, and so must the
/// steps by which users follow it.
pub fn anchor_of(change: &(impl Change + ?Sized)) -> Result<Topic> {
    let (topic, anchor) = (change.topic(), change.anchor());
    let in_order = match change.follow() {
        Some(follow) => anchor == follow.topic && (topic == follow.topic || topic == Topic::user(follow.user)),
        None => anchor == topic || topic.as_user().is_some(),
    };
    if in_order { Ok(anchor) } else { Err(Error::internal(format!("{} is anchored elsewhere", change.name()))) }
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
    pub seq: Option<i64>,
    pub at: Timestamp,
    /// JSON, serialised once for the journal, all sockets and all readers. `null` if a later change of the same kind says
    /// all that this one said.
    pub data: Arc<RawValue>,
}

impl Recorded {
    /// What stands in place of the data of a change that a later one has superseded. Sockets pass over it.
    pub const SUPERSEDED: &str = "null";

    pub fn is_superseded(&self) -> bool {
        self.data.get() == Self::SUPERSEDED
    }

    /// Whether it concerns somebody who follows its topic after this number.
    pub fn is_after(&self, seq: i64) -> bool {
        self.follow.is_some() || self.seq.is_none_or(|own| own > seq)
    }
}

/// A transient event (typing, presence): it is sent at once and never replayed.
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
    use crate::{TopicKind, follow::Step};

    struct Anchored {
        topic: Topic,
        anchor: Topic,
        follow: Option<(UserId, Topic)>,
    }

    impl Change for Anchored {
        fn name(&self) -> &'static str {
            "test.anchored"
        }

        fn topic(&self) -> Topic {
            self.topic
        }

        fn follow(&self) -> Option<Follow> {
            self.follow.map(|(user, topic)| Follow { user, topic, step: Step::Leave })
        }

        fn anchor(&self) -> Topic {
            self.anchor
        }

        fn data(&self) -> serde_json::Result<Box<RawValue>> {
            RawValue::from_string("{}".to_owned())
        }
    }

    #[test]
    fn anchor_of_table() {
        let now = Timestamp::from_micros(5);
        let [ada, bob] = [UserId::new(now), UserId::new(now)];
        let [one, two] = [ada, bob].map(|id| Topic::new(TopicKind::new("chat"), id));
        let (own, others) = (Topic::user(ada), Topic::user(bob));
        for (topic, anchor, follow, allowed) in [
            (one, one, None, true),
            (one, two, None, false),
            (own, own, None, true),
            (own, one, None, true),
            (own, one, Some((ada, one)), true),
            (one, one, Some((ada, one)), true),
            (own, own, Some((ada, one)), false),
            (own, two, Some((ada, one)), false),
            (others, one, Some((ada, one)), false),
            (two, one, Some((ada, one)), false),
        ] {
            let change = Anchored { topic, anchor, follow };
            assert_eq!(anchor_of(&change).is_ok(), allowed, "{topic} at {anchor}, {follow:?}");
        }
    }
}
