//! The same accounts for clients of Django's simplejwt, which use these paths and shapes.

use actix_web::{Either, web::Data};
use clowder_accounts::{
    Accounts, Login, NewAccount, RefreshToken, Registration, SignedIn, Staff, model::Waiting, refusals::TOKEN_SUSPENDED,
};
use clowder_core::{Actor, Fields, Input, UserId, input::Opaque};
use serde::Serialize;

use crate::{
    answer::{Accepted, Created, Shown},
    auth::Caller,
    call::Json,
    problem::Answer,
};

type Port = Data<dyn Accounts>;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenPair {
    pub access: String,
    pub refresh: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Registered {
    pub id: UserId,
    pub username: String,
    pub email: String,
    pub access: String,
    pub refresh: String,
}

/// `{refresh}`
#[derive(Debug, utoipa::ToSchema)]
#[schema(example = json!({"refresh": "Zm9yZ2V0LW1lLW5vdA"}))]
pub struct Refresh {
    #[schema(value_type = String)]
    pub refresh: RefreshToken,
}

/// `{token}`
#[derive(Debug, utoipa::ToSchema)]
#[schema(example = json!({"token": "eyJhbGciOiJIUzI1NiJ9.e30.2Q"}))]
pub struct Token {
    pub token: String,
}

/// `{}`
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Verified {}

impl Input for Refresh {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("refresh").map(|refresh| Self { refresh })
    }
}

impl Input for Token {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("token").map(|Opaque(token)| Self { token })
    }
}

impl From<SignedIn> for TokenPair {
    fn from(SignedIn { access, refresh, .. }: SignedIn) -> Self {
        Self { access, refresh }
    }
}

impl From<SignedIn> for Registered {
    fn from(SignedIn { access, refresh, user, .. }: SignedIn) -> Self {
        Self { id: user.id, username: user.username, email: user.email, access, refresh }
    }
}

pub async fn obtain(accounts: Port, Caller(ctx): Caller, Json(login): Json<Login>) -> Answer<Shown<TokenPair>> {
    Ok(Shown(accounts.login(&ctx, login).await?.into()))
}

pub async fn refresh(accounts: Port, Caller(ctx): Caller, Json(token): Json<Refresh>) -> Answer<Shown<TokenPair>> {
    Ok(Shown(accounts.refresh(&ctx, token.refresh).await?.into()))
}

/// Whether a token gives access now: that of a suspended account does not.
pub async fn verify(
    accounts: Port,
    staff: Data<dyn Staff>,
    Caller(ctx): Caller,
    Json(token): Json<Token>,
) -> Answer<Shown<Verified>> {
    match accounts.identify(&token.token, ctx.now)?.actor {
        Actor::User { id, .. } if staff.standing(id, ctx.now).suspension.is_some() => Err(TOKEN_SUSPENDED.into()),
        _ => Ok(Shown(Verified {})),
    }
}

pub async fn register(
    accounts: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewAccount>,
) -> Answer<Either<Created<Registered>, Accepted<Waiting>>> {
    Ok(match accounts.register(&ctx, new).await? {
        Registration::SignedIn(signed_in) => Either::Left(Created((*signed_in).into())),
        Registration::Waiting(waiting) => Either::Right(Accepted(waiting)),
    })
}
