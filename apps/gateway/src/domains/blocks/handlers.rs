//! Blocks, mutes and notes over HTTP.

use actix_web::web::Data;
use clowder_core::UserId;
use clowder_social::{Block, Blocks, Mute, NewBlock, NewMute, NewNote, Note};

use crate::{
    answer::{Done, Listed, Shown},
    auth::Caller,
    call::{Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Blocks>;

pub async fn block(
    blocks: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    MaybeJson(new): MaybeJson<NewBlock>,
) -> Answer<Shown<Block>> {
    Ok(Shown(blocks.block(&ctx, user, new).await?))
}

pub async fn unblock(blocks: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Done> {
    blocks.unblock(&ctx, user).await?;
    Ok(Done)
}

pub async fn list(blocks: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Block>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(blocks.blocks(&ctx, page).await?))
}

pub async fn mute(
    blocks: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    MaybeJson(new): MaybeJson<NewMute>,
) -> Answer<Shown<Mute>> {
    Ok(Shown(blocks.mute(&ctx, user, new).await?))
}

pub async fn unmute(blocks: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Done> {
    blocks.unmute(&ctx, user).await?;
    Ok(Done)
}

pub async fn mutes(blocks: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Mute>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(blocks.mutes(&ctx, page).await?))
}

pub async fn note(blocks: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Shown<Note>> {
    Ok(Shown(blocks.note(&ctx, user).await?))
}

pub async fn write_note(
    blocks: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    Json(new): Json<NewNote>,
) -> Answer<Shown<Note>> {
    Ok(Shown(blocks.write_note(&ctx, user, new).await?))
}

pub async fn remove_note(blocks: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Done> {
    blocks.remove_note(&ctx, user).await?;
    Ok(Done)
}
