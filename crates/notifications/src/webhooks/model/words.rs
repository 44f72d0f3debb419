//! The closed sets of webhooks.

use clowder_core::Word;
use serde::{Deserialize, Serialize};

/// How an endpoint is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookStatus {
    Active,
    /// It gets nothing.
    Disabled,
    /// It is active, and its last calls have failed.
    Failing,
}

impl Word for WebhookStatus {
    const WHAT: &'static str = "status of a webhook";
    const WORDS: &'static [(&'static str, Self)] =
        &[("active", Self::Active), ("disabled", Self::Disabled), ("failing", Self::Failing)];
}

/// What the owner of an endpoint can make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookPatchedStatus)]
pub enum PatchedStatus {
    Active,
    Disabled,
}

impl Word for PatchedStatus {
    const WHAT: &'static str = "status that is given to a webhook";
    const WORDS: &'static [(&'static str, Self)] = &[("active", Self::Active), ("disabled", Self::Disabled)];
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookDisabledReason)]
pub enum DisabledReason {
    /// Its owner disabled it.
    Owner,
    /// It answered with 410.
    Gone,
    /// Every call failed for five days.
    Failing,
}

impl Word for DisabledReason {
    const WHAT: &'static str = "reason why a webhook is disabled";
    const WORDS: &'static [(&'static str, Self)] =
        &[("owner", Self::Owner), ("gone", Self::Gone), ("failing", Self::Failing)];
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookDeliveryStatus)]
pub enum DeliveryStatus {
    /// It waits for its next attempt.
    Pending,
    Delivered,
    /// No attempt succeeded, and none follows.
    Failed,
}

impl Word for DeliveryStatus {
    const WHAT: &'static str = "status of a delivery";
    const WORDS: &'static [(&'static str, Self)] =
        &[("pending", Self::Pending), ("delivered", Self::Delivered), ("failed", Self::Failed)];
}

/// Who can have a type of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookEventAudience)]
pub enum EventAudience {
    /// Everybody, of what concerns them.
    Own,
    /// Administrators, of the whole server.
    Server,
}

impl Word for EventAudience {
    const WHAT: &'static str = "audience of a type of events";
    const WORDS: &'static [(&'static str, Self)] = &[("own", Self::Own), ("server", Self::Server)];
}
