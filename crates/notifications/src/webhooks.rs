//! Webhooks: places on the web to which the server posts events, as the Standard Webhooks specification describes it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! A person has endpoints for what their own sockets would hear; whose role allows it, also for what happens on the whole
//! server ([`server_events`]). Each event makes one delivery for each endpoint that wants it ([`event_types`]). What becomes
//! of a delivery after each call, and when the next one is, is decided by [`schedule`]; how calls are signed is in
//! [`signing`]. A delivery has no copy of its event: the body is made for each call, from what the owner may see then
//! ([`body`]).

pub mod body;
pub mod change;
pub mod event_types;
pub mod hearing;
pub mod model;
pub mod permissions;
pub mod policy;
pub mod port;
pub mod refusals;
pub mod schedule;
pub mod scopes;
pub mod server_events;
pub mod signing;
pub mod url;

pub use change::Change;
pub use event_types::{Catalogue, EventTypes};
pub use model::{
    DeliveryFilter, DeliveryId, DeliveryStatus, DisabledReason, EventAudience, IssuedWebhook, NewRecovery, NewWebhook,
    PatchedStatus, RotatedSecret, Webhook, WebhookAttempt, WebhookDelivery, WebhookEventType, WebhookId, WebhookPatch,
    WebhookRecovery, WebhookStatus,
};
pub use schedule::{Answered, Problem};
pub use signing::{KeyPair, Keys, Secret, SigningKeys};
pub use url::WebhookUrl;
