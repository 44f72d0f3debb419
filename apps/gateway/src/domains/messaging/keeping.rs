//! Messages that are kept, deleted many at once, or removed by people for themselves, over HTTP.

use actix_web::web::Data;
use clowder_core::{ChatId, MessageId, Page, text::Flaw};
use clowder_messaging::{
    Keeping, Pin, Saved,
    keeping::{Cleared, NewDeletion, NewOrder, NewRemoval, NewSave, Outcome, Whom},
};

use crate::{
    answer::{Done, Listed, Shown},
    auth::Caller,
    call::{Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Keeping>;

pub async fn pin(port: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Shown<Pin>> {
    Ok(Shown(port.pin(&ctx, message).await?))
}

pub async fn unpin(port: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Done> {
    port.unpin(&ctx, message).await?;
    Ok(Done)
}

pub async fn pins(port: Port, Caller(ctx): Caller, Path(chat): Path<ChatId>, mut query: Query) -> Answer<Listed<Pin>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.pins(&ctx, chat, page).await?))
}

pub async fn order_pins(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(order): Json<NewOrder>,
) -> Answer<Listed<Pin>> {
    Ok(Listed(port.order_pins(&ctx, chat, order).await?))
}

pub async fn save(
    port: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    MaybeJson(new): MaybeJson<NewSave>,
) -> Answer<Shown<Saved>> {
    Ok(Shown(port.save(&ctx, message, new).await?))
}

pub async fn unsave(port: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Done> {
    port.unsave(&ctx, message).await?;
    Ok(Done)
}

pub async fn saved(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Saved>> {
    let chat =
        query.value("chat_id", Flaw::new("uuid", "must be the id of a chat"), |text| text.parse::<ChatId>().ok());
    let page = query.page();
    query.check()?;
    Ok(Listed(port.saved(&ctx, chat, page).await?))
}

pub async fn delete_messages(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewDeletion>,
) -> Answer<Listed<Outcome>> {
    let items = match new.whom {
        Whom::All => port.delete_messages(&ctx, chat, new).await?,
        Whom::Me => port.remove_messages(&ctx, chat, NewRemoval { message_ids: new.message_ids }).await?,
    };
    Ok(Listed(Page { items, next_cursor: None }))
}

pub async fn clear(port: Port, Caller(ctx): Caller, Path(chat): Path<ChatId>) -> Answer<Shown<Cleared>> {
    Ok(Shown(port.clear_chat(&ctx, chat).await?))
}
