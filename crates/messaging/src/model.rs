//! The types of messaging; each has the same shape when stored, sent and answered.

mod emoji;
mod input;
mod rights;
mod values;

pub use emoji::Emoji;
pub use input::{ChatFilter, MAX_INVITED, MessagePatch, NewChat, NewMessage, NewRead, Window};
pub use rights::{Rights, RightsPatch};
pub(crate) use values::MaybeContent;
pub use values::{
    ChatRole, ChatType, ChatVisibility, ClientId, Content, History, MessageType, Notify, Optional, OptionalText,
    OptionalTime, Status, Title, TypingKind,
};

use clowder_core::{Card, ChatId, GroupId, MessageId, Picture, Timestamp, UserId, Word};
use serde::{Deserialize, Serialize};

use crate::{
    attachments::Attachment,
    entities::Entity,
    lifetimes::Lifetime,
    polls::{Choices, Poll},
    previews::LinkPreview,
    relations::{ForwardedFrom, ReplyTo, Thread},
};

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
    /// That of the chat of a group is the group's. A private chat has none: clients show the other person's.
    #[serde(default)]
    #[schema(required = true)]
    pub avatar: Option<Picture>,
    /// The other person of a private chat.
    pub peer: Option<Card>,
    /// The group whose chat this is: it decides about the title and the people. `null` for every other chat.
    pub group_id: Option<GroupId>,
    #[schema(minimum = 1)]
    pub participant_count: i64,
    pub my_role: ChatRole,
    pub visibility: ChatVisibility,
    pub history: History,
    /// What its members may do.
    pub rights: Rights,
    /// How many seconds members wait between two messages; 0 if they need not. Owners and admins never do.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 21600, required = true)]
    pub slow_seconds: i64,
    /// Until when a moderator has muted the viewer: the end of the year 9999 if until somebody lifts it. A time that is over
    /// means nothing.
    #[serde(default)]
    pub silent_until: Option<Timestamp>,
    /// How long messages stay that are sent now; `null` if they stay until somebody deletes them.
    pub lifetime: Option<Lifetime>,
    /// Whether the viewer can send messages and edit them, unless they are muted. A private chat closes when one of the two blocks the other.
    pub writable: bool,
    pub preferences: ChatPreferences,
    /// The `seq` up to which the viewer has read.
    #[schema(minimum = 0)]
    pub read_seq: i64,
    /// Messages of others after the read mark; deleted ones do not count.
    #[schema(minimum = 0)]
    pub unread_count: i64,
    /// Unread messages that mention the viewer, by name or with everybody, unless the viewer has blocked the sender; 1,000
    /// are counted at most.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000, required = true)]
    pub mention_count: i64,
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

/// What a participant has chosen for themselves in a chat. Nobody else sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatPreferences {
    pub archived: bool,
    /// Pinned chats come first in the list.
    pub pinned: bool,
    pub muted_until: Option<Timestamp>,
    pub notify: Notify,
    /// What they call the chat; `null` in events.
    #[schema(max_length = 120, example = "The lunch people")]
    pub title: Option<String>,
    /// What they have begun to write; `null` in events.
    #[schema(max_length = 8000)]
    pub draft: Option<String>,
    pub drafted_at: Option<Timestamp>,
}

impl Default for ChatPreferences {
    fn default() -> Self {
        Self {
            archived: false,
            pinned: false,
            muted_until: None,
            notify: Notify::All,
            title: None,
            draft: None,
            drafted_at: None,
        }
    }
}

/// What everybody in a chat sees of it alike: the payload of `chat.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatFace {
    pub id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatType,
    pub title: Option<String>,
    pub description: Option<String>,
    #[serde(default)]
    #[schema(required = true)]
    pub avatar: Option<Picture>,
    pub visibility: ChatVisibility,
    pub history: History,
    pub rights: Rights,
    /// How many seconds members wait between two messages.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 21600, required = true)]
    pub slow_seconds: i64,
    pub lifetime: Option<Lifetime>,
    /// Whether nobody can write in it any more.
    pub closed: bool,
    #[schema(minimum = 0)]
    pub participant_count: i64,
    #[schema(minimum = 1)]
    pub version: i64,
}

/// A public chat in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatEntry {
    pub id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatType,
    #[schema(example = "Lunch")]
    pub title: Option<String>,
    pub description: Option<String>,
    pub avatar: Option<Picture>,
    #[schema(minimum = 0)]
    pub participant_count: i64,
    /// Whether the viewer is in it.
    pub joined: bool,
    pub created_at: Timestamp,
}

/// Somebody in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Participant {
    pub user: Card,
    pub role: ChatRole,
    pub joined_at: Timestamp,
}

