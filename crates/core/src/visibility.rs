//! Who may see a thing.

use serde::{Deserialize, Serialize};

use crate::word::Word;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    Public,
    Friends,
    Private,
}

impl Word for Visibility {
    const WHAT: &'static str = "visibility";
    const WORDS: &'static [(&'static str, Self)] =
        &[("public", Self::Public), ("friends", Self::Friends), ("private", Self::Private)];
}

/// How people look at what they show of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeenAs {
    /// As somebody who is no friend.
    Public,
    Friend,
}

impl Word for SeenAs {
    const WHAT: &'static str = "viewer";
    const WORDS: &'static [(&'static str, Self)] = &[("public", Self::Public), ("friend", Self::Friend)];
}
