//! Blocks, mutes and notes, as their owner sees them.

use clowder_core::{Card, Fields, Input, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::Prose;

/// A person whom the caller has blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Block {
    pub user: Card,
    /// Whether their messages in common groups are marked as `hidden`.
    pub hide_messages: bool,
    pub since: Timestamp,
}

/// `{hide_messages?}`
#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema)]
#[schema(example = json!({"hide_messages": true}))]
pub struct NewBlock {
    /// Whether to mark their messages in common groups as `hidden`. If absent, a new block hides none, and an existing
    /// one stays as it is.
    pub hide_messages: Option<bool>,
}

impl Input for NewBlock {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional("hide_messages").map(|hide_messages| Self { hide_messages })
    }
}

/// A person whom the caller has muted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mute {
    pub user: Card,
    pub since: Timestamp,
    /// When it ends by itself; `null` if it does not.
    pub until: Option<Timestamp>,
}

/// `{until?}`
#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema)]
#[schema(example = json!({"until": "2099-12-31T18:04:05.678Z"}))]
pub struct NewMute {
    /// When it ends by itself; never if absent.
    pub until: Option<Timestamp>,
}

impl Input for NewMute {
    fn read(fields: &mut Fields) -> Option<Self> {
        let until: Option<Option<Timestamp>> = fields.optional("until");
        fields.expect_future("until", until.flatten());
        Some(Self { until: until? })
    }
}

/// What the caller noted about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Note {
    pub user_id: UserId,
    #[schema(max_length = 1000, example = "Met at the conference in Turin")]
    pub text: String,
    pub updated_at: Timestamp,
}

/// `{text}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"text": "Met at the conference in Turin"}))]
pub struct NewNote {
    #[schema(value_type = String, min_length = 1, max_length = 1000)]
    pub text: Prose<1_000>,
}

impl Input for NewNote {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("text").map(|text| Self { text })
    }
}
