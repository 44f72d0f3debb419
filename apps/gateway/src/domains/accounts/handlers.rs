//! Accounts over HTTP.

use actix_web::{Either, web::Data};
use clowder_accounts::{
    Accounts, Login, NewAccount, Own, ProfilePatch, Profiles, Registration, Session, SessionPatch, SignedIn,
    model::{EndKeys, Waiting},
    profiles::User,
    refusals::{SESSION_ENDED, USER_UNKNOWN},
};
use clowder_core::{Ctx, Error, SessionId, Versions};
use serde::Serialize;

use super::token::Refresh;
use crate::{
    answer::{Accepted, Created, Done, Listed, Shown, Versioned},
    auth::Caller,
    call::{IfMatch, Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Accounts>;

/// Your account, or your profile as somebody else sees it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum OwnProfile {
    Own(Box<Own>),
    SeenAs(Box<User>),
}

pub async fn register(
    accounts: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewAccount>,
) -> Answer<Either<Created<SignedIn>, Accepted<Waiting>>> {
    Ok(match accounts.register(&ctx, new).await? {
        Registration::SignedIn(signed_in) => Either::Left(Created(*signed_in)),
        Registration::Waiting(waiting) => Either::Right(Accepted(waiting)),
    })
}

pub async fn login(accounts: Port, Caller(ctx): Caller, Json(login): Json<Login>) -> Answer<Shown<SignedIn>> {
    Ok(Shown(accounts.login(&ctx, login).await?))
}

pub async fn refresh(accounts: Port, Caller(ctx): Caller, Json(token): Json<Refresh>) -> Answer<Shown<SignedIn>> {
    Ok(Shown(accounts.refresh(&ctx, token.refresh).await?))
}

pub async fn logout(accounts: Port, Caller(ctx): Caller) -> Answer<Done> {
    accounts.logout(&ctx).await?;
    Ok(Done)
}

pub async fn logout_all(accounts: Port, Caller(ctx): Caller, MaybeJson(end): MaybeJson<EndKeys>) -> Answer<Done> {
    accounts.logout_all(&ctx, end.end_keys).await?;
    Ok(Done)
}

pub async fn me(accounts: Port, Caller(ctx): Caller) -> Answer<Versioned<Own>> {
    let own = accounts.me(&ctx).await?;
    Ok(Versioned(own.version, own))
}

pub async fn edit_me(
    accounts: Port,
    Caller(ctx): Caller,
    IfMatch(tags): IfMatch,
    Json(patch): Json<ProfilePatch>,
) -> Answer<Versioned<Own>> {
    let own = accounts.edit_me(&ctx, tags.as_ref().map(Versions::of_tags), patch).await?;
    Ok(Versioned(own.version, own))
}

/// The account with what others see of its profile.
async fn with_profile(profiles: &Data<dyn Profiles>, ctx: &Ctx, own: Own) -> Answer<Versioned<Own>> {
    let shown = profiles.user(ctx, own.id, None).await.map_err(|error| match error {
        // It was erased meanwhile.
        Error::Refused(USER_UNKNOWN) => SESSION_ENDED.into(),
        error => error,
    })?;
    Ok(Versioned(shown.tag(), own.with(&shown.user)))
}

pub async fn own_profile(
    accounts: Port,
    profiles: Data<dyn Profiles>,
    Caller(ctx): Caller,
    mut query: Query,
) -> Answer<Versioned<OwnProfile>> {
    let seen_as = query.word("as");
    query.check()?;
    let own = accounts.me(&ctx).await?;
    if seen_as.is_some() {
        let shown = profiles.user(&ctx, own.id, seen_as).await?;
        return Ok(Versioned(shown.tag(), OwnProfile::SeenAs(Box::new(shown.user))));
    }
    let Versioned(tag, own) = with_profile(&profiles, &ctx, own).await?;
    Ok(Versioned(tag, OwnProfile::Own(Box::new(own))))
}

/// The tags of both calls that read one's account count.
pub async fn edit_own_profile(
    accounts: Port,
    profiles: Data<dyn Profiles>,
    Caller(ctx): Caller,
    IfMatch(tags): IfMatch,
    Json(patch): Json<ProfilePatch>,
) -> Answer<Versioned<Own>> {
    let own = accounts.edit_me(&ctx, tags.as_ref().map(Versions::of_tags), patch).await?;
    with_profile(&profiles, &ctx, own).await
}

pub async fn sessions(accounts: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Session>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(accounts.sessions(&ctx, page).await?))
}

pub async fn name_session(
    accounts: Port,
    Caller(ctx): Caller,
    Path(session): Path<SessionId>,
    Json(patch): Json<SessionPatch>,
) -> Answer<Shown<Session>> {
    Ok(Shown(accounts.name_session(&ctx, session, patch).await?))
}

pub async fn end_other_sessions(accounts: Port, Caller(ctx): Caller) -> Answer<Done> {
    accounts.end_other_sessions(&ctx).await?;
    Ok(Done)
}

pub async fn end_session(accounts: Port, Caller(ctx): Caller, Path(session): Path<SessionId>) -> Answer<Done> {
    accounts.end_session(&ctx, session).await?;
    Ok(Done)
}
