//! Endpoints and deliveries, as their owner sees them.

mod input;
mod words;

pub use input::{DeliveryFilter, Description, NewRecovery, NewWebhook, WebhookPatch};
pub use words::{DeliveryStatus, DisabledReason, EventAudience, PatchedStatus, WebhookStatus};

use clowder_core::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schedule::Problem;

pub enum WebhookKind {}
pub type WebhookId = Id<WebhookKind>;
pub enum DeliveryKind {}
/// Also the `webhook-id` of its calls.
pub type DeliveryId = Id<DeliveryKind>;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Webhook {
    pub id: WebhookId,
    #[schema(format = "uri", max_length = 2000, example = "https://bot.example/hook")]
    pub url: String,
    /// The types of the events that it gets; `message.*` is every type that begins with `message.`.
    #[schema(max_items = 50, example = json!(["message.sent", "chat.*"]))]
    pub event_types: Vec<String>,
    #[schema(max_length = 500, example = "The bot of our team")]
    pub description: Option<String>,
    pub status: WebhookStatus,
    /// Why it is disabled; `null` if it is not.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when every call has failed; `null` if the last one did not.
    pub failing_since: Option<Timestamp>,
    /// Checks the signatures `v1a`; `null` if there are none.
    #[schema(example = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")]
    pub public_key: Option<String>,
    /// Until when the keys before the last rotation sign, too; `null` if there were none, or that is over.
    pub former_keys_until: Option<Timestamp>,
    pub created_at: Timestamp,
    /// Starts at 1 and grows by one with each change; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
}

/// A new endpoint: the only time, except for a rotation, that its secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedWebhook {
    #[serde(flatten)]
    pub webhook: Webhook,
    /// Checks the signatures `v1`. It is shown only once: the answer to a call repeated with its `Idempotency-Key` has
    /// `null` instead.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=")]
    pub secret: Option<String>,
}

/// The new keys of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RotatedSecret {
    /// Checks the signatures `v1`. It is shown only once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=")]
    pub secret: String,
    /// Checks the signatures `v1a`; `null` if there are none.
    #[schema(example = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")]
    pub public_key: Option<String>,
    /// Until then, every call is signed with the keys before, too.
    pub former_keys_until: Timestamp,
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookDelivery {
    /// The `webhook-id` of every attempt.
    pub id: DeliveryId,
    #[schema(max_length = 64, example = "message.sent")]
    pub event_type: String,
    pub status: DeliveryStatus,
    /// The last of them, the oldest first.
    #[schema(max_items = 20)]
    pub attempts: Vec<WebhookAttempt>,
    /// When the next attempt is made; `null` if there is none. It may be later if the endpoint fails.
    pub next_at: Option<Timestamp>,
    /// When the event was noted for this endpoint.
    pub created_at: Timestamp,
}

/// A call, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookAttempt {
    pub at: Timestamp,
    /// The HTTP status of the answer; `null` if there was none.
    #[schema(minimum = 100, maximum = 999, example = 200)]
    pub status: Option<u16>,
    #[schema(example = 86)]
    pub duration_ms: u32,
    /// `null` if it succeeded.
    pub error: Option<Problem>,
}

/// A recovery that has been ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookRecovery {
    pub webhook_id: WebhookId,
    pub since: Timestamp,
}

/// A type of events.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct WebhookEventType {
    #[schema(max_length = 64, example = "message.sent")]
    pub name: String,
    #[schema(example = "Somebody sent a message")]
    pub description: String,
    pub audience: EventAudience,
    /// The JSON Schema (2020-12) of its `data`, with everything that it refers to.
    #[schema(value_type = Object)]
    pub schema: Value,
    /// A whole body.
    #[schema(value_type = Object)]
    pub example: Value,
}
