//! Settings over HTTP.

use actix_web::web::Data;
use clowder_accounts::{
    Preferences,
    model::{Settings, SettingsPatch},
};

use crate::{
    answer::Versioned,
    auth::Caller,
    call::{IfMatch, Json},
    problem::Answer,
};

type Port = Data<dyn Preferences>;

pub async fn settings(port: Port, Caller(ctx): Caller) -> Answer<Versioned<Settings>> {
    let settings = port.settings(&ctx).await?;
    Ok(Versioned(settings.version, settings))
}

pub async fn edit_settings(
    port: Port,
    Caller(ctx): Caller,
    IfMatch(version): IfMatch,
    Json(patch): Json<SettingsPatch>,
) -> Answer<Versioned<Settings>> {
    let settings = port.edit_settings(&ctx, version, patch).await?;
    Ok(Versioned(settings.version, settings))
}
