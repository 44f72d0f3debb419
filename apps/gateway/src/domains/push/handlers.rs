//! Subscriptions to push over HTTP.

use actix_web::web::Data;
use clowder_notifications::{
    PushSubscriptions,
    push::{NewPushSubscription, PushKey, PushSubscription, PushSubscriptionId},
};

use crate::{
    answer::{Created, Done, Listed, Shown},
    auth::Caller,
    call::{Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn PushSubscriptions>;

pub async fn key(push: Port, Caller(ctx): Caller) -> Answer<Shown<PushKey>> {
    Ok(Shown(push.push_key(&ctx).await?))
}

pub async fn subscribe(
    push: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewPushSubscription>,
) -> Answer<Created<PushSubscription>> {
    Ok(Created(push.subscribe(&ctx, new).await?))
}

pub async fn list(push: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<PushSubscription>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(push.push_subscriptions(&ctx, page).await?))
}

pub async fn unsubscribe(
    push: Port,
    Caller(ctx): Caller,
    Path(subscription): Path<PushSubscriptionId>,
) -> Answer<Done> {
    push.unsubscribe(&ctx, subscription).await?;
    Ok(Done)
}
