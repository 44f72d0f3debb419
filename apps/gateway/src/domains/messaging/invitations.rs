//! Invitations to chats over HTTP.

use actix_web::{Either, web::Data};
use clowder_core::{ChatId, Made, UserId, link::Code};
use clowder_messaging::{
    Chat, Invitations,
    invitations::{
        Guest, Invitation, Invites, Link, LinkId, NewAnswer, NewInvite, Preview, Standing, Verdict, port::Came,
    },
};
use serde::Serialize;

use crate::{
    answer::{Accepted, Created, CreatedVersioned, Done, Listed, Shown, Versioned},
    auth::Caller,
    call::{Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Invitations>;

/// Which chat somebody has asked to join.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ChatAsked)]
pub struct Asked {
    pub chat_id: ChatId,
}

pub async fn invite(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    MaybeJson(new): MaybeJson<NewInvite>,
) -> Answer<Created<Invites>> {
    Ok(Created(port.invite(&ctx, chat, new).await?))
}

pub async fn links(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Link>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.links(&ctx, chat, page).await?))
}

pub async fn revoke(port: Port, Caller(ctx): Caller, Path((chat, link)): Path<(ChatId, LinkId)>) -> Answer<Done> {
    port.revoke(&ctx, chat, link).await?;
    Ok(Done)
}

/// Who is invited.
pub async fn invited(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Guest>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.guests(&ctx, chat, Standing::Invited, page).await?))
}

pub async fn withdraw(port: Port, Caller(ctx): Caller, Path((chat, user)): Path<(ChatId, UserId)>) -> Answer<Done> {
    port.withdraw(&ctx, chat, user).await?;
    Ok(Done)
}

/// Who asks to join.
pub async fn requests(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Guest>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.guests(&ctx, chat, Standing::Pending, page).await?))
}

pub async fn decide(
    port: Port,
    Caller(ctx): Caller,
    Path((chat, user)): Path<(ChatId, UserId)>,
    Json(verdict): Json<Verdict>,
) -> Answer<Done> {
    port.decide(&ctx, chat, user, verdict).await?;
    Ok(Done)
}

pub async fn own(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Invitation>> {
    let standing = query.word("status");
    let page = query.page();
    query.check()?;
    Ok(Listed(port.invitations(&ctx, standing, page).await?))
}

pub async fn preview(port: Port, Caller(ctx): Caller, Path(code): Path<String>) -> Answer<Shown<Preview>> {
    Ok(Shown(port.preview(&ctx, Code::new(code)).await?))
}

pub async fn answer(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(answer): Json<NewAnswer>,
) -> Answer<Either<Versioned<Chat>, Done>> {
    Ok(match port.answer(&ctx, chat, answer).await? {
        Some(chat) => Either::Left(Versioned(chat.version, chat)),
        None => Either::Right(Done),
    })
}

pub async fn come(port: Port, Caller(ctx): Caller, Path(code): Path<String>) -> Answer<Coming> {
    Ok(came(port.come(&ctx, Code::new(code)).await?))
}

/// The chat, or that somebody decides.
pub type Coming = Either<CreatedVersioned<Chat>, Accepted<Asked>>;

pub fn came(came: Came) -> Coming {
    match came {
        Came::In(chat) => Either::Left(CreatedVersioned(Made::New(*chat))),
        Came::Already(chat) => Either::Left(CreatedVersioned(Made::Found(*chat))),
        Came::Asked(chat_id) => Either::Right(Accepted(Asked { chat_id })),
    }
}
