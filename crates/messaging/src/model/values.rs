//! Values that are valid by construction, and the closed sets of messaging.

use clowder_core::{
    Field, Name, Word,
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
}

impl Word for ChatType {
    const WHAT: &'static str = "chat type";
    const WORDS: &'static [(&'static str, Self)] = &[("private", Self::Private), ("group", Self::Group)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    Owner,
    Admin,
    Member,
}

impl Word for ChatRole {
    const WHAT: &'static str = "chat role";
    const WORDS: &'static [(&'static str, Self)] =
        &[("owner", Self::Owner), ("admin", Self::Admin), ("member", Self::Member)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    Text,
}

impl Word for MessageType {
    const WHAT: &'static str = "message type";
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Sent,
    Delivered,
    Read,
}

/// The text of a message: 1 to 8,000 characters, not only white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
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
