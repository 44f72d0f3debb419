//! What messages say of other messages: quotes, threads, and where something was forwarded from.
//!
//! A quote shows the message that it names as it is now; nothing of it is copied, so that a deleted text is gone from all
//! quotes, too. A thread is the messages that name the same root; they have their places in the chat like all others. A
//! forwarded message is a new one with the text of another.

mod input;
pub mod port;
mod rules;

use clowder_core::{Card, ChatId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

pub use input::NewForward;
pub use rules::{Related, Target, Targets, forwarded, may_forward, moved, relate};

use crate::{Message, scheduled::Problem};

/// How many characters of a message are quoted.
pub const EXCERPT: usize = 100;
/// How many threads one person can follow.
pub const MOST_FOLLOWED: i64 = 10_000;
/// Into how many chats a message is forwarded at once.
pub const MOST_FORWARDS: usize = 10;

/// The message that another one replies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReplyTo {
    pub id: MessageId,
    #[schema(minimum = 1)]
    pub seq: i64,
    /// Who wrote it; `null` in events, and if you came into the chat later and do not see it.
    pub sender: Option<Card>,
    /// How it begins, as it is now: at most 100 characters. `null` where `sender` is, and if it is deleted.
    #[schema(max_length = 100, example = "Shall we have lunch?")]
    pub excerpt: Option<String>,
    /// Whether it is deleted or has disappeared.
    pub deleted: bool,
    /// Present, and true, if you have blocked its sender and hide their messages; not in events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// When it disappears.
    #[serde(skip)]
    pub expires_at: Option<Timestamp>,
}

impl ReplyTo {
    /// As everybody sees it, also whoever came later: which message it is, and nothing of it.
    pub const fn bare(id: MessageId, seq: i64) -> Self {
        Self { id, seq, sender: None, excerpt: None, deleted: false, hidden: false, expires_at: None }
    }

    /// Takes the text away if the time of the quoted message is over, and nobody has deleted it yet.
    pub fn conceal(&mut self, now: Timestamp) {
        if self.expires_at.is_some_and(|end| end <= now) {
            (self.excerpt, self.deleted) = (None, true);
        }
    }
}

/// The thread that begins with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageThread)]
pub struct Thread {
    /// How many messages are in it, without the root and deleted ones.
    #[schema(minimum = 0)]
    pub count: i64,
    /// When the newest of its messages was sent, even if that is deleted.
    pub last_reply_at: Timestamp,
    /// Whether you follow it.
    #[serde(default)]
    #[schema(required = true)]
    pub following: bool,
}

/// Where a forwarded message comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ForwardedFrom {
    /// The chat in which it was first sent; `null` unless that is public, or you are in it and see the message there. Always
    /// `null` in events.
    pub chat_id: Option<ChatId>,
    /// Who wrote it; `null` where `chat_id` is.
    pub sender: Option<Card>,
}

impl ForwardedFrom {
    /// Nothing is known of it but that it is forwarded.
    pub const UNKNOWN: Self = Self { chat_id: None, sender: None };
}

/// A thread that somebody follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FollowedThread {
    /// The message with which it begins.
    pub root: Message,
    /// The `seq` up to which you have read it.
    #[schema(minimum = 0)]
    pub read_seq: i64,
    /// Messages of others in it after the read mark; deleted ones do not count. 1,000 means that there may be more.
    #[schema(minimum = 0, maximum = 1000)]
    pub unread_count: i64,
}

/// What somebody has to do with a thread; also the payload of `thread.updated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ThreadState)]
pub struct ThreadState {
    pub chat_id: ChatId,
    /// The message with which it begins.
    pub message_id: MessageId,
    pub following: bool,
    /// The `seq` up to which you have read it; 0 for a thread that you have never followed.
    #[schema(minimum = 0)]
    pub read_seq: i64,
    /// Messages of others after the read mark, of a thread that you follow. 1,000 means that there may be more.
    #[schema(minimum = 0, maximum = 1000)]
    pub unread_count: i64,
}

/// What became of a message that was forwarded into several chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Forwards {
    /// One for each chat, in the order of the call.
    #[schema(max_items = 10)]
    pub items: Vec<Forward>,
}

/// What became of it in one chat: either the message, or why it was not sent there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Forward {
    pub chat_id: ChatId,
    pub message: Option<Message>,
    pub problem: Option<Problem>,
}

/// How a text begins: whole characters as people see them, as long as they fit.
pub fn excerpt(text: &str) -> String {
    let mut left = EXCERPT;
    let fits = |grapheme: &&str| {
        let length = grapheme.chars().count();
        let fits = length <= left;
        left = if fits { left - length } else { 0 };
        fits
    };
    let whole: String = text.graphemes(true).take_while(fits).collect();
    // One that does not fit by itself is no character of any script.
    if whole.is_empty() { text.chars().take(EXCERPT).collect() } else { whole }
}

#[cfg(test)]
mod tests;
