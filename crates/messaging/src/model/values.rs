//! Values that are valid by construction, and the closed sets of messaging.

use clowder_core::{
    Field, Name, Timestamp, Word,
    input::string,
    text::{self, Flaw},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChatType {
    /// Two people, one chat per pair.
    Private,
    Group,
    /// A few write, and any number of subscribers read.
    Channel,
}

impl Word for ChatType {
    const WHAT: &'static str = "chat type";
    const WORDS: &'static [(&'static str, Self)] =
        &[("private", Self::Private), ("group", Self::Group), ("channel", Self::Channel)];
}

/// What a participant may do in a chat; earlier ones may do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    Owner,
    Admin,
    Member,
    /// Only in channels: reads, and does not write.
    Subscriber,
}

impl ChatRole {
    /// The role of those who come without another.
    pub const fn of_newcomers(kind: ChatType) -> Self {
        match kind {
            ChatType::Channel => Self::Subscriber,
            ChatType::Private | ChatType::Group => Self::Member,
        }
    }
}

impl Word for ChatRole {
    const WHAT: &'static str = "chat role";
    const WORDS: &'static [(&'static str, Self)] =
        &[("owner", Self::Owner), ("admin", Self::Admin), ("member", Self::Member), ("subscriber", Self::Subscriber)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChatVisibility {
    /// It does not exist for anybody but its participants.
    Private,
    /// Anybody finds it in the directory, and joins.
    Public,
}

impl Word for ChatVisibility {
    const WHAT: &'static str = "chat visibility";
    const WORDS: &'static [(&'static str, Self)] = &[("private", Self::Private), ("public", Self::Public)];
}

/// What people who come later see of what was said before they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatHistory)]
pub enum History {
    All,
    SinceJoin,
}

impl Word for History {
    const WHAT: &'static str = "history";
    const WORDS: &'static [(&'static str, Self)] = &[("all", Self::All), ("since_join", Self::SinceJoin)];
}

/// Of which messages of a chat somebody wants to be notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatNotify)]
pub enum Notify {
    All,
    Mentions,
    None,
}

impl Word for Notify {
    const WHAT: &'static str = "notification level";
    const WORDS: &'static [(&'static str, Self)] =
        &[("all", Self::All), ("mentions", Self::Mentions), ("none", Self::None)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    Text,
    /// All its attachments are images.
    Image,
    /// It has attachments of any types.
    File,
    /// Its attachment is a recording.
    Voice,
    /// All its attachments are videos.
    Video,
    /// Asks something: the content is the question, and `poll` has the options.
    Poll,
    /// Written by the server: what happened to the people or the title of the chat.
    System,
}

impl Word for MessageType {
    const WHAT: &'static str = "message type";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("image", Self::Image),
        ("file", Self::File),
        ("voice", Self::Voice),
        ("video", Self::Video),
        ("poll", Self::Poll),
        ("system", Self::System),
    ];
}

impl MessageType {
    /// The type of a message that is stored. One that this version does not know, because a newer node has written the
    /// message, is shown as a text: so the chat can be read while nodes of two versions run.
    pub fn of_stored(word: &str) -> Self {
        Self::find(word).unwrap_or(Self::Text)
    }

    /// Whether its content is a text of a person, in which something may be marked.
    pub const fn is_text(self) -> bool {
        !matches!(self, Self::Poll | Self::System)
    }
}

/// What somebody is doing in a chat right now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypingKind {
    /// Writing a text.
    #[default]
    Typing,
    /// Recording a voice message.
    Recording,
    /// Uploading a file.
    Uploading,
}

impl Word for TypingKind {
    const WHAT: &'static str = "kind of typing";
    const WORDS: &'static [(&'static str, Self)] =
        &[("typing", Self::Typing), ("recording", Self::Recording), ("uploading", Self::Uploading)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Sent,
    Delivered,
    Read,
}

/// The text of a message: 1 to 8,000 characters, not only white space. A message that has files may have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// That of a message that has only files.
    pub const fn none() -> Self {
        Self(String::new())
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// The same where it may be empty, because the message may have files.
pub(crate) struct MaybeContent(pub Content);

impl Field for MaybeContent {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() || value == "" {
            return Ok(Self(Content::none()));
        }
        Content::parse(value).map(Self)
    }
}

impl Field for Content {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::prose(&string(value)?, 1, 8_000).map(Self)
    }
}

/// The sender's own id for a message: 1 to 128 characters on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientId(String);

impl ClientId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl Field for ClientId {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::line(&string(value)?, 1, 128).map(Self)
    }
}

/// The title of a chat: 1 to `MAX` characters on one line.
pub type Title<const MAX: usize> = Name<MAX>;

/// A line that `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optional<const MAX: usize>(pub Option<String>);

impl<const MAX: usize> Field for Optional<MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() {
            Ok(Self(None))
        } else {
            Name::<MAX>::parse(value).map(|name| Self(Some(name.into_string())))
        }
    }
}

/// A text of one or more lines, of at most `MAX` characters; `null` and an empty text take it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalText<const MAX: usize>(pub Option<String>);

impl<const MAX: usize> Field for OptionalText<MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() || value == "" {
            return Ok(Self(None));
        }
        text::prose(&string(value)?, 1, MAX).map(|text| Self(Some(text)))
    }
}

/// A time that `null` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionalTime(pub Option<Timestamp>);

impl Field for OptionalTime {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() { Ok(Self(None)) } else { Timestamp::parse(value).map(|at| Self(Some(at))) }
    }
}
