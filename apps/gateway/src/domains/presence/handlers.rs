//! One's own presence over HTTP.

use actix_web::web::Data;
use clowder_accounts::{
    Presences,
    presence::{NewPresence, OwnPresence},
};

use crate::{answer::Shown, auth::Caller, call::Json, problem::Answer};

type Port = Data<dyn Presences>;

pub async fn get(presences: Port, Caller(ctx): Caller) -> Answer<Shown<OwnPresence>> {
    Ok(Shown(presences.presence(&ctx).await?))
}

pub async fn set(presences: Port, Caller(ctx): Caller, Json(new): Json<NewPresence>) -> Answer<Shown<OwnPresence>> {
    Ok(Shown(presences.set_presence(&ctx, new).await?))
}
