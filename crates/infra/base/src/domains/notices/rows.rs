//! The rows of mail of notifications. None has a text of people.

use clowder_core::{ChatId, Id, MessageId, Timestamp, UserId};
use clowder_notifications::{
    NotificationId,
    mail::{NoticeId, NoticeMailId},
};
use diesel::prelude::*;

use super::schema::{notice_addresses, notice_digests, notice_mails, notice_queues, notices};

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
