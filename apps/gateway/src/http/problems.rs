//! The list of all problems, where the `type` of each leads.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY},
};
use clowder_core::{Refusal, idempotency};
use serde::Serialize;

use crate::{
    problem::{Answer, failure_of},
    refusals::{self, Failure},
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Entry {
    #[schema(example = "chat.unknown")]
    pub code: &'static str,
    #[schema(example = 404)]
    pub status: u16,
    pub title: &'static str,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problems {
    pub items: Vec<Entry>,
}

/// Every refusal of every domain, and the gateway's own failures, by code.
pub fn every() -> Vec<Failure> {
    let idempotency = &[idempotency::MISMATCH, idempotency::RUNNING];
    let domains: [&[Refusal]; 3] = [idempotency, clowder_accounts::refusals::ALL, clowder_messaging::refusals::ALL];
    let mut all: Vec<_> = domains.iter().flat_map(|table| table.iter().copied().map(failure_of)).collect();
    all.extend(refusals::ALL);
    all.sort_by_key(|failure| failure.code);
    all.dedup();
    all
}

pub async fn list(request: HttpRequest) -> Answer<HttpResponse> {
    let accepts = |kind| request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(kind));
    let entry = |Failure { status, code, title }| Entry { code, status, title };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "public, max-age=3600")).insert_header(("Vary", "Accept"));
    Ok(if accepts("text/html") {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
        answer.insert_header((CONTENT_SECURITY_POLICY, policy)).content_type("text/html; charset=utf-8").body(page())
    } else {
        answer.json(Problems { items: every().into_iter().map(entry).collect() })
    })
}

fn page() -> String {
    let rows: String = every()
        .iter()
        .map(|Failure { status, code, title }| {
            let title = title.replace('&', "&amp;").replace('<', "&lt;");
            format!("<tr id=\"{code}\"><td><a href=\"#{code}\"><code>{code}</code></a><td>{status}<td>{title}\n")
        })
        .collect();
    format!(
        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>Problems</title>\n\
         <style>body{{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         td,th{{text-align:left;padding:.2rem 1rem .2rem 0}}:target{{background:#fe9}}</style>\n\
         <h1>Problems</h1>\n<p>Every error is <code>application/problem+json</code> (RFC 9457); its <code>code</code> is one of these.\n\
         <table><tr><th>Code<th>Status<th>Meaning\n{rows}</table>\n"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_code_has_one_meaning() {
        let all = every();
        let codes: HashSet<_> = all.iter().map(|failure| failure.code).collect();
        assert_eq!(codes.len(), all.len(), "two refusals share a code");
        assert!(all.iter().all(|failure| failure.code.bytes().all(|b| b.is_ascii_lowercase() || b"._".contains(&b))));
        assert!(page().contains("id=\"chat.unknown\""));
    }
}
