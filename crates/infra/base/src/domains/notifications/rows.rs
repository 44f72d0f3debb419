//! The rows of notifications and of what people want to be notified of.

use clowder_core::{ChatId, Id, MessageId, Result, Timestamp, UserId, Word};
use clowder_notifications::{
    Chosen, Digest, NotificationId, NotificationType, PushPrivacy, QuietHours, Reason, TargetType, TimeOfDay,
};
use diesel::prelude::*;
use uuid::Uuid;

use super::schema::{notification_groups, notification_preferences, notifications};

/// One notification. It has no text of anybody: that is read when it is shown.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = notifications)]
#[diesel(treat_none_as_default_value = false)]
pub struct NotificationRow {
    pub id: NotificationId,
    pub user_id: UserId,
    pub kind: String,
    /// What makes it the same if it is told again, with the person, the kind and the actor.
    pub source_id: Id<()>,
    /// The nil id if nobody did it, so that the index that keeps it unique compares it.
    pub actor_id: UserId,
    pub target_type: String,
    pub target_id: Id<()>,
    pub chat_id: Option<ChatId>,
    pub message_id: Option<MessageId>,
    pub seq: Option<i64>,
    /// The action of the audit log that a notice about the account is about.
    pub detail: Option<String>,
    pub group_id: NotificationId,
    pub group_key: String,
    pub reason: String,
    pub created_at: Timestamp,
    pub seen_at: Option<Timestamp>,
    pub read_at: Option<Timestamp>,
    /// Deleted, or not to be seen any more. The row stays, so that nothing is told again.
    pub removed_at: Option<Timestamp>,
}

/// Nobody, as an actor.
pub const NOBODY: UserId = UserId::from_uuid(Uuid::nil());

impl NotificationRow {
    pub fn kind(&self) -> Result<NotificationType> {
        NotificationType::parse_word(&self.kind)
    }

    pub fn reason(&self) -> Result<Reason> {
        Reason::parse_word(&self.reason)
    }

    pub fn target(&self) -> Result<(TargetType, Id<()>)> {
        Ok((TargetType::parse_word(&self.target_type)?, self.target_id))
    }

    pub fn actor(&self) -> Option<UserId> {
        Some(self.actor_id).filter(|actor| *actor != NOBODY)
    }
}

/// What is gathered, and how much of it is left.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notification_groups)]
pub struct GroupRow {
    /// That of its first notification.
    pub id: NotificationId,
    pub user_id: UserId,
    pub key: String,
    pub kind: String,
    /// Ids are in the order of time.
    pub latest_id: NotificationId,
    pub count: i64,
    pub unread: i64,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notification_preferences)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct ChosenRow {
    pub user_id: UserId,
    /// A JSON object: for each type, what was chosen.
    pub channels: String,
    pub quiet_from: Option<String>,
    pub quiet_to: Option<String>,
    pub time_zone: Option<String>,
    pub digest: String,
    pub push_privacy: String,
    pub updated_at: Timestamp,
    pub version: i64,
}

impl ChosenRow {
    pub fn new(user: UserId, chosen: &Chosen, now: Timestamp) -> Result<Self> {
        let hours = chosen.quiet_hours.as_ref();
        Ok(Self {
            user_id: user,
            channels: serde_json::to_string(&chosen.channels)?,
            quiet_from: hours.map(|hours| hours.from.to_string()),
            quiet_to: hours.map(|hours| hours.to.to_string()),
            time_zone: hours.map(|hours| hours.time_zone.clone()),
            digest: chosen.digest.as_str().to_owned(),
            push_privacy: chosen.push_privacy.as_str().to_owned(),
            updated_at: now,
            version: chosen.version,
        })
    }

    pub fn chosen(self) -> Result<Chosen> {
        // Types of a newer version are left out, not refused.
        let stored: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&self.channels)?;
        let known = stored.into_iter().filter_map(|(word, chosen)| Some((NotificationType::find(&word)?, chosen)));
        let channels = known.map(|(kind, chosen)| Ok((kind, serde_json::from_value(chosen)?)));
        let time = |text: Option<String>| text.as_deref().and_then(TimeOfDay::parse);
        let hours = time(self.quiet_from).zip(time(self.quiet_to)).zip(self.time_zone);
        Ok(Chosen {
            channels: channels.collect::<Result<_>>()?,
            quiet_hours: hours.map(|((from, to), time_zone)| QuietHours { from, to, time_zone }),
            digest: Digest::parse_word(&self.digest)?,
            push_privacy: PushPrivacy::parse_word(&self.push_privacy)?,
            version: self.version,
        })
    }
}
