//! The refusals of webhooks.

use clowder_core::{Refusal, error::Kind::*};

pub const WEBHOOK_UNKNOWN: Refusal = Refusal::new(Unknown, "webhook.unknown", "There is no such webhook");
pub const WEBHOOK_LIMIT: Refusal =
    Refusal::new(Conflict, "webhook.limit", "You have as many webhooks as one person can have");
pub const WEBHOOK_STALE: Refusal = Refusal::new(Stale, "webhook.stale", "The webhook has changed since you read it");
pub const WEBHOOK_DISABLED: Refusal = Refusal::new(Conflict, "webhook.disabled", "The webhook is disabled");
pub const WEBHOOK_BACKLOG: Refusal =
    Refusal::new(Conflict, "webhook.backlog", "As many deliveries wait for the webhook as can wait");
pub const DELIVERY_UNKNOWN: Refusal =
    Refusal::new(Unknown, "delivery.unknown", "There is no such delivery, or its event is no longer kept");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] =
    &[WEBHOOK_UNKNOWN, WEBHOOK_LIMIT, WEBHOOK_STALE, WEBHOOK_DISABLED, WEBHOOK_BACKLOG, DELIVERY_UNKNOWN];
