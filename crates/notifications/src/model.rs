//! A notification as its owner sees it, and how many they have not read.

use clowder_core::{Card, ChatId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{NotificationId, NotificationType, Reason, Stop, TargetType};

/// Something that its owner is told. Texts are in the owner's language, and show what the owner may see now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Notification {
    pub id: NotificationId,
    #[serde(rename = "type")]
    pub kind: NotificationType,
    #[schema(example = "Ada mentioned you in Lunch")]
    pub title: String,
    /// The beginning of the message or of the request, if there is one with a text.
    #[schema(required = true, max_length = 200)]
    pub body: Option<String>,
    /// Who did it; of several, the last.
    #[schema(required = true)]
    pub actor: Option<Card>,
    pub target: NotificationTarget,
    pub data: NotificationData,
    /// Those with the same key are gathered, until they are read.
    #[schema(example = "message.mention:018f0000-0000-7000-8000-000000000000")]
    pub group_key: String,
    /// How many are gathered in it; 1 in lists that are not grouped. No more than 100 are.
    #[schema(minimum = 1)]
    pub count: i64,
    /// Why its owner is told, and how to get no more of the kind, in words.
    pub reason: String,
    /// Of several, the last.
    pub created_at: Timestamp,
    #[schema(required = true)]
    pub seen_at: Option<Timestamp>,
    #[schema(required = true)]
    pub read_at: Option<Timestamp>,
}

/// What a notification leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotificationTarget {
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: TargetType,
    pub id: Uuid,
}

/// The same for programs: where it happened, why its owner is told, and what ends that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotificationData {
    #[schema(required = true)]
    pub chat_id: Option<ChatId>,
    #[schema(required = true)]
    pub message_id: Option<MessageId>,
    /// The number of the message in its chat.
    #[schema(required = true, minimum = 1)]
    pub seq: Option<i64>,
    pub reason: Reason,
    /// The mildest way first.
    pub stop: Vec<Stop>,
}

/// How many notifications somebody has not read, on any device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnreadCount {
    #[schema(minimum = 0)]
    pub unread_count: i64,
}

/// Which notifications are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// Only those that are not read, or only those that are.
    pub unread: Option<bool>,
    pub kind: Option<NotificationType>,
    /// Whether each stands for itself.
    pub single: bool,
}

/// The body of `read-all` and `seen`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(as = NotificationsUntil, example = json!({"before": "2026-12-01T12:00:00.000Z"}))]
pub struct Until {
    /// Only those that are not newer; absent: all.
    pub before: Option<Timestamp>,
}

impl clowder_core::Input for Until {
    fn read(fields: &mut clowder_core::Fields) -> Option<Self> {
        let before = fields.optional("before");
        Some(Self { before: before? })
    }
}
