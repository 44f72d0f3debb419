//! The API documents and the pages that show them. No page uses an outside host.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, HOST},
    web::{Bytes, Data},
};
use serde_json::Value;

use crate::{
    call::Path,
    docs,
    page::{ASYNCAPI, policy},
    problem::{Answer, Problem},
    public_url::top_from,
    refusals,
};

/// A placeholder for the URL of the document in Swagger UI, which the script below replaces.
const OPENAPI: &str = "/api/openapi.json";
/// The script of Swagger UI that names the document.
const STARTER: &str = "swagger-initializer.js";

/// Both documents, generated once at the start.
pub struct Documents {
    openapi: Bytes,
    asyncapi: Value,
    swagger: Arc<utoipa_swagger_ui::Config<'static>>,
}

impl Documents {
    pub fn new(openapi: &Value, asyncapi: Value) -> Self {
        let swagger = utoipa_swagger_ui::Config::from(OPENAPI).persist_authorization(true).validator_url("none");
        Self { openapi: openapi.to_string().into(), asyncapi, swagger: Arc::new(swagger) }
    }

    fn swagger_part(&self, file: &str) -> Answer<(String, Vec<u8>)> {
        match utoipa_swagger_ui::serve(file, Arc::clone(&self.swagger)) {
            // The script that starts the page derives the document's URL from its own.
            Ok(Some(found)) if file == STARTER => {
                let script = String::from_utf8_lossy(&found.bytes);
                let document = format!("new URL({:?}, here).href", "../openapi.json");
                let script = script.replace(&format!("{OPENAPI:?}"), &document);
                let script = format!("const here = document.currentScript.src;\n{script}");
                Ok((found.content_type, script.into_bytes()))
            }
            Ok(Some(found)) => Ok((found.content_type, found.bytes.into_owned())),
            Ok(None) => Err(refusals::ROUTE_UNKNOWN.into()),
            Err(error) => Err(Problem::new(refusals::INTERNAL).fault(error.to_string())),
        }
    }
}

pub async fn openapi(documents: Data<Documents>) -> Answer<HttpResponse> {
    Ok(document(&documents.openapi))
}

/// Names the server by `PUBLIC_URL`, or else by the requested host, because AsyncAPI has no relative URLs.
pub async fn asyncapi(documents: Data<Documents>, request: HttpRequest) -> Answer<HttpResponse> {
    Ok(document(&asyncapi_here(&documents, &request).to_string().into()))
}

/// The same as a page, for people.
pub async fn asyncapi_page(documents: Data<Documents>, request: HttpRequest) -> Answer<HttpResponse> {
    let html = docs::asyncapi_page(&asyncapi_here(&documents, &request), &top_from(request.path()));
    Ok(page_under(&policy(ASYNCAPI), html.into_bytes()))
}

fn asyncapi_here(documents: &Documents, request: &HttpRequest) -> Value {
    let mut asyncapi = documents.asyncapi.clone();
    let host = &mut asyncapi["servers"]["main"]["host"];
    if host.as_str().is_some_and(str::is_empty) {
        let asked = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        *host = asked.unwrap_or("localhost").into();
    }
    asyncapi
}

fn document(json: &Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).insert_header((CACHE_CONTROL, "no-cache")).body(json.clone())
}

/// Its resources are relative to the root of the server, so that neither a trailing slash in the page's own path nor a
/// proxy's path prefix matters.
pub async fn swagger(documents: Data<Documents>, request: HttpRequest) -> Answer<HttpResponse> {
    let (_, html) = documents.swagger_part("index.html")?;
    let parts = format!("{}api/swagger/", top_from(request.path()));
    let html = String::from_utf8_lossy(&html).replace("=\"./", "=\"").replace("src=\"", &format!("src=\"{parts}"));
    Ok(page(html.replace("href=\"", &format!("href=\"{parts}")).into_bytes()))
}

pub async fn swagger_file(documents: Data<Documents>, Path(file): Path<String>) -> Answer<HttpResponse> {
    let (content_type, bytes) = documents.swagger_part(&file)?;
    let mut answer = HttpResponse::Ok();
    Ok(answer.content_type(content_type).insert_header((CACHE_CONTROL, "public, max-age=86400")).body(bytes))
}

const REDOC_PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clowder API</title>
<style>body { margin: 0 }</style>
<redoc spec-url="{top}api/openapi.json" disable-search="false"></redoc>
<script src="{top}api/redoc/redoc.standalone.js"></script>
</html>
"#;
const REDOC_SCRIPT: &[u8] = include_bytes!("../../../assets/redoc/redoc.standalone.js");

pub async fn redoc(request: HttpRequest) -> Answer<HttpResponse> {
    Ok(page(REDOC_PAGE.replace("{top}", &top_from(request.path())).into_bytes()))
}

pub async fn redoc_script() -> Answer<HttpResponse> {
    Ok(HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=86400"))
        .body(Bytes::from_static(REDOC_SCRIPT)))
}

/// Scripts and data come only from here; both pages set styles from their scripts, and ReDoc searches in a worker.
fn page(html: Vec<u8>) -> HttpResponse {
    let policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self' data:; \
                  style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; base-uri 'none'; frame-ancestors 'none'";
    page_under(policy, html)
}

fn page_under(policy: &str, html: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_ask_no_outside_host() {
        let documents = Documents::new(&Value::Null, Value::Null);
        for file in ["index.html", "swagger-initializer.js", "index.css"] {
            let (_, text) = documents.swagger_part(file).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains("//cdn") && !text.is_empty(), "{file}");
        }
        let (_, starter) = documents.swagger_part(STARTER).unwrap();
        let starter = String::from_utf8_lossy(&starter).into_owned();
        assert!(starter.contains("new URL(\"../openapi.json\", here)") && !starter.contains(OPENAPI), "{starter}");
        assert!(!REDOC_PAGE.contains("://"));
        let script = String::from_utf8_lossy(REDOC_SCRIPT);
        assert!(!script.contains("cdn.redoc") && !script.contains("fonts.googleapis"));
    }
}
