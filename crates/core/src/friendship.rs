//! How two people are connected.

use serde::{Deserialize, Serialize};

use crate::word::Word;

/// What connects the viewer with somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Friendship {
    /// Nothing.
    None,
    /// The other person has asked the viewer.
    Incoming,
    /// The viewer has asked the other person.
    Outgoing,
    Friends,
}

impl Word for Friendship {
    const WHAT: &'static str = "state of a friendship";
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("incoming", Self::Incoming), ("outgoing", Self::Outgoing), ("friends", Self::Friends)];
}
