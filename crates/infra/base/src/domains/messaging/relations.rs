//! The rows of quotes, threads and forwarded messages.

use clowder_core::{ChatId, MessageId, Result, Timestamp, UserId};
use clowder_messaging::{MessageType, relations::Target};
use diesel::prelude::*;

use super::super::accounts::CardRow;
use super::rows::{MessageRow, NewMessageRow};

macro_rules! message_stays {
    () => {
        "(p.removed_count = 0 OR NOT EXISTS (SELECT 1 FROM removed_messages x \
         WHERE x.chat_id = m.chat_id AND x.seq = m.seq AND x.user_id = p.user_id))"
    };
}

/// The condition that a participant `p` has not removed a message `m` for themselves: for those who have removed none,
/// nothing is looked up.
pub const MESSAGE_STAYS: &str = message_stays!();

/// The condition that a participant `p` sees a message `m` of the chat: it was said after they came, they have not cleared
/// the chat since, and they have not removed it. Whatever looks for messages of somebody's chats asks for this.
pub const MESSAGE_IS_SEEN: &str = concat!("m.seq > p.visible_from AND ", message_stays!());

/// A message that somebody names in a new one, as they see it.
#[derive(Debug, Clone, Queryable)]
pub struct TargetRow {
    /// Its place among those asked for.
    pub index: i64,
    pub id: MessageId,
    pub seq: i64,
    pub kind: String,
    pub deleted: bool,
    pub expires_at: Option<Timestamp>,
    pub in_thread: bool,
    pub is_root: bool,
    /// Whether they hide the messages of its sender.
    pub hidden: bool,
    /// How it begins.
    pub content: Option<String>,
    pub sender: CardRow,
}

impl TargetRow {
    pub fn target(self) -> Result<Target> {
        Ok(Target {
            id: self.id,
            seq: self.seq,
            kind: MessageType::of_stored(&self.kind),
            deleted: self.deleted,
            expires_at: self.expires_at,
            in_thread: self.in_thread,
            is_root: self.is_root,
            sender: self.sender.into(),
            hidden: self.hidden,
            content: self.content,
        })
    }
}

/// What a message is forwarded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub id: MessageId,
    /// Whether it was in a public chat when it was forwarded first.
    pub public: bool,
}

impl Origin {
    pub fn of(id: Option<MessageId>, public: bool) -> Option<Self> {
        id.map(|id| Self { id, public })
    }
}

impl MessageRow {
    pub fn origin(&self) -> Option<Origin> {
        Origin::of(self.forwarded_id, self.forwarded_public)
    }
}

impl NewMessageRow<'_> {
    /// What it is forwarded from, which the message itself does not say.
    pub fn forwarded(self, from: Option<Origin>) -> Self {
        let forwarded_public = from.is_some_and(|from| from.public);
        Self { forwarded_id: from.map(|from| from.id), forwarded_public, ..self }
    }
}

/// A message that is quoted, or was forwarded.
#[derive(Debug, Clone, Queryable)]
pub struct NamedMessageRow {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub sender_id: UserId,
    pub deleted: bool,
    pub expires_at: Option<Timestamp>,
    /// How it begins.
    pub content: Option<String>,
}

/// What somebody has to do with a thread.
#[derive(Debug, Clone, Copy, Queryable)]
pub struct ThreadMarkRow {
    pub following: bool,
    pub read_seq: i64,
}
