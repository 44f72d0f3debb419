//! Moderation of chats over HTTP.

use actix_web::web::Data;
use clowder_core::ChatId;
use clowder_messaging::{
    Moderation,
    moderation::{
        Filter, NewBrake, NewFilter, NewLifting, NewPurge, NewReviewVerdict, NewSanction, NewSlowMode, Purge, PurgeId,
        Review, ReviewId, Rules, Sanction, SanctionType, log::LogEntry,
    },
};

use crate::{
    answer::{Done, Listed, Shown, Started},
    auth::Caller,
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Moderation>;

pub async fn rules(port: Port, Caller(ctx): Caller, Path(chat): Path<ChatId>) -> Answer<Shown<Rules>> {
    Ok(Shown(port.rules(&ctx, chat).await?))
}

pub async fn mute(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewSanction>,
) -> Answer<Shown<Sanction>> {
    Ok(Shown(port.sanction(&ctx, chat, SanctionType::Mute, new).await?))
}

pub async fn unmute(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewLifting>,
) -> Answer<Done> {
    port.lift(&ctx, chat, SanctionType::Mute, new).await?;
    Ok(Done)
}

pub async fn ban(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewSanction>,
) -> Answer<Shown<Sanction>> {
    Ok(Shown(port.sanction(&ctx, chat, SanctionType::Ban, new).await?))
}

pub async fn unban(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewLifting>,
) -> Answer<Done> {
    port.lift(&ctx, chat, SanctionType::Ban, new).await?;
    Ok(Done)
}

pub async fn muted(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Sanction>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.sanctions(&ctx, chat, SanctionType::Mute, page).await?))
}

pub async fn banned(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Sanction>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.sanctions(&ctx, chat, SanctionType::Ban, page).await?))
}

/// What was done to moderate a chat.
pub async fn log(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<LogEntry>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.log(&ctx, chat, page).await?))
}

/// What was done to the caller.
pub async fn own(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Sanction>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.own_sanctions(&ctx, page).await?))
}

pub async fn slow_down(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewSlowMode>,
) -> Answer<Shown<Rules>> {
    Ok(Shown(port.slow_down(&ctx, chat, new).await?))
}

pub async fn set_filter(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewFilter>,
) -> Answer<Shown<Rules>> {
    Ok(Shown(port.set_filter(&ctx, chat, new).await?))
}

pub async fn set_brake(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewBrake>,
) -> Answer<Shown<Rules>> {
    Ok(Shown(port.set_brake(&ctx, chat, new).await?))
}

pub async fn reviews(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Review>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.reviews(&ctx, Some(chat), page).await?))
}

pub async fn decide(
    port: Port,
    Caller(ctx): Caller,
    Path((chat, review)): Path<(ChatId, ReviewId)>,
    IfMatch(version): IfMatch,
    Json(verdict): Json<NewReviewVerdict>,
) -> Answer<Done> {
    port.decide_review(&ctx, Some(chat), review, version, verdict).await?;
    Ok(Done)
}

/// What the caller has written that waits.
pub async fn held(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Review>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.held_messages(&ctx, page).await?))
}

pub async fn withdraw(port: Port, Caller(ctx): Caller, Path(review): Path<ReviewId>) -> Answer<Done> {
    port.withdraw_held(&ctx, review).await?;
    Ok(Done)
}

pub async fn purge(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewPurge>,
) -> Answer<Started<Purge>> {
    let job = port.purge(&ctx, chat, new).await?;
    let status_at = format!("/api/chats/{chat}/moderation/purges/{}", job.id);
    Ok(Started { job, status_at })
}

pub async fn purge_progress(
    port: Port,
    Caller(ctx): Caller,
    Path((chat, purge)): Path<(ChatId, PurgeId)>,
) -> Answer<Shown<Purge>> {
    Ok(Shown(port.purge_progress(&ctx, chat, purge).await?))
}

pub async fn server_filter(port: Port, Caller(ctx): Caller) -> Answer<Shown<Filter>> {
    Ok(Shown(port.server_filter(&ctx).await?))
}

pub async fn set_server_filter(port: Port, Caller(ctx): Caller, Json(new): Json<NewFilter>) -> Answer<Shown<Filter>> {
    Ok(Shown(port.set_server_filter(&ctx, new).await?))
}

/// What the filter of the server caught.
pub async fn server_reviews(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Review>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.reviews(&ctx, None, page).await?))
}

pub async fn examine(port: Port, Caller(ctx): Caller, Path(review): Path<ReviewId>) -> Answer<Shown<Review>> {
    Ok(Shown(port.examine_review(&ctx, review).await?))
}

pub async fn decide_for_server(
    port: Port,
    Caller(ctx): Caller,
    Path(review): Path<ReviewId>,
    IfMatch(version): IfMatch,
    Json(verdict): Json<NewReviewVerdict>,
) -> Answer<Done> {
    port.decide_review(&ctx, None, review, version, verdict).await?;
    Ok(Done)
}
