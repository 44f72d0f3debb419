//! Chats themselves over HTTP.

use actix_web::{Either, web::Data};
use clowder_core::ChatId;
use clowder_messaging::{
    Chat, ChatEntry, ChatPreferences, Chats,
    chats::{ChatPatch, Deletion, DirectoryFilter, Gone, NewDraft, NewOwner, PreferencesPatch},
};

use crate::{
    answer::{Done, Listed, Shown, Started, Versioned},
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
) -> Answer<Either<Done, Started<Deletion>>> {
    Ok(match port.delete_chat(&ctx, chat, version).await? {
        Gone::Whole => Either::Left(Done),
        Gone::Started(job) => Either::Right(Started { job, status_at: format!("/api/chat-deletions/{chat}") }),
    })
}

pub async fn deletion(port: Port, Caller(ctx): Caller, Path(chat): Path<ChatId>) -> Answer<Shown<Deletion>> {
    Ok(Shown(port.deletion(&ctx, chat).await?))
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
