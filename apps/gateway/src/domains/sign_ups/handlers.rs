//! Sign-ups and invitations over HTTP.

use actix_web::web::Data;
use clowder_accounts::{
    SignUps,
    model::{Invite, InviteId, NewInvite, NewInvited, Rejection, SignUp, SignUpId},
};

use crate::{
    answer::{Created, Done, Listed},
    auth::Caller,
    call::{Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn SignUps>;

pub async fn waiting(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<SignUp>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.waiting(&ctx, page).await?))
}

pub async fn approve(port: Port, Caller(ctx): Caller, Path(sign_up): Path<SignUpId>) -> Answer<Done> {
    port.approve(&ctx, sign_up).await?;
    Ok(Done)
}

pub async fn reject(
    port: Port,
    Caller(ctx): Caller,
    Path(sign_up): Path<SignUpId>,
    Json(rejection): Json<Rejection>,
) -> Answer<Done> {
    port.reject(&ctx, sign_up, rejection).await?;
    Ok(Done)
}

pub async fn invite(port: Port, Caller(ctx): Caller, Json(new): Json<NewInvite>) -> Answer<Created<NewInvited>> {
    Ok(Created(port.invite(&ctx, new).await?))
}

pub async fn invites(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Invite>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.invites(&ctx, page).await?))
}

pub async fn revoke_invite(port: Port, Caller(ctx): Caller, Path(invite): Path<InviteId>) -> Answer<Done> {
    port.revoke_invite(&ctx, invite).await?;
    Ok(Done)
}
