//! The first page: where to find the documents and the health checks.

use actix_web::web::Data;
use serde::Serialize;

use crate::{answer::Shown, problem::Answer, public_url::PublicUrl};

/// Each link is an absolute URL if `PUBLIC_URL` is set, and a path otherwise.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Start {
    #[schema(example = "Clowder")]
    pub name: &'static str,
    /// The OpenAPI document of the REST API.
    pub openapi: String,
    /// The AsyncAPI document of the WebSocket.
    pub asyncapi: String,
    /// A page on which to read and try the REST API.
    pub swagger: String,
    /// A page about what goes over the WebSocket.
    pub asyncapi_page: String,
    /// Every code that an error can have.
    pub problems: String,
    /// The result of every health check.
    pub health: String,
}

pub async fn page(public: Data<PublicUrl>) -> Answer<Shown<Start>> {
    let at = |path| format!("{}{path}", public.base());
    Ok(Shown(Start {
        name: "Clowder",
        openapi: at("/api/openapi.json"),
        asyncapi: at("/api/asyncapi.json"),
        swagger: at("/api/swagger"),
        asyncapi_page: at("/api/asyncapi"),
        problems: at("/api/problems"),
        health: at("/api/health"),
    }))
}
