//! The page that emails link to, for servers whose front end has none. It uses no outside host.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType},
};

use crate::{call::Path, problem::Answer, public_url::top_from, refusals};

const PAGE: &str = include_str!("../../../assets/account/page.html");
const SCRIPT: &str = include_str!("../../../assets/account/account.js");
const STYLE: &str =
    concat!(include_str!("../../../assets/page/page.css"), include_str!("../../../assets/account/account.css"));

pub async fn page(request: HttpRequest) -> Answer<HttpResponse> {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; \
                  base-uri 'none'; frame-ancestors 'none'";
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(PAGE.replace("{top}", &top_from(request.path()))))
}

pub async fn part(Path(file): Path<String>) -> Answer<HttpResponse> {
    let (content_type, text) = match file.as_str() {
        "account.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "account.css" => ("text/css; charset=utf-8", STYLE),
        _ => return Err(refusals::ROUTE_UNKNOWN.into()),
    };
    Ok(HttpResponse::Ok().content_type(content_type).insert_header((CACHE_CONTROL, "no-cache")).body(text))
}
