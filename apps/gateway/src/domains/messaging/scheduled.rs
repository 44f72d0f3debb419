//! Messages that are sent later, and messages that disappear, over HTTP.

use actix_web::web::Data;
use clowder_core::{ChatId, text::Flaw};
use clowder_messaging::{
    Chat, Lifetimes, Scheduled, ScheduledMessages,
    lifetimes::NewLifetime,
    scheduled::{ScheduledFilter, ScheduledId, ScheduledPatch},
};

use crate::{
    answer::{Done, Listed, Versioned},
    auth::Caller,
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn ScheduledMessages>;

pub async fn list(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Scheduled>> {
    let no_id = Flaw::new("uuid", "must be the id of a chat");
    let chat = query.value("chat_id", no_id, |text| text.parse::<ChatId>().ok());
    let filter = ScheduledFilter { chat, status: query.word("status") };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.scheduled(&ctx, filter, page).await?))
}

pub async fn show(port: Port, Caller(ctx): Caller, Path(id): Path<ScheduledId>) -> Answer<Versioned<Scheduled>> {
    let scheduled = port.scheduled_message(&ctx, id).await?;
    Ok(Versioned(scheduled.version, scheduled))
}

pub async fn edit(
    port: Port,
    Caller(ctx): Caller,
    Path(id): Path<ScheduledId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<ScheduledPatch>,
) -> Answer<Versioned<Scheduled>> {
    let scheduled = port.edit_scheduled(&ctx, id, version, patch).await?;
    Ok(Versioned(scheduled.version, scheduled))
}

pub async fn cancel(
    port: Port,
    Caller(ctx): Caller,
    Path(id): Path<ScheduledId>,
    IfMatch(version): IfMatch,
) -> Answer<Done> {
    port.cancel_scheduled(&ctx, id, version).await?;
    Ok(Done)
}

pub async fn set_lifetime(
    port: Data<dyn Lifetimes>,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    IfMatch(version): IfMatch,
    Json(new): Json<NewLifetime>,
) -> Answer<Versioned<Chat>> {
    let chat = port.set_lifetime(&ctx, chat, version, new).await?;
    Ok(Versioned(chat.version, chat))
}
