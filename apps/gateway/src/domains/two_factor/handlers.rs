//! The second factor over HTTP.

use actix_web::web::Data;
use clowder_accounts::{
    TwoFactor,
    two_factor::{Disabling, Enabling, Enrolment, Reauthentication, RecoveryCodes},
};

use crate::{
    answer::{Done, Shown},
    auth::Caller,
    call::Json,
    problem::Answer,
};

type Port = Data<dyn TwoFactor>;

pub async fn setup(factor: Port, Caller(ctx): Caller) -> Answer<Shown<Enrolment>> {
    Ok(Shown(factor.setup(&ctx).await?))
}

pub async fn enable(factor: Port, Caller(ctx): Caller, Json(new): Json<Enabling>) -> Answer<Shown<RecoveryCodes>> {
    Ok(Shown(factor.enable(&ctx, new).await?))
}

pub async fn disable(factor: Port, Caller(ctx): Caller, Json(proof): Json<Disabling>) -> Answer<Done> {
    factor.disable(&ctx, proof).await?;
    Ok(Done)
}

pub async fn renew_codes(factor: Port, Caller(ctx): Caller) -> Answer<Shown<RecoveryCodes>> {
    Ok(Shown(factor.renew_codes(&ctx).await?))
}

pub async fn reauthenticate(factor: Port, Caller(ctx): Caller, Json(again): Json<Reauthentication>) -> Answer<Done> {
    factor.reauthenticate(&ctx, again).await?;
    Ok(Done)
}
