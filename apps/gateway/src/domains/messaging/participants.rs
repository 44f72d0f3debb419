//! The people in chats over HTTP.

use actix_web::web::Data;
use clowder_core::{ChatId, Page, UserId};
use clowder_messaging::{
    Moderation, Participant, Participants,
    moderation::NewNotice,
    participants::{NewParticipants, PeopleFilter, RolePatch},
};

use super::invitations::{Coming, came};
use crate::{
    answer::{Done, Listed, Shown},
    auth::Caller,
    call::{Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Participants>;

pub async fn list(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Participant>> {
    let filter = PeopleFilter { role: query.word("role"), search: query.text("q") };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.participants(&ctx, chat, filter, page).await?))
}

pub async fn add(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewParticipants>,
) -> Answer<Shown<Page<Participant>>> {
    let items = port.add(&ctx, chat, new).await?;
    Ok(Shown(Page { items, next_cursor: None }))
}

pub async fn set_role(
    port: Port,
    Caller(ctx): Caller,
    Path((chat, user)): Path<(ChatId, UserId)>,
    Json(patch): Json<RolePatch>,
) -> Answer<Shown<Participant>> {
    Ok(Shown(port.set_role(&ctx, chat, user, patch).await?))
}

/// Somebody else is removed, and the caller leaves.
pub async fn remove(
    (port, moderation): (Port, Data<dyn Moderation>),
    Caller(ctx): Caller,
    Path((chat, user)): Path<(ChatId, UserId)>,
    MaybeJson(notice): MaybeJson<NewNotice>,
) -> Answer<Done> {
    match notice.reason {
        Some(reason) => moderation.take_out(&ctx, chat, user, reason).await?,
        None => port.remove(&ctx, chat, user).await?,
    }
    Ok(Done)
}

pub async fn join(port: Port, Caller(ctx): Caller, Path(chat): Path<ChatId>) -> Answer<Coming> {
    Ok(came(port.join(&ctx, chat).await?))
}
