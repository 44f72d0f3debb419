//! What changes in chats say.

use clowder_core::{
    ChatId, MessageId, Timestamp, UserId,
    attempt::{Decided, Unwanted},
};
use serde::{Deserialize, Serialize};

use super::Audience;
use crate::{
    ChatPreferences, ChatType, Notify, Participant,
    moderation::{ReviewId, ReviewType, SanctionId, SanctionType},
    scheduled::{Problem, Scheduled, ScheduledId, ScheduledStatus},
};

/// The payload of `message.deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Deleted {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    pub deleted_by: UserId,
    pub deleted_at: Timestamp,
}

/// The payload of `message.expiring`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageExpiring)]
pub struct Expiring {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    pub expires_at: Timestamp,
}

/// The payload of `message.scheduled`. It does not contain the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ScheduledMessageChanged)]
pub struct ScheduledChanged {
    pub id: ScheduledId,
    pub chat_id: ChatId,
    pub status: ScheduledStatus,
    pub send_at: Timestamp,
    /// The message that was sent; of a repeated one, the last.
    pub message_id: Option<MessageId>,
    /// Why it was refused.
    pub problem: Option<Problem>,
    pub version: i64,
}

impl From<&Scheduled> for ScheduledChanged {
    fn from(scheduled: &Scheduled) -> Self {
        let Scheduled { id, chat_id, status, send_at, message_id, version, .. } = *scheduled;
        Self { id, chat_id, status, send_at, message_id, problem: scheduled.problem.clone(), version }
    }
}

/// The payload of `message.edited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageEdited)]
pub struct Edited {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    /// That of the message as it is now.
    pub version: i64,
}

/// The payload of `participant.added` and `participant.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParticipantChanged {
    pub chat_id: ChatId,
    pub participant: Participant,
}

/// The payload of `chat.preferences`. Of the texts it says only whether there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatPreferencesChanged)]
pub struct PreferencesChanged {
    pub chat_id: ChatId,
    pub archived: bool,
    pub pinned: bool,
    pub muted_until: Option<Timestamp>,
    pub notify: Notify,
    pub has_title: bool,
    /// When the draft was written; `null` if there is none.
    pub drafted_at: Option<Timestamp>,
}

impl PreferencesChanged {
    pub fn of(chat_id: ChatId, preferences: &ChatPreferences) -> Self {
        Self {
            chat_id,
            archived: preferences.archived,
            pinned: preferences.pinned,
            muted_until: preferences.muted_until,
            notify: preferences.notify,
            has_title: preferences.title.is_some(),
            drafted_at: preferences.drafted_at,
        }
    }
}

/// The payload of `message.read`: somebody has read a chat up to here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Read {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub seq: i64,
    pub at: Timestamp,
}

/// The payload of `message.delivered`: messages up to this one were delivered to a device of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivered {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub seq: i64,
    pub at: Timestamp,
    /// Whether this is kept at all: not in large and in closed chats.
    #[serde(skip)]
    pub kept: bool,
}

/// The payload of `reaction.added` and `reaction.removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reaction {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    #[schema(minimum = 1)]
    pub seq: i64,
    /// Who reacted; `null` for all except themselves in channels, where subscribers learn nothing of each other.
    pub user_id: Option<UserId>,
    #[schema(example = "👍")]
    pub emoji: String,
    /// How many people have reacted to the message with this emoji now.
    #[schema(minimum = 0)]
    pub count: i64,
}

/// The payload of `participant.removed`: somebody has left, or was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParticipantRemoved {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// The participant, if they left.
    pub removed_by: UserId,
}

/// The payload of `chat.invited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatInvited)]
pub struct Invited {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub invited_by: UserId,
    pub expires_at: Timestamp,
}

/// The payload of `chat.uninvited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatUninvited)]
pub struct Uninvited {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub reason: Unwanted,
}

/// The payload of `chat.requested`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatRequested)]
pub struct Requested {
    pub chat_id: ChatId,
    pub user_id: UserId,
}

/// The payload of `chat.decided`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatDecided)]
pub struct Decision {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub action: Decided,
}

/// The payload of `chat.sanctioned`. Why is not in it, so that it can be forgotten: the list of one's sanctions says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatSanctioned)]
pub struct Sanctioned {
    pub id: SanctionId,
    pub chat_id: ChatId,
    pub user_id: UserId,
    #[serde(rename = "type")]
    pub kind: SanctionType,
    /// `null` if it lasts until somebody lifts it, and for what does not last.
    pub until: Option<Timestamp>,
    /// Whether it is over, because somebody lifted it.
    pub lifted: bool,
}

/// The payload of `chat.braked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatBraked)]
pub struct Braked {
    pub chat_id: ChatId,
    /// Until when whoever comes has to be let in.
    pub until: Timestamp,
}

/// The payload of `chat.review`. It does not say what or who: load the reviews of the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatReview)]
pub struct ReviewWaiting {
    pub chat_id: ChatId,
    pub review_id: ReviewId,
    #[serde(rename = "type")]
    pub kind: ReviewType,
}

/// The payload of `chat.deleted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatDeleted {
    pub chat_id: ChatId,
}

/// The payload of the transient events `typing.start` and `typing.stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Typing {
    pub chat_id: ChatId,
    pub user_id: UserId,
}

impl Reaction {
    /// What is told of it, and to whom. In a channel the others learn that somebody has reacted, and not who.
    pub fn told(self, kind: ChatType) -> Vec<(Self, Audience)> {
        if kind != ChatType::Channel {
            return vec![(self, Audience::Chat)];
        }
        let unnamed = Self { user_id: None, ..self.clone() };
        vec![(unnamed, Audience::Chat), (self, Audience::Own)]
    }
}
