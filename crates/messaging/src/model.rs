//! The types of messaging; each has the same shape when stored, sent and answered.

mod emoji;
mod input;
mod values;

pub use emoji::Emoji;
pub use input::{ChatFilter, MessagePatch, NewChat, NewMessage, NewRead, Window};
pub use values::{ChatRole, ChatType, ClientId, Content, MessageType, Status, Title};

use clowder_core::{Card, ChatId, GroupId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

/// A chat as one participant sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Chat {
    pub id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatType,
    /// A private chat has none: clients show the other person's name.
    #[schema(example = "Lunch")]
    pub title: Option<String>,
    pub description: Option<String>,
    /// The other person of a private chat.
    pub peer: Option<Card>,
    /// The group whose chat this is: whoever is in the group is in it. `null` for every other chat.
    pub group_id: Option<GroupId>,
    #[schema(minimum = 1)]
    pub participant_count: i64,
    pub my_role: ChatRole,
    /// Whether messages can be sent and edited. A private chat closes when one of the two blocks the other.
    pub writable: bool,
    /// The `seq` up to which the viewer has read.
    #[schema(minimum = 0)]
    pub read_seq: i64,
    /// Messages of others after the read mark; deleted ones do not count.
    #[schema(minimum = 0)]
    pub unread_count: i64,
    /// The `seq` of the newest message, 0 when there is none.
    #[schema(minimum = 0)]
    pub last_seq: i64,
    pub last_message: Option<Message>,
    pub created_at: Timestamp,
    /// When the newest message was sent; the list of chats is ordered by it.
    pub active_at: Timestamp,
    /// Starts at 1 and grows by one with each edit; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
}

/// A message. It has the same shape when stored, answered, written to the journal and sent to sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Message {
    pub id: MessageId,
    pub chat_id: ChatId,
    /// Counts 1, 2, 3 … in its chat, without gaps.
    #[schema(minimum = 1)]
    pub seq: i64,
    #[serde(rename = "type")]
    pub kind: MessageType,
    pub sender: Card,
    /// `null` when the message has been deleted.
    #[schema(max_length = 8000, example = "Shall we have lunch?")]
    pub content: Option<String>,
    /// `read` when all other participants have read it, and, for its sender, `delivered` when it has arrived at a device of
    /// each of them; always `sent` in chats of more than 256 people.
    pub status: Status,
    /// The sender's own id for the message.
    pub client_id: Option<String>,
    /// The emoji that people have reacted with, the one that was first used first.
    #[schema(max_items = 20, required = true)]
    #[serde(default)]
    pub reactions: Vec<Reacted>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// Starts at 1 and grows by one with each change; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
    /// Present, and true, if the viewer has blocked the sender and hides their messages: in pages, by itself, as the last
    /// message of a chat, and in events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

impl Message {
    /// As an event shows it, which is the same for everybody.
    pub fn for_everybody(mut self) -> Self {
        for reacted in &mut self.reactions {
            reacted.mine = None;
        }
        self
    }
}

/// An emoji on a message, and how many people have reacted with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reacted {
    #[schema(example = "👍")]
    pub emoji: String,
    #[schema(minimum = 1)]
    pub count: i64,
    /// Whether you are one of them. Events are the same for everybody and never contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub mine: Option<bool>,
}

/// Somebody who has reacted to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reactor {
    pub user: Card,
    #[schema(example = "👍")]
    pub emoji: String,
    pub at: Timestamp,
}

/// A version of a message, the current one included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Edit {
    #[schema(minimum = 1)]
    pub version: i64,
    pub content: String,
    /// When this version was written.
    pub written_at: Timestamp,
}
