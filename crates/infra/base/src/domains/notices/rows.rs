//! The rows of mail of notifications. None has a text of people.

use clowder_core::{ChatId, Id, MessageId, Result, Timestamp, UserId, Word};
use clowder_notifications::{
    NotificationId, NotificationType,
    mail::{NoticeId, NoticeMailId, digest::Rhythm},
};
use diesel::prelude::*;
use uuid::Uuid;

use super::schema::{notice_addresses, notice_digests, notice_mails, notice_queues, notices};
use crate::keys::sha256;

/// Something to be told to somebody. With an email, it is on its way or was told.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notices)]
#[diesel(treat_none_as_default_value = false)]
pub struct NoticeRow {
    /// Follows from the person, the type, the source and the actor, so that nothing is told twice.
    pub id: NoticeId,
    pub user_id: UserId,
    pub kind: String,
    pub notification_id: Option<NotificationId>,
    pub source_id: Id<()>,
    pub actor_id: Option<UserId>,
    pub target_type: String,
    pub target_id: Id<()>,
    pub chat_id: Option<ChatId>,
    pub message_id: Option<MessageId>,
    pub seq: Option<i64>,
    pub group_key: String,
    pub reason: String,
    pub at: Timestamp,
    pub due_at: Timestamp,
    pub mail_id: Option<NoticeMailId>,
}

/// An email: a digest has a rhythm and a period, which belongs to one digest of a person.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notice_mails)]
#[diesel(treat_none_as_default_value = false)]
pub struct NoticeMailRow {
    pub id: NoticeMailId,
    pub user_id: UserId,
    pub rhythm: Option<String>,
    pub period: Option<String>,
    /// A digest shows what came after this.
    pub since: Option<Timestamp>,
    /// How many things belong to it of which nothing else is known.
    pub more: i64,
    pub created_at: Timestamp,
    pub settled_at: Option<Timestamp>,
    pub outcome: Option<String>,
}

/// What waits for somebody, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notice_queues)]
#[diesel(treat_none_as_default_value = false)]
pub struct NoticeQueueRow {
    pub user_id: UserId,
    /// When to look at what waits; none if nothing is due by itself.
    pub next_at: Option<Timestamp>,
    pub waiting: i64,
    /// How many more there would be, if there were room.
    pub more: i64,
}

/// Whoever has one wants a digest.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notice_digests)]
#[diesel(treat_none_as_default_value = false)]
pub struct NoticeDigestRow {
    pub user_id: UserId,
    pub rhythm: String,
    pub since: Timestamp,
    pub next_at: Timestamp,
}

/// An address from which emails came back.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notice_addresses)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(treat_none_as_null = true)]
pub struct NoticeAddressRow {
    pub user_id: UserId,
    /// A keyed hash: the row is about this address only.
    pub address: Vec<u8>,
    pub bounces: i16,
    /// The email that was counted last.
    pub mail_id: NoticeMailId,
    pub dead_at: Option<Timestamp>,
}

impl NoticeRow {
    /// The same for the same thing, whoever asks.
    pub fn id_of(user: UserId, kind: &str, source: Id<()>, actor: Option<UserId>) -> NoticeId {
        let actor = actor.map_or(Uuid::nil(), |actor| actor.uuid());
        let ids = [user.uuid(), source.uuid(), actor].map(Uuid::into_bytes).concat();
        let hash = sha256(&[ids.as_slice(), kind.as_bytes()].concat());
        NoticeId::from_uuid(Uuid::from_bytes(std::array::from_fn(|place| hash[place])))
    }

    pub fn kind(&self) -> Result<NotificationType> {
        NotificationType::parse_word(&self.kind)
    }
}

impl NoticeMailRow {
    /// One that is to be sent: of what waited, or a digest.
    pub fn new(id: NoticeMailId, user: UserId, digest: Option<Digested>, more: i64, now: Timestamp) -> Self {
        let (rhythm, period, since) = digest.map_or((None, None, None), |digest| {
            (Some(digest.rhythm.as_str().to_owned()), Some(digest.period), Some(digest.since))
        });
        Self { id, user_id: user, rhythm, period, since, more, created_at: now, settled_at: None, outcome: None }
    }

    pub fn rhythm(&self) -> Result<Option<Rhythm>> {
        self.rhythm.as_deref().map(Rhythm::parse_word).transpose()
    }
}

/// What makes an email a digest.
#[derive(Debug, Clone)]
pub struct Digested {
    pub rhythm: Rhythm,
    pub period: String,
    pub since: Timestamp,
}

impl NoticeQueueRow {
    /// Of somebody for whom nothing waits.
    pub const fn empty(user: UserId) -> Self {
        Self { user_id: user, next_at: None, waiting: 0, more: 0 }
    }
}

impl NoticeDigestRow {
    pub fn rhythm(&self) -> Result<Rhythm> {
        Rhythm::parse_word(&self.rhythm)
    }
}
