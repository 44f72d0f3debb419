//! What somebody searches for, and what is found.

use clowder_core::{Card, ChatId, Timestamp, UserId, Word};
use serde::Serialize;

use super::query::Sought;
use crate::{ChatEntry, Message, MessageType};

/// Which messages are sought.
#[derive(Debug, Clone)]
pub struct Search {
    pub sought: Sought,
    /// Only in this chat, which the caller must be in.
    pub chat: Option<ChatId>,
    pub from: Option<Whom>,
    pub mentions: Option<Mentioned>,
    pub has: Option<Has>,
    pub kind: Option<MessageType>,
    /// Sent before this time.
    pub before: Option<Timestamp>,
    /// Sent at this time or later.
    pub after: Option<Timestamp>,
    pub order: Order,
}

/// A person as somebody names them in a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    Id(UserId),
    Username(String),
}

/// Whom a message mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mentioned {
    Person(Whom),
    /// By `@all`.
    Everybody,
}

/// What a message has beside words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case", as = SearchHas)]
pub enum Has {
    Link,
    /// At least one, whatever has become of it.
    File,
    /// Of anybody, or of everybody.
    Mention,
    /// It is pinned in its chat.
    Pin,
    Reaction,
}

impl Word for Has {
    const WHAT: &'static str = "thing that a message has";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("link", Self::Link),
        ("file", Self::File),
        ("mention", Self::Mention),
        ("pin", Self::Pin),
        ("reaction", Self::Reaction),
    ];
}

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case", as = SearchOrder)]
pub enum Order {
    #[default]
    Relevance,
    Newest,
    Oldest,
}

impl Word for Order {
    const WHAT: &'static str = "order of a search";
    const WORDS: &'static [(&'static str, Self)] =
        &[("relevance", Self::Relevance), ("newest", Self::Newest), ("oldest", Self::Oldest)];
}

/// A message that is found.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = FoundMessage)]
pub struct Found {
    pub message: Message,
    /// A piece of its text as HTML: what was found is in `<mark>`, all else is escaped. At most 300 characters.
    #[schema(max_length = 300)]
    pub highlight: String,
    /// How well it fits, between 0 and 1.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f64,
}

/// A chat that is found by its title, or one's own by one's own title or by the name of the other person.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct FoundChat {
    pub chat: ChatEntry,
    /// The other person of a private chat.
    pub peer: Option<Card>,
    /// The viewer's own title.
    #[schema(example = "Lunch with Ada")]
    pub own_title: Option<String>,
    /// What it is found by, as HTML: the title, the own title, or the display name or username of the other person. What was
    /// found is in `<mark>`, all else is escaped.
    pub highlight: String,
    /// How well it fits, between 0 and 1. Chats that you are in come before others.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f64,
}

/// How far the index of the messages is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many messages were looked through since the rebuilding began.
    pub done: i64,
    /// How many there were then.
    pub total: i64,
    /// Whether something is left.
    pub running: bool,
}
