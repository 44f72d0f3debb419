//! Templates of chats over HTTP.

use actix_web::web::Data;
use clowder_core::Made;
use clowder_messaging::{
    Chat, ChatTemplates,
    chat_templates::{ChatTemplate, ChatTemplateId, NewFromTemplate, NewTemplate, TemplatePatch, TemplateScope},
};

use crate::{
    answer::{CreatedVersioned, Done, Listed, Version, Versioned},
    auth::Caller,
    call::{IfMatch, Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn ChatTemplates>;

impl Version for ChatTemplate {
    fn version(&self) -> i64 {
        self.version
    }
}

pub async fn list(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<ChatTemplate>> {
    let scope = query.word("scope");
    let page = query.page();
    query.check()?;
    Ok(Listed(port.templates(&ctx, scope, page).await?))
}

pub async fn show(port: Port, Caller(ctx): Caller, Path(id): Path<ChatTemplateId>) -> Answer<Versioned<ChatTemplate>> {
    let template = port.template(&ctx, id).await?;
    Ok(Versioned(template.version, template))
}

pub async fn create(
    port: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewTemplate>,
) -> Answer<CreatedVersioned<ChatTemplate>> {
    Ok(CreatedVersioned(Made::New(port.create_template(&ctx, TemplateScope::Own, new).await?)))
}

pub async fn edit(
    port: Port,
    Caller(ctx): Caller,
    Path(id): Path<ChatTemplateId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<TemplatePatch>,
) -> Answer<Versioned<ChatTemplate>> {
    let template = port.edit_template(&ctx, TemplateScope::Own, id, version, patch).await?;
    Ok(Versioned(template.version, template))
}

pub async fn delete(
    port: Port,
    Caller(ctx): Caller,
    Path(id): Path<ChatTemplateId>,
    IfMatch(version): IfMatch,
) -> Answer<Done> {
    port.delete_template(&ctx, TemplateScope::Own, id, version).await?;
    Ok(Done)
}

pub async fn create_for_server(
    port: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewTemplate>,
) -> Answer<CreatedVersioned<ChatTemplate>> {
    Ok(CreatedVersioned(Made::New(port.create_template(&ctx, TemplateScope::Server, new).await?)))
}

pub async fn edit_for_server(
    port: Port,
    Caller(ctx): Caller,
    Path(id): Path<ChatTemplateId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<TemplatePatch>,
) -> Answer<Versioned<ChatTemplate>> {
    let template = port.edit_template(&ctx, TemplateScope::Server, id, version, patch).await?;
    Ok(Versioned(template.version, template))
}

pub async fn delete_for_server(
    port: Port,
    Caller(ctx): Caller,
    Path(id): Path<ChatTemplateId>,
    IfMatch(version): IfMatch,
) -> Answer<Done> {
    port.delete_template(&ctx, TemplateScope::Server, id, version).await?;
    Ok(Done)
}

pub async fn create_chat(
    port: Port,
    Caller(ctx): Caller,
    Path(id): Path<ChatTemplateId>,
    MaybeJson(new): MaybeJson<NewFromTemplate>,
) -> Answer<CreatedVersioned<Chat>> {
    Ok(CreatedVersioned(port.create_from_template(&ctx, id, new).await?))
}
