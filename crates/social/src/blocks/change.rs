//! Changes of blocks and mutes. Only the devices of their owner hear of them.

use clowder_core::{Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{Block, Mute};

#[derive(Debug, Clone)]
pub enum Change {
    Blocked(UserId, Block),
    Unblocked(UserId, Ended),
    Muted(UserId, Mute),
    Unmuted(UserId, Ended),
}

/// The payload of `block.removed` and `mute.removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ended {
    pub user_id: UserId,
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Blocked(..) => "block.added",
            Self::Unblocked(..) => "block.removed",
            Self::Muted(..) => "mute.added",
            Self::Unmuted(..) => "mute.removed",
        }
    }

    fn topic(&self) -> Topic {
        let (Self::Blocked(owner, _) | Self::Muted(owner, _) | Self::Unblocked(owner, _) | Self::Unmuted(owner, _)) =
            self;
        Topic::user(*owner)
    }

    fn subject(&self) -> Option<Uuid> {
        Some(match self {
            Self::Blocked(_, block) => block.user.id.uuid(),
            Self::Muted(_, mute) => mute.user.id.uuid(),
            Self::Unblocked(_, ended) | Self::Unmuted(_, ended) => ended.user_id.uuid(),
        })
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Blocked(_, block) => to_raw_value(block),
            Self::Muted(_, mute) => to_raw_value(mute),
            Self::Unblocked(_, ended) | Self::Unmuted(_, ended) => to_raw_value(ended),
        }
    }
}
