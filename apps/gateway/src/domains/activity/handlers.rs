//! One's own activity over HTTP.

use actix_web::web::Data;
use clowder_accounts::{Activity, ActivityLog, activity::ActivityType};
use clowder_core::text::Flaw;

use crate::{
    answer::{Done, Listed},
    auth::Caller,
    problem::Answer,
    query::Query,
};

type Port = Data<dyn ActivityLog>;

pub async fn list(activity: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Activity>> {
    let wrong = Flaw::new("action", "must be a type of activity, such as message.sent");
    let kind = query.value("type", wrong, ActivityType::parse);
    let page = query.page();
    query.check()?;
    Ok(Listed(activity.activity(&ctx, kind, page).await?))
}

pub async fn clear(activity: Port, Caller(ctx): Caller) -> Answer<Done> {
    activity.clear_activity(&ctx).await?;
    Ok(Done)
}
