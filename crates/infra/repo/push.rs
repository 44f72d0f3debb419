//! Push over the database: subscriptions of devices, what waits to be told to them, and the jobs that hand it over.

mod keys;
mod privacy;
mod sending;
mod settling;
mod showing;
mod subscribing;
mod telling;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};
use clowder_notifications::{
    PushSubscriptions,
    push::{NewPushSubscription, PushKey, PushSubscription, PushSubscriptionId},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use tracing::instrument;

pub use telling::tell;

use super::{
    Repo,
    clock::{SHOWN, never},
    db::Tx,
    domains::{Domain, Sweep},
    idempotency::Stub,
};
use crate::domains::push::{SECRET, TARGET};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    sealed: &[TARGET, SECRET],
    words: &["push_subscriptions.kind", "pushes.group_key", "pushes.kind", "pushes.reason", "pushes.target_type"],
    times: &[
        never("push_keys.created_at", SHOWN),
        never("push_subscriptions.created_at", SHOWN),
        never("push_subscriptions.failing_since", "what lies after now counts as now"),
        never("push_subscriptions.last_used_at", SHOWN),
        never("pushes.created_at", SHOWN),
        never("pushes.until", "the job sends it, and then goes by how long such a thing is worth sending"),
    ],
    sweeps: &[Sweep::Rows(settling::sweep)],
    workers: |repo| vec![Arc::new(sending::PushWorker(Arc::clone(repo)))],
    ..Domain::NONE
};

/// What is stored of a new subscription: its id.
#[derive(Serialize, Deserialize)]
struct Stored(PushSubscriptionId);

impl Stub for Stored {}

#[async_trait]
impl PushSubscriptions for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn subscribe(&self, ctx: &Ctx, new: NewPushSubscription) -> Result<PushSubscription> {
        let target = subscribing::reachable(&self.deps.options.push, new)?;
        let (caller, owner, session) = (ctx.clone(), ctx.user()?, ctx.session()?);
        let first = move |tx: &mut Tx<'_>| {
            let subscription = subscribing::subscribe(tx, &caller, &target)?;
            let stub = Stored(subscription.id);
            Ok((subscription, stub))
        };
        let again =
            move |tx: &mut Tx<'_>, Stored(id): Stored| subscribing::own(tx.conn, &tx.services.ring, owner, session, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn push_subscriptions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<PushSubscription>> {
        let (caller, ring) = (ctx.clone(), self.db.ring());
        self.db.read(move |conn| subscribing::list(conn, &ring, &caller, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unsubscribe(&self, ctx: &Ctx, subscription: PushSubscriptionId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| subscribing::unsubscribe(tx, &ctx, subscription)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn push_key(&self, ctx: &Ctx) -> Result<PushKey> {
        ctx.session()?;
        let key = self.vapid(ctx).await?;
        Ok(PushKey { key: BASE64URL_NOPAD.encode(&key.public), kinds: self.deps.options.push.offers.kinds() })
    }
}
