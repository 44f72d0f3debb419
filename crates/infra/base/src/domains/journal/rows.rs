//! A change as the journal stores it.

use std::sync::Arc;

use clowder_core::{Error, Follow, Id, Recorded, Result, Timestamp, Topic, UserId, Word, follow::Step};
use diesel::prelude::*;
use serde_json::value::RawValue;

use super::schema::{former_epochs, journal};

/// The columns of [`JournalRow`] in their order, of the table as `j`.
pub const JOURNAL_COLUMNS: &str = "j.stream, j.position, j.topic_kind, j.topic_id, j.name, j.actor_id, j.subject_id, \
    j.follow, j.follower_id, j.followed_kind, j.followed_id, j.seq, j.at, j.data, j.segment";

/// A step by which a user came to follow a topic, or stopped: where it stands, its size, and what it says.
pub type StepRow = (i16, i64, i32, Option<String>, Option<String>, Option<Id<()>>);

/// The head, floor and segment of a stream.
pub type StreamRow = (i64, i64, i32);

/// A stream, the position of a change in it, its size, and the stored part of the epoch.
pub type SizeRow = (i16, i64, i32, Option<Id<()>>);

/// An epoch, the one that has followed it, and how far it came that this one has all of.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = former_epochs)]
pub struct FormerEpochRow {
    pub epoch: Id<()>,
    pub successor: Id<()>,
    pub heads: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = journal)]
#[diesel(treat_none_as_default_value = false)]
pub struct JournalRow {
    pub stream: i16,
    pub position: i64,
    pub topic_kind: String,
    pub topic_id: Id<()>,
    pub name: String,
    pub actor_id: Option<UserId>,
    pub subject_id: Option<Id<()>>,
    pub follow: Option<String>,
    pub follower_id: Option<UserId>,
    pub followed_kind: Option<String>,
    pub followed_id: Option<Id<()>>,
    pub seq: Option<i64>,
    pub at: Timestamp,
    pub data: String,
    pub segment: i32,
}

impl JournalRow {
    pub fn new(recorded: &Recorded, segment: i32) -> Result<Self> {
        let followed = recorded.follow.map(|follow| follow.topic);
        Ok(Self {
            stream: i16::try_from(recorded.stream).map_err(|_| Error::internal("too many streams"))?,
            position: recorded.position,
            topic_kind: recorded.topic.kind.to_string(),
            topic_id: Id::from_uuid(recorded.topic.id),
            name: recorded.name.to_string(),
            actor_id: recorded.actor,
            subject_id: recorded.subject.map(Id::from_uuid),
            follow: recorded.follow.map(|follow| follow.step.as_str().to_owned()),
            follower_id: recorded.follow.map(|follow| follow.user),
            followed_kind: followed.map(|topic| topic.kind.to_string()),
            followed_id: followed.map(|topic| Id::from_uuid(topic.id)),
            seq: recorded.seq,
            at: recorded.at,
            data: recorded.data.get().to_owned(),
            segment,
        })
    }

    pub fn recorded(self) -> Result<Recorded> {
        let follow = match (self.follow, self.follower_id, self.followed_kind, self.followed_id) {
            (Some(step), Some(user), Some(kind), Some(id)) => {
                Some(Follow { user, topic: Topic::new(kind.parse()?, id), step: Step::parse_word(&step)? })
            }
            _ => None,
        };
        Ok(Recorded {
            stream: usize::try_from(self.stream).map_err(|_| Error::internal("a stream below zero"))?,
            position: self.position,
            topic: Topic::new(self.topic_kind.parse()?, self.topic_id),
            name: Arc::from(self.name),
            actor: self.actor_id,
            subject: self.subject_id.map(|id| id.uuid()),
            follow,
            seq: self.seq,
            at: self.at,
            data: Arc::from(RawValue::from_string(self.data)?),
        })
    }
}
