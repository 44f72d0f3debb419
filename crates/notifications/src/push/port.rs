//! What an implementation of subscriptions to push must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use super::{NewPushSubscription, PushKey, PushSubscription, PushSubscriptionId};

/// Each method is one use case and one transaction; its entries of the audit log are committed with it. All need a session,
/// because a subscription is that of a device.
#[async_trait]
pub trait PushSubscriptions: Send + Sync {
    /// Subscribes the device of the caller's session. From its end on, nothing is sent to the device.
    ///
    /// The same endpoint or token is the same device: its subscription is replaced, also if somebody else made it; what
    /// waited to be sent to them is dropped. `push.limit` if the caller has too many. Honours `ctx.idempotency_key`.
    async fn subscribe(&self, ctx: &Ctx, new: NewPushSubscription) -> Result<PushSubscription>;

    /// The caller's subscriptions whose sessions have not ended, the newest first.
    async fn push_subscriptions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<PushSubscription>>;

    /// Ends a subscription; `push.unknown` if the caller has none with this id.
    async fn unsubscribe(&self, ctx: &Ctx, subscription: PushSubscriptionId) -> Result<()>;

    /// The public key with which this server signs what it sends, the same on every node and for ever; it is made when it is
    /// first asked for.
    async fn push_key(&self, ctx: &Ctx) -> Result<PushKey>;
}
