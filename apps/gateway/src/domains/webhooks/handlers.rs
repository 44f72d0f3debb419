//! Webhooks over HTTP.

use actix_web::web::Data;
use clowder_core::Page;
use clowder_notifications::{
    Webhooks,
    webhooks::{
        DeliveryFilter, DeliveryId, IssuedWebhook, NewRecovery, NewWebhook, RotatedSecret, Webhook, WebhookDelivery,
        WebhookEventType, WebhookId, WebhookPatch, WebhookRecovery,
    },
};

use super::catalogue;
use crate::{
    answer::{Accepted, Created, Done, Listed, Shown, Versioned},
    auth::Caller,
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Webhooks>;

pub async fn event_types(mut query: Query) -> Answer<Listed<WebhookEventType>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(Page::of_all(catalogue::all(), &page)?))
}

pub async fn create(
    webhooks: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewWebhook>,
) -> Answer<Created<IssuedWebhook>> {
    Ok(Created(webhooks.create(&ctx, new).await?))
}

pub async fn list(webhooks: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Webhook>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(webhooks.webhooks(&ctx, page).await?))
}

pub async fn one(webhooks: Port, Caller(ctx): Caller, Path(webhook): Path<WebhookId>) -> Answer<Versioned<Webhook>> {
    let webhook = webhooks.webhook(&ctx, webhook).await?;
    Ok(Versioned(webhook.version, webhook))
}

pub async fn edit(
    webhooks: Port,
    Caller(ctx): Caller,
    Path(webhook): Path<WebhookId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<WebhookPatch>,
) -> Answer<Versioned<Webhook>> {
    let webhook = webhooks.edit(&ctx, webhook, version, patch).await?;
    Ok(Versioned(webhook.version, webhook))
}

pub async fn delete(webhooks: Port, Caller(ctx): Caller, Path(webhook): Path<WebhookId>) -> Answer<Done> {
    webhooks.delete(&ctx, webhook).await?;
    Ok(Done)
}

pub async fn rotate(
    webhooks: Port,
    Caller(ctx): Caller,
    Path(webhook): Path<WebhookId>,
) -> Answer<Shown<RotatedSecret>> {
    Ok(Shown(webhooks.rotate(&ctx, webhook).await?))
}

pub async fn test(
    webhooks: Port,
    Caller(ctx): Caller,
    Path(webhook): Path<WebhookId>,
) -> Answer<Accepted<WebhookDelivery>> {
    Ok(Accepted(webhooks.test(&ctx, webhook).await?))
}

pub async fn recover(
    webhooks: Port,
    Caller(ctx): Caller,
    Path(webhook): Path<WebhookId>,
    Json(recovery): Json<NewRecovery>,
) -> Answer<Accepted<WebhookRecovery>> {
    Ok(Accepted(webhooks.recover(&ctx, webhook, recovery).await?))
}

pub async fn deliveries(
    webhooks: Port,
    Caller(ctx): Caller,
    Path(webhook): Path<WebhookId>,
    mut query: Query,
) -> Answer<Listed<WebhookDelivery>> {
    let page = query.page();
    let filter = DeliveryFilter { status: query.word("status") };
    query.check()?;
    Ok(Listed(webhooks.deliveries(&ctx, webhook, filter, page).await?))
}

pub async fn delivery(
    webhooks: Port,
    Caller(ctx): Caller,
    Path((webhook, delivery)): Path<(WebhookId, DeliveryId)>,
) -> Answer<Shown<WebhookDelivery>> {
    Ok(Shown(webhooks.delivery(&ctx, webhook, delivery).await?))
}

pub async fn resend(
    webhooks: Port,
    Caller(ctx): Caller,
    Path((webhook, delivery)): Path<(WebhookId, DeliveryId)>,
) -> Answer<Accepted<WebhookDelivery>> {
    Ok(Accepted(webhooks.resend(&ctx, webhook, delivery).await?))
}
