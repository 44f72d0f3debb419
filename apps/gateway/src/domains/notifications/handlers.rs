//! Notifications over HTTP.

use actix_web::web::Data;
use clowder_core::versions::tag;
use clowder_notifications::{
    Notification, NotificationFilter, NotificationId, NotificationPreferences, Notifications, PreferencesPatch,
    UnreadCount, Until,
};

use crate::{
    answer::{Done, Listed, Shown, Versioned},
    auth::Caller,
    call::{IfMatch, Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Notifications>;

pub async fn list(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Notification>> {
    let filter = NotificationFilter {
        unread: query.flag("unread"),
        kind: query.word("type"),
        single: !query.flag("grouped").unwrap_or(true),
    };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.list(&ctx, filter, page).await?))
}

pub async fn unread_count(port: Port, Caller(ctx): Caller) -> Answer<Shown<UnreadCount>> {
    Ok(Shown(port.unread_count(&ctx).await?))
}

pub async fn read(port: Port, Caller(ctx): Caller, Path(id): Path<NotificationId>) -> Answer<Shown<UnreadCount>> {
    Ok(Shown(port.read(&ctx, id).await?))
}

pub async fn read_all(
    port: Port,
    Caller(ctx): Caller,
    MaybeJson(Until { before }): MaybeJson<Until>,
) -> Answer<Shown<UnreadCount>> {
    Ok(Shown(port.read_all(&ctx, before).await?))
}

pub async fn see(port: Port, Caller(ctx): Caller, MaybeJson(Until { before }): MaybeJson<Until>) -> Answer<Done> {
    port.see(&ctx, before).await?;
    Ok(Done)
}

pub async fn remove(port: Port, Caller(ctx): Caller, Path(id): Path<NotificationId>) -> Answer<Done> {
    port.remove(&ctx, id).await?;
    Ok(Done)
}

/// What was not chosen follows the general settings, whose changes have no version here.
fn tagged(preferences: NotificationPreferences) -> Versioned<NotificationPreferences> {
    Versioned(tag(preferences.version, &preferences), preferences)
}

pub async fn preferences(port: Port, Caller(ctx): Caller) -> Answer<Versioned<NotificationPreferences>> {
    Ok(tagged(port.notification_preferences(&ctx).await?))
}

pub async fn prefer(
    port: Port,
    Caller(ctx): Caller,
    IfMatch(tags): IfMatch,
    Json(patch): Json<PreferencesPatch>,
) -> Answer<Versioned<NotificationPreferences>> {
    let version = tags.map(|tags| tags.of_tags());
    Ok(tagged(port.prefer(&ctx, version, patch).await?))
}
