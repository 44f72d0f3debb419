//! Webhooks over the database: endpoints and their queues, deliveries noted by a reader of the journal, and the turns in which
//! nodes make calls.

mod changing;
mod endpoints;
mod hearing;
mod ordering;
mod privacy;
mod recovering;
mod results;
mod sweeping;
mod turns;
mod visible;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::activity::{Rule, Target, Whose};
use clowder_core::{Ctx, Page, PageRequest, Result, Versions};
use clowder_notifications::webhooks::{
    DeliveryFilter, DeliveryId, IssuedWebhook, NewRecovery, NewWebhook, RotatedSecret, Webhook, WebhookDelivery,
    WebhookId, WebhookPatch, WebhookRecovery,
    policy::{BOTH_SIGN_FOR, KEPT_FOR},
    port::{Done, Heard, LEASE, READER, Turn, Webhooks},
    schedule::{LONGEST_WAIT, PAUSES},
};
use diesel::prelude::*;
use tracing::instrument;

use super::{
    Repo,
    clock::{SHOWN, never, until, when},
    db::Tx,
    domains::{self, Domain, Sweep},
    idempotency::Stub,
    readers::Reader,
};
use crate::domains::webhooks::{KEYS, webhook_deliveries, webhook_queues, webhooks};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    readers: &[Reader {
        name: READER,
        changes: hearing::hear,
        actions: &[],
        repeats: false,
        entries: |_, _, _| Ok(()),
    }],
    activity: &[
        Rule::new("webhook.created", "webhook.created", Whose::Actor, Target::Subject("webhook")),
        Rule::new("webhook.updated", "webhook.changed", Whose::Actor, Target::Subject("webhook")),
        Rule::new("webhook.deleted", "webhook.deleted", Whose::Actor, Target::Subject("webhook")),
    ],
    sealed: &[KEYS],
    words: &[
        "webhook_deliveries.attempts",
        "webhook_deliveries.event_type",
        "webhook_deliveries.status",
        "webhook_topics.topic_kind",
        "webhooks.disabled_reason",
        "webhooks.event_types",
        "webhooks.heads",
        "webhooks.public_key",
    ],
    times: &[
        when!(OnReturn, webhook_deliveries.created_at),
        when!(
            AtOnce,
            webhook_deliveries.next_at,
            until!(webhook_deliveries.next_at, |_| PAUSES[PAUSES.len() - 1].mul_f64(1.1))
        ),
        when!(AtOnce, webhook_queues.due_at, until!(webhook_queues.due_at, |_| PAUSES[PAUSES.len() - 1].mul_f64(1.1))),
        when!(AtOnce, webhook_queues.failing_since),
        when!(AtOnce, webhook_queues.lease_until, until!(webhook_queues.lease_until, |_| LEASE)),
        when!(AtOnce, webhook_queues.paused_until, until!(webhook_queues.paused_until, |_| LONGEST_WAIT)),
        never("webhooks.created_at", SHOWN),
        when!(OnReturn, webhooks.deleted_at),
        when!(AtOnce, webhooks.former_keys_until, until!(webhooks.former_keys_until, |_| BOTH_SIGN_FOR)),
    ],
    sweeps: &[Sweep::Steps(sweeping::sweep)],
    workers: |repo| vec![Arc::new(recovering::Recoverer(Arc::clone(repo)))],
    ..Domain::NONE
};

/// How many rows are changed in one piece.
const PIECE: i64 = 500;

/// What is stored of a new endpoint: its id. Nobody stores its secret for a repeated call.
#[derive(serde::Serialize, serde::Deserialize)]
struct Made {
    id: WebhookId,
}

impl Stub for Made {}

#[async_trait]
impl Webhooks for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn create(&self, ctx: &Ctx, new: NewWebhook) -> Result<IssuedWebhook> {
        let (caller, known, user) = (ctx.clone(), Arc::clone(&self.segments), ctx.user()?);
        let now = ctx.now;
        let first = move |tx: &mut Tx<'_>| {
            let issued = endpoints::create(tx, &caller, &known, &new)?;
            let made = Made { id: issued.webhook.id };
            Ok((issued, made))
        };
        let again = move |tx: &mut Tx<'_>, Made { id }| {
            Ok(IssuedWebhook { webhook: endpoints::one(tx.conn, user, id, now)?, secret: None })
        };
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn webhooks(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Webhook>> {
        let (user, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| endpoints::list(conn, user, now, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn webhook(&self, ctx: &Ctx, webhook: WebhookId) -> Result<Webhook> {
        let (user, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| endpoints::one(conn, user, webhook, now)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit(
        &self,
        ctx: &Ctx,
        webhook: WebhookId,
        version: Option<Versions>,
        patch: WebhookPatch,
    ) -> Result<Webhook> {
        let ctx = ctx.clone();
        self.db.write(move |tx| changing::edit(tx, &ctx, webhook, version.as_ref(), &patch)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete(&self, ctx: &Ctx, webhook: WebhookId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| changing::delete(tx, &ctx, webhook)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn rotate(&self, ctx: &Ctx, webhook: WebhookId) -> Result<RotatedSecret> {
        let ctx = ctx.clone();
        self.db.write(move |tx| changing::rotate(tx, &ctx, webhook)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn test(&self, ctx: &Ctx, webhook: WebhookId) -> Result<WebhookDelivery> {
        let caller = ctx.clone();
        let made = self.db.write(move |tx| ordering::test(tx, &caller, webhook)).await?;
        self.deps.feed.stir();
        Ok(made)
    }

    #[instrument(level = "debug", skip_all)]
    async fn deliveries(
        &self,
        ctx: &Ctx,
        webhook: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<WebhookDelivery>> {
        let (user, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| ordering::list(conn, user, webhook, filter, &page, now)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delivery(&self, ctx: &Ctx, webhook: WebhookId, delivery: DeliveryId) -> Result<WebhookDelivery> {
        let (user, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| ordering::one(conn, user, webhook, delivery, now)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn resend(&self, ctx: &Ctx, webhook: WebhookId, delivery: DeliveryId) -> Result<WebhookDelivery> {
        let caller = ctx.clone();
        let sent = self.db.write(move |tx| ordering::resend(tx, &caller, webhook, delivery)).await?;
        self.deps.feed.stir();
        Ok(sent)
    }

    #[instrument(level = "debug", skip_all)]
    async fn recover(&self, ctx: &Ctx, webhook: WebhookId, recovery: NewRecovery) -> Result<WebhookRecovery> {
        let ctx = ctx.clone();
        self.db.write(move |tx| recovering::order(tx, &ctx, webhook, recovery)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn hear(&self, ctx: &Ctx) -> Result<Heard> {
        if !self.db.read(endpoints::are_any).await? {
            return Ok(Heard::default());
        }
        let mut is_full = false;
        for reader in domains::readers().filter(|reader| reader.name == READER) {
            is_full |= self.let_read(ctx, reader).await?.is_full;
        }
        Ok(Heard { any: true, is_full })
    }

    async fn stirred(&self) {
        self.deps.feed.stirred().await;
    }

    #[instrument(level = "debug", skip_all)]
    async fn take(&self, ctx: &Ctx, most: usize) -> Result<Vec<Turn>> {
        turns::take(self, ctx, most).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn settle(&self, ctx: &Ctx, done: Vec<Done>) -> Result<()> {
        results::settle(self, ctx, done).await
    }
}

/// When deliveries have become too old to be called again.
fn oldest(ctx: &Ctx) -> clowder_core::Timestamp {
    ctx.now.minus(KEPT_FOR)
}
