//! The page of the link in an email, in the language of the email. It runs no script and uses no outside host; it is not kept
//! anywhere, and tells no other page its address.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY},
};
use clowder_notifications::mail::Unsubscribed;

use crate::public_url::top_from;

const PAGE: &str = include_str!("../../../assets/notices/page.html");
const BUTTON: &str = include_str!("../../../assets/notices/button.html");

/// Asks whether it is to end; the button does it.
pub fn ask(request: &HttpRequest, about: &Unsubscribed) -> HttpResponse {
    let words = about.language.around();
    answer(request, about, &words.ask(&about.what), &BUTTON.replace("{button}", words.button))
}

pub fn ended(request: &HttpRequest, about: &Unsubscribed) -> HttpResponse {
    answer(request, about, &about.language.around().ended(&about.what), "")
}

/// All of it is our own words: nothing that people wrote.
fn answer(request: &HttpRequest, about: &Unsubscribed, text: &str, form: &str) -> HttpResponse {
    let words = about.language.around();
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let page = PAGE
        .replace("{tag}", words.tag)
        .replace("{title}", words.page)
        .replace("{top}", &top_from(request.path()))
        .replace("{text}", text)
        .replace("{form}", form);
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(page)
}
