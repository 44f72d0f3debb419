//! What an implementation of webhooks must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Id, Page, PageRequest, Result, Timestamp, Versions};

use super::{
    Answered, DeliveryFilter, DeliveryId, IssuedWebhook, NewRecovery, NewWebhook, RotatedSecret, SigningKeys, Webhook,
    WebhookDelivery, WebhookId, WebhookPatch, WebhookRecovery, WebhookUrl,
};

/// Some calls that one node makes to one endpoint. Until its lease is over, no other node calls it.
#[derive(Debug, Clone)]
pub struct Turn {
    pub webhook: WebhookId,
    pub lease: Id<()>,
    pub url: WebhookUrl,
    pub keys: SigningKeys,
    /// Whether its last calls failed.
    pub is_failing: bool,
    pub parcels: Vec<Parcel>,
}

/// What is to be delivered.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub delivery: DeliveryId,
    pub body: Vec<u8>,
    /// When what it tells of happened, if this is its first attempt.
    pub happened: Option<Timestamp>,
}

/// What came of listening.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Whether anybody has an endpoint.
    pub any: bool,
    /// Whether it stopped at its bounds.
    pub is_full: bool,
}

/// What came of a turn.
#[derive(Debug, Clone)]
pub struct Done {
    pub webhook: WebhookId,
    pub lease: Id<()>,
    /// When each call began. What was not called waits for the next turn.
    pub calls: Vec<(DeliveryId, Timestamp, Answered)>,
}

/// The name of the reader that notes deliveries.
pub const READER: &str = "webhooks";
/// How long a node has an endpoint for itself. A turn takes less.
pub const LEASE: std::time::Duration = std::time::Duration::from_secs(60);
/// How many calls are in a turn at most, and of an endpoint that fails.
pub const PARCELS: [usize; 2] = [100, 4];

/// Endpoints and their deliveries. Each method is one use case and one transaction, unless it says otherwise; its changes and its
/// entries of the audit log are committed with it. What is not the caller's is `webhook.unknown`.
///
/// From when an endpoint is there, each change that its owner may see, and that it wants, becomes one delivery, whatever
/// dies in between. A delivery is called at least once, always with the same id, until a call succeeds or the schedule ends.
/// Each call contains what the owner may see at that moment; what they may not see any more is dropped without a call.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Creates an endpoint and shows its secret, this once. Needs a recent authentication. Concurrent calls create no more
    /// than [`super::policy::MOST`]. Honours `ctx.idempotency_key`: a repeated call creates no other and shows no secret.
    async fn create(&self, ctx: &Ctx, new: NewWebhook) -> Result<IssuedWebhook>;

    /// The caller's endpoints, the newest first.
    async fn webhooks(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Webhook>>;

    async fn webhook(&self, ctx: &Ctx, webhook: WebhookId) -> Result<Webhook>;

    /// Changes an endpoint. Another address or other events need a recent authentication. A new address, and activation, let
    /// it start anew.
    async fn edit(
        &self,
        ctx: &Ctx,
        webhook: WebhookId,
        version: Option<Versions>,
        patch: WebhookPatch,
    ) -> Result<Webhook>;

    /// Deletes an endpoint. From then on it gets no call that has not begun.
    async fn delete(&self, ctx: &Ctx, webhook: WebhookId) -> Result<()>;

    /// Gives an endpoint other keys, and shows the secret, this once. Needs a recent authentication. The keys before sign for
    /// [`super::policy::BOTH_SIGN_FOR`].
    async fn rotate(&self, ctx: &Ctx, webhook: WebhookId) -> Result<RotatedSecret>;

    /// Orders a delivery of a `webhook.ping`, which is called once.
    async fn test(&self, ctx: &Ctx, webhook: WebhookId) -> Result<WebhookDelivery>;

    /// What was and is to be delivered to an endpoint, the newest first.
    async fn deliveries(
        &self,
        ctx: &Ctx,
        webhook: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<WebhookDelivery>>;

    async fn delivery(&self, ctx: &Ctx, webhook: WebhookId, delivery: DeliveryId) -> Result<WebhookDelivery>;

    /// Has a delivery called again, now and by the whole schedule.
    async fn resend(&self, ctx: &Ctx, webhook: WebhookId, delivery: DeliveryId) -> Result<WebhookDelivery>;

    /// Orders a job that has all called again that failed since then, and what has never been noted since then, because the
    /// endpoint was disabled or too much waited.
    async fn recover(&self, ctx: &Ctx, webhook: WebhookId, recovery: NewRecovery) -> Result<WebhookRecovery>;

    /// Notes deliveries of changes that nobody has looked at, unless another node does so. Bounded; without endpoints there is
    /// nothing to do.
    async fn hear(&self, ctx: &Ctx) -> Result<Heard>;

    /// Returns when something was committed, by this process or, as far as it has heard, by another one: at once if that was
    /// after the last call.
    async fn stirred(&self);

    /// Takes endpoints that are due and that no other node has, at most so many, with what is to be delivered. In
    /// transactions of its own; what the owners may not see any more is deleted. An endpoint with nothing to deliver is
    /// given back at once.
    async fn take(&self, ctx: &Ctx, most: usize) -> Result<Vec<Turn>>;

    /// Stores what came of some turns, and gives the endpoints back. An endpoint that is gone, or has failed for too long, is
    /// disabled, and its owner is told.
    async fn settle(&self, ctx: &Ctx, done: Vec<Done>) -> Result<()>;
}
