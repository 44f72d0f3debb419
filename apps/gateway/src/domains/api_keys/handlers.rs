//! API keys over HTTP, and what each scope allows.

use actix_web::web::Data;
use clowder_accounts::{ApiKey, ApiKeys, IssuedKey, NewApiKey};
use clowder_core::{ApiKeyId, Fields, Input, Page, Role, Scope};
use serde::Serialize;

use crate::{
    answer::{Created, Done, Listed, Shown},
    auth::Caller,
    call::{Json, Path},
    grants,
    problem::Answer,
    query::Query,
    routes::Endpoint,
    ws,
};

type Port = Data<dyn ApiKeys>;

/// What a scope allows, according to the table of routes.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Opened {
    pub scope: Scope,
    pub summary: &'static str,
    /// Who may ask for it.
    pub least_role: Role,
    pub routes: Vec<OpenedRoute>,
    /// The commands that it allows over a socket.
    pub commands: Vec<&'static str>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OpenedRoute {
    #[schema(example = "GET")]
    pub method: String,
    #[schema(example = "/api/chats")]
    pub path: &'static str,
    pub summary: &'static str,
}

/// Every scope with what it allows.
pub struct Scopes(Vec<Opened>);

impl Scopes {
    pub fn new(table: &[Endpoint]) -> Self {
        let opened = |scope: Scope| Opened {
            scope,
            summary: scope.about,
            least_role: scope.least,
            routes: routes(table, scope),
            commands: ws::commands()
                .filter(|command| command.scope == Some(scope))
                .map(|command| command.name)
                .collect(),
        };
        Self(grants::scopes().iter().copied().map(opened).collect())
    }
}

fn routes(table: &[Endpoint], scope: Scope) -> Vec<OpenedRoute> {
    let lines = table.iter().filter(|line| line.scope == Some(scope));
    let route = |line: &Endpoint, path| {
        let methods: Vec<_> = line.methods.iter().map(ToString::to_string).collect();
        let summary = line.summary;
        methods.into_iter().map(move |method| OpenedRoute { method, path, summary })
    };
    lines.flat_map(|line| line.paths().flat_map(move |path| route(line, path))).collect()
}

/// A requested key, with existing scopes.
pub struct Wanted(NewApiKey);

impl Input for Wanted {
    fn read(fields: &mut Fields) -> Option<Self> {
        NewApiKey::read_among(fields, Some(grants::scopes())).map(Self)
    }
}

pub async fn scopes(scopes: Data<Scopes>, mut query: Query) -> Answer<Listed<Opened>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(Page::of_all(&scopes.0, &page)?))
}

pub async fn create(keys: Port, Caller(ctx): Caller, Json(new): Json<Wanted>) -> Answer<Created<IssuedKey>> {
    Ok(Created(keys.create_key(&ctx, new.0).await?))
}

pub async fn list(keys: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<ApiKey>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(keys.keys(&ctx, page).await?))
}

pub async fn one(keys: Port, Caller(ctx): Caller, Path(key): Path<ApiKeyId>) -> Answer<Shown<ApiKey>> {
    Ok(Shown(keys.key(&ctx, key).await?))
}

pub async fn revoke(keys: Port, Caller(ctx): Caller, Path(key): Path<ApiKeyId>) -> Answer<Done> {
    keys.revoke_key(&ctx, key).await?;
    Ok(Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    #[test]
    fn every_scope_opens_something() {
        for opened in Scopes::new(&routes::table(true)).0 {
            assert!(!opened.routes.is_empty(), "{:?} opens no route", opened.scope);
        }
    }
}
