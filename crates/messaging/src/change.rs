//! Changes in chats.

use clowder_core::{ChatId, Follow, MessageId, Timestamp, Topic, TopicKind, UserId, follow::Step};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::{Chat, Message};

#[derive(Debug, Clone)]
pub enum Change {
    /// Sent to each participant in person, because each sees a chat of their own.
    ChatCreated(UserId, Box<Chat>),
    /// Sent to each participant in person, for the same reason.
    ChatUpdated(UserId, Box<Chat>),
    MessageSent(Box<Message>),
    MessageUpdated(Box<Message>),
    MessageDeleted(Deleted),
    MessageRead(Read, Audience),
    /// Sent to whoever wrote messages that have arrived.
    MessageDelivered(Delivered, UserId),
    ReactionAdded(Reaction),
    ReactionRemoved(Reaction),
    /// Sent to whoever is no longer in the chat.
    ParticipantRemoved(ParticipantRemoved),
    /// Sent to each participant in person, when it is their turn.
    ChatDeleted(UserId, ChatDeleted),
}

/// Who receives a read mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the chat.
    Chat,
    /// The reader, on all devices.
    Reader,
    /// Somebody who wrote messages that were read, where others must not be told.
    Sender(UserId),
}

/// What everybody in a chat follows.
pub const CHAT: TopicKind = TopicKind::new("chat");

pub const MESSAGE_SENT: &str = "message.sent";
pub const MESSAGE_UPDATED: &str = "message.updated";

/// Changes whose payload contains the message's text: a deletion has to rewrite them.
pub const SHOW_THE_MESSAGE: &[&str] = &[MESSAGE_SENT, MESSAGE_UPDATED];

/// The payload of `message.deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Deleted {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: i64,
    pub deleted_by: UserId,
    pub deleted_at: Timestamp,
}

/// The payload of `message.read`: somebody has read a chat up to here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Read {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub seq: i64,
    pub at: Timestamp,
}

/// The payload of `message.delivered`: a chat has arrived at a device of somebody up to here.
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
    pub user_id: UserId,
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

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::ChatCreated(..) => "chat.created",
            Self::ChatUpdated(..) => "chat.updated",
            Self::MessageSent(_) => MESSAGE_SENT,
            Self::MessageUpdated(_) => MESSAGE_UPDATED,
            Self::MessageDeleted(_) => "message.deleted",
            Self::MessageRead(..) => "message.read",
            Self::MessageDelivered(..) => "message.delivered",
            Self::ReactionAdded(_) => "reaction.added",
            Self::ReactionRemoved(_) => "reaction.removed",
            Self::ParticipantRemoved(_) => "participant.removed",
            Self::ChatDeleted(..) => "chat.deleted",
        }
    }

    fn topic(&self) -> Topic {
        let chat = match self {
            Self::ChatCreated(user, _) | Self::ChatUpdated(user, _) | Self::ChatDeleted(user, _) => {
                return Topic::user(*user);
            }
            Self::ParticipantRemoved(removed) => return Topic::user(removed.user_id),
            Self::MessageSent(message) | Self::MessageUpdated(message) => message.chat_id,
            Self::MessageDeleted(deleted) => deleted.chat_id,
            Self::ReactionAdded(reaction) | Self::ReactionRemoved(reaction) => reaction.chat_id,
            Self::MessageRead(read, Audience::Reader) => return Topic::user(read.user_id),
            Self::MessageRead(_, Audience::Sender(user)) | Self::MessageDelivered(_, user) => {
                return Topic::user(*user);
            }
            Self::MessageRead(read, Audience::Chat) => read.chat_id,
        };
        Topic::new(CHAT, chat)
    }

    fn follow(&self) -> Option<Follow> {
        match self {
            Self::ChatCreated(user, chat) => {
                Some(Follow { user: *user, topic: Topic::new(CHAT, chat.id), step: Step::Enter })
            }
            Self::ParticipantRemoved(removed) => Some(left(removed.user_id, removed.chat_id)),
            Self::ChatDeleted(user, deleted) => Some(left(*user, deleted.chat_id)),
            Self::ChatUpdated(..)
            | Self::MessageSent(_)
            | Self::MessageUpdated(_)
            | Self::MessageDeleted(_)
            | Self::MessageRead(..)
            | Self::MessageDelivered(..)
            | Self::ReactionAdded(_)
            | Self::ReactionRemoved(_) => None,
        }
    }

    fn anchor(&self) -> Topic {
        match self {
            // In the order of the chat, so that no device receives a mark before the message that it refers to.
            Self::MessageRead(read, _) => Topic::new(CHAT, read.chat_id),
            Self::MessageDelivered(delivered, _) => Topic::new(CHAT, delivered.chat_id),
            Self::ChatUpdated(_, chat) => Topic::new(CHAT, chat.id),
            _ => self.follow().map_or_else(|| self.topic(), |follow| follow.topic),
        }
    }

    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::ChatCreated(_, chat) | Self::ChatUpdated(_, chat) => Some(chat.id.uuid()),
            Self::MessageSent(message) | Self::MessageUpdated(message) => Some(message.id.uuid()),
            Self::MessageDeleted(deleted) => Some(deleted.message_id.uuid()),
            Self::ReactionAdded(reaction) | Self::ReactionRemoved(reaction) => Some(reaction.message_id.uuid()),
            Self::ParticipantRemoved(removed) => Some(removed.chat_id.uuid()),
            Self::ChatDeleted(_, deleted) => Some(deleted.chat_id.uuid()),
            // Of changes on personal topics, an erasure finds those about somebody by this.
            Self::MessageDelivered(delivered, _) => Some(delivered.user_id.uuid()),
            Self::MessageRead(read, Audience::Sender(_)) => Some(read.user_id.uuid()),
            Self::MessageRead(..) => None,
        }
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::ChatCreated(_, chat) | Self::ChatUpdated(_, chat) => to_raw_value(chat),
            Self::MessageSent(message) | Self::MessageUpdated(message) => to_raw_value(message),
            Self::MessageDeleted(deleted) => to_raw_value(deleted),
            Self::MessageRead(read, _) => to_raw_value(read),
            Self::MessageDelivered(delivered, _) => to_raw_value(delivered),
            Self::ReactionAdded(reaction) | Self::ReactionRemoved(reaction) => to_raw_value(reaction),
            Self::ParticipantRemoved(removed) => to_raw_value(removed),
            Self::ChatDeleted(_, deleted) => to_raw_value(deleted),
        }
    }
}

fn left(user: UserId, chat: ChatId) -> Follow {
    Follow { user, topic: Topic::new(CHAT, chat), step: Step::Leave }
}
