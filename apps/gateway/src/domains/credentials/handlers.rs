//! Addresses and passwords over HTTP.

use actix_web::web::Data;
use clowder_accounts::{
    Credentials,
    model::{ChangeEmail, ChangePassword, EmailLink, Forgot, LinkToken, Proof, Resend, ResetPassword},
};

use crate::{
    answer::{Done, Shown},
    auth::Caller,
    call::Json,
    problem::Answer,
};

type Port = Data<dyn Credentials>;

pub async fn email_link(port: Port, Caller(ctx): Caller, Json(link): Json<LinkToken>) -> Answer<Shown<EmailLink>> {
    Ok(Shown(port.email_link(&ctx, link).await?))
}

pub async fn verify_email(port: Port, Caller(ctx): Caller, Json(proof): Json<Proof>) -> Answer<Done> {
    port.verify_email(&ctx, proof).await?;
    Ok(Done)
}

pub async fn resend(port: Port, Caller(ctx): Caller) -> Answer<Done> {
    port.resend(&ctx).await?;
    Ok(Done)
}

pub async fn resend_to(port: Port, Caller(ctx): Caller, Json(resend): Json<Resend>) -> Answer<Done> {
    port.resend_to(&ctx, resend).await?;
    Ok(Done)
}

pub async fn change_email(port: Port, Caller(ctx): Caller, Json(change): Json<ChangeEmail>) -> Answer<Done> {
    port.change_email(&ctx, change).await?;
    Ok(Done)
}

pub async fn forgot(port: Port, Caller(ctx): Caller, Json(forgot): Json<Forgot>) -> Answer<Done> {
    port.forgot(&ctx, forgot).await?;
    Ok(Done)
}

pub async fn reset(port: Port, Caller(ctx): Caller, Json(reset): Json<ResetPassword>) -> Answer<Done> {
    port.reset(&ctx, reset).await?;
    Ok(Done)
}

pub async fn change_password(port: Port, Caller(ctx): Caller, Json(change): Json<ChangePassword>) -> Answer<Done> {
    port.change_password(&ctx, change).await?;
    Ok(Done)
}
