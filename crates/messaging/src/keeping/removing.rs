//! The rules of removing messages for oneself, and what is told of it.

use clowder_core::{ChatId, Fields, Input, MessageId, Result, Word};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::named;
use crate::refusals::MESSAGE_REMOVALS;

/// How many messages one person can have removed for themselves, in all chats.
pub const MOST_REMOVED: i64 = 10_000;

/// For whom a message is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeletedFor)]
pub enum Whom {
    /// For everybody: its text is gone.
    #[default]
    All,
    /// For the caller alone, who does not see it any more.
    Me,
}

impl Word for Whom {
    const WHAT: &'static str = "people for whom a message is deleted";
    const WORDS: &'static [(&'static str, Self)] = &[("all", Self::All), ("me", Self::Me)];
}

/// `{message_ids}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewMessageRemoval)]
pub struct NewRemoval {
    #[schema(min_items = 1, max_items = 100)]
    pub message_ids: Vec<MessageId>,
}

impl Input for NewRemoval {
    fn read(fields: &mut Fields) -> Option<Self> {
        named(fields).map(|message_ids| Self { message_ids })
    }

    fn rows(&self) -> usize {
        self.message_ids.len()
    }
}

/// The payload of `message.removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessagesRemoved)]
pub struct Removed {
    pub chat_id: ChatId,
    #[schema(min_items = 1, max_items = 100)]
    pub ids: Vec<MessageId>,
}

/// How far a chat is cleared; also the payload of `chat.cleared`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatCleared)]
pub struct Cleared {
    pub chat_id: ChatId,
    /// Messages up to this one are gone for whoever cleared it, and count as read for them.
    #[schema(minimum = 0)]
    pub up_to: i64,
}

/// What stands in place of a text that cannot be empty.
const NO_WORDS: &str = "…";

/// Makes of a message, as a change shows it, what somebody receives who catches up with what came before they removed it: in
/// its place and of its kind, so that what follows about it makes sense, but without what it says. A newer version may have
/// written it: members and kinds that are unknown here stay.
pub fn without_words(message: &mut Map<String, Value>) {
    for name in ["content", "forwarded_from"] {
        message.insert(name.to_owned(), Value::Null);
    }
    for name in ["entities", "mentions", "attachments"] {
        message.insert(name.to_owned(), Value::Array(Vec::new()));
    }
    message.remove("system");
    if let Some(Value::Object(quoted)) = message.get_mut("reply_to") {
        for name in ["sender", "excerpt"] {
            quoted.insert(name.to_owned(), Value::Null);
        }
    }
    let options = message.get_mut("poll").and_then(|poll| poll.get_mut("options")?.as_array_mut());
    for option in options.into_iter().flatten().filter_map(Value::as_object_mut) {
        option.insert("text".to_owned(), Value::from(NO_WORDS));
    }
}

/// Whether somebody who has removed so many messages can remove so many more.
pub fn may_remove(removed: i64, more: i64) -> Result<()> {
    if more > 0 && removed + more > MOST_REMOVED { Err(MESSAGE_REMOVALS.into()) } else { Ok(()) }
}