/// What happened, in a message of type `system`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SystemNote {
    pub action: SystemAction,
    /// To whom it happened.
    #[schema(max_items = 200)]
    pub user_ids: Vec<UserId>,
    /// The new title.
    pub title: Option<String>,
    /// The new role.
    #[schema(required = true)]
    #[serde(default)]
    pub role: Option<ChatRole>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SystemAction {
    Added,
    Joined,
    Left,
    Removed,
    Retitled,
    OwnerChanged,
    /// Somebody has another role.
    RoleChanged,
    /// How long messages stay: see the chat.
    LifetimeChanged,
    /// What is above comes from a file.
    Imported,
}

impl SystemNote {
    /// The plain text of the message. It names nobody: its sender and the ids say who it was, so that no name has to be
    /// found and taken away when somebody is renamed or erased.
    pub fn text(&self) -> String {
        let people = |verb: &str| match self.user_ids.len() {
            1 => format!("{verb} 1 person"),
            many => format!("{verb} {many} people"),
        };
        match self.action {
            SystemAction::Added => people("added"),
            SystemAction::Joined => "joined".to_owned(),
            SystemAction::Left => "left".to_owned(),
            SystemAction::Removed => people("removed"),
            SystemAction::Retitled => "changed the title".to_owned(),
            SystemAction::OwnerChanged => "handed over the chat".to_owned(),
            SystemAction::RoleChanged => match self.role {
                Some(role) => format!("made 1 person {}", role.as_str()),
                None => "changed a role".to_owned(),
            },
            SystemAction::LifetimeChanged => "changed how long messages stay".to_owned(),
            SystemAction::Imported => "imported this chat".to_owned(),
        }
    }
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
    /// Empty if the message has only attachments; `null` when it has been deleted.
    #[schema(max_length = 8000, example = "Shall we have lunch?")]
    pub content: Option<String>,
    /// Its files, in the order in which the sender gave them. Events show them as they were then.
    #[schema(max_items = 10, required = true)]
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// `read` when all other participants have read it, and, for its sender, `delivered` when it was delivered to a device
    /// of each of them; always `sent` in chats of more than 256 people.
    pub status: Status,
    /// The sender's own id for the message.
    pub client_id: Option<String>,
    /// The emoji that people have reacted with, in the order in which they were first used.
    #[schema(max_items = 20, required = true)]
    #[serde(default)]
    pub reactions: Vec<Reacted>,
    /// What is in the text, in its order: mentions, hashtags, links and email addresses. Offsets and lengths count characters
    /// (Unicode scalar values).
    #[schema(max_items = 100, required = true)]
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// Who is mentioned, by `@username` or by an id; `@all` does not list everybody.
    #[schema(max_items = 150, required = true)]
    #[serde(default)]
    pub mentions: Vec<UserId>,
    /// Present once the server has fetched pages to which the text links: what these say of themselves.
    #[schema(max_items = 3, required = false)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<LinkPreview>,
    /// The message that it replies to; `null` if it is none, or deleted.
    #[schema(value_type = Option<ReplyTo>, required = true)]
    #[serde(default)]
    pub reply_to: Option<Box<ReplyTo>>,
    /// Present in messages of a thread: the message with which it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MessageId, required = false)]
    pub thread_of: Option<MessageId>,
    /// The thread that begins with it; `null` if nobody has written in one, and in events.
    #[schema(required = true)]
    #[serde(default)]
    pub thread: Option<Thread>,
    /// Where it comes from if it was forwarded; `null` if it was not, or is deleted.
    #[schema(value_type = Option<ForwardedFrom>, required = true)]
    #[serde(default)]
    pub forwarded_from: Option<Box<ForwardedFrom>>,
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
    /// Present, and true, if the viewer has muted the sender: in pages, by itself, and as the last message of a chat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// Present, and true, if it is pinned in its chat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Present if the message disappears: how long it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Lifetime, required = false)]
    pub lifetime: Option<Lifetime>,
    /// Present once it is known: when it disappears, or has disappeared. Then it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Timestamp, required = false)]
    pub expires_at: Option<Timestamp>,
    /// Present in messages of type `system`, unless they are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SystemNote, required = false)]
    pub system: Option<Box<SystemNote>>,
    /// Present in messages of type `poll`, unless they are deleted: what can be chosen, and how people have voted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Poll, required = false)]
    pub poll: Option<Box<Poll>>,
}

impl Message {
    /// As it is when it has just been sent, for its sender.
    pub fn for_sender(mut self) -> Self {
        if let Some(poll) = &mut self.poll {
            poll.mark(Choices::NONE);
        }
        self
    }

    /// As an event shows it, which is the same for everybody: without what depends on the viewer.
    pub fn for_everybody(mut self) -> Self {
        self.status = Status::Sent;
        for reacted in &mut self.reactions {
            reacted.mine = None;
        }
        if let Some(quoted) = &mut self.reply_to {
            **quoted = ReplyTo::bare(quoted.id, quoted.seq);
        }
        // Clients count, so that a replay that shows the message as it is now counts nothing twice.
        self.thread = None;
        if let Some(origin) = &mut self.forwarded_from {
            **origin = ForwardedFrom::UNKNOWN;
        }
        if let Some(poll) = &mut self.poll {
            poll.for_everybody();
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
