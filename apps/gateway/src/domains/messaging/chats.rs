//! Chats themselves over HTTP.

use actix_web::web::Data;
use clowder_core::ChatId;
use clowder_messaging::{
    Chat, ChatEntry, ChatPreferences, Chats,
    chats::{ChatPatch, DirectoryFilter, NewDraft, NewOwner, PreferencesPatch},
};

use crate::{
    answer::{Done, Listed, Shown, Versioned},
    auth::Caller,
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Chats>;

pub async fn directory(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<ChatEntry>> {
    let filter = DirectoryFilter { search: query.text("search"), kind: query.word("type") };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.directory(&ctx, filter, page).await?))
}

pub async fn edit(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<ChatPatch>,
) -> Answer<Versioned<Chat>> {
    let chat = port.edit_chat(&ctx, chat, version, patch).await?;
    Ok(Versioned(chat.version, chat))
}

pub async fn delete(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    IfMatch(version): IfMatch,
) -> Answer<Done> {
    port.delete_chat(&ctx, chat, version).await?;
    Ok(Done)
}

pub async fn transfer(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(owner): Json<NewOwner>,
) -> Answer<Versioned<Chat>> {
    let chat = port.transfer(&ctx, chat, owner).await?;
    Ok(Versioned(chat.version, chat))
}

pub async fn set_preferences(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(patch): Json<PreferencesPatch>,
) -> Answer<Shown<ChatPreferences>> {
    Ok(Shown(port.set_preferences(&ctx, chat, patch).await?))
}

pub async fn set_draft(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(draft): Json<NewDraft>,
) -> Answer<Shown<ChatPreferences>> {
    Ok(Shown(port.set_draft(&ctx, chat, draft).await?))
}
