//! Changes of endpoints, told to their owner. They contain no address and no text.

use clowder_core::{Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{DisabledReason, WebhookId, WebhookStatus};

pub const WEBHOOK_CREATED: &str = "webhook.created";
pub const WEBHOOK_UPDATED: &str = "webhook.updated";
pub const WEBHOOK_DELETED: &str = "webhook.deleted";

#[derive(Debug, Clone)]
pub enum Change {
    Created(UserId, WebhookTold),
    Updated(UserId, WebhookTold),
    Deleted(UserId, WebhookDeleted),
}

/// The payload of `webhook.created` and `webhook.updated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookTold {
    pub webhook_id: WebhookId,
    pub status: WebhookStatus,
    /// Why it is disabled; `null` if it is not.
    pub disabled_reason: Option<DisabledReason>,
}

/// The payload of `webhook.deleted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookDeleted {
    pub webhook_id: WebhookId,
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Created(..) => WEBHOOK_CREATED,
            Self::Updated(..) => WEBHOOK_UPDATED,
            Self::Deleted(..) => WEBHOOK_DELETED,
        }
    }

    fn topic(&self) -> Topic {
        let (Self::Created(owner, _) | Self::Updated(owner, _) | Self::Deleted(owner, _)) = self;
        Topic::user(*owner)
    }

    fn subject(&self) -> Option<Uuid> {
        Some(match self {
            Self::Created(_, told) | Self::Updated(_, told) => told.webhook_id.uuid(),
            Self::Deleted(_, told) => told.webhook_id.uuid(),
        })
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Created(_, told) | Self::Updated(_, told) => to_raw_value(told),
            Self::Deleted(_, told) => to_raw_value(told),
        }
    }
}
