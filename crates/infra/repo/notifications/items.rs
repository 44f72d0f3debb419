//! What somebody may be told, before and after it is a row.

use clowder_core::{ChatId, Id, MessageId, Result, Timestamp, UserId, Word};
use clowder_notifications::{
    NotificationId, NotificationType, Reason, TargetType,
    rules::{About, group_key},
};

use crate::domains::notifications::{NOBODY, NotificationRow};

/// One thing and one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub user: UserId,
    pub kind: NotificationType,
    pub reason: Reason,
    pub source: Id<()>,
    pub actor: Option<UserId>,
    pub target: (TargetType, Id<()>),
    pub chat: Option<ChatId>,
    pub message: Option<MessageId>,
    pub seq: Option<i64>,
    pub detail: Option<String>,
    pub at: Timestamp,
}

/// What is the same if it is told again.
pub type Key = (UserId, Id<()>, String, UserId);

impl Item {
    pub fn key(&self) -> Key {
        (self.user, self.source, self.kind.as_str().to_owned(), self.actor.unwrap_or(NOBODY))
    }

    pub fn group_key(&self) -> String {
        let about = About { source: self.source, actor: self.actor, target: self.target, chat: self.chat };
        group_key(self.kind, &about, self.message)
    }

    /// In a group, or alone if that is its own id.
    pub fn row(&self, id: NotificationId, group: NotificationId, read_at: Option<Timestamp>) -> NotificationRow {
        NotificationRow {
            id,
            user_id: self.user,
            kind: self.kind.as_str().to_owned(),
            source_id: self.source,
            actor_id: self.actor.unwrap_or(NOBODY),
            target_type: self.target.0.as_str().to_owned(),
            target_id: self.target.1,
            chat_id: self.chat,
            message_id: self.message,
            seq: self.seq,
            detail: self.detail.clone(),
            group_id: group,
            group_key: self.group_key(),
            reason: self.reason.as_str().to_owned(),
            created_at: self.at,
            seen_at: read_at,
            read_at,
            removed_at: None,
        }
    }

    pub fn of(row: &NotificationRow) -> Result<Self> {
        Ok(Self {
            user: row.user_id,
            kind: row.kind()?,
            reason: row.reason()?,
            source: row.source_id,
            actor: row.actor(),
            target: row.target()?,
            chat: row.chat_id,
            message: row.message_id,
            seq: row.seq,
            detail: row.detail.clone(),
            at: row.created_at,
        })
    }
}
