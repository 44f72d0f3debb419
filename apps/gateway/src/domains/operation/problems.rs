//! The list of all problems, to which the `type` of each leads, and a page about each.

use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY},
};
use clowder_core::idempotency;
use serde::Serialize;

use crate::{
    call::Path,
    docs,
    domains::DOMAINS,
    page::{self, escaped},
    problem::{Answer, failure_of},
    public_url::top_from,
    refusals::{self, Failure},
    routes,
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

/// One code, and the responses that can have it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProblemType)]
pub struct Described {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// The operations that can be refused with this code; empty for codes of the socket.
    pub operations: Vec<Operation>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = ProblemOperation)]
pub struct Operation {
    pub method: String,
    pub path: &'static str,
    pub summary: &'static str,
}

/// The operations by the codes with which they can be refused.
static OPERATIONS: LazyLock<BTreeMap<&'static str, Vec<Operation>>> = LazyLock::new(|| {
    let mut operations = BTreeMap::<_, Vec<_>>::new();
    for line in routes::table(true) {
        let operation = Operation { method: line.methods[0].to_string(), path: line.path, summary: line.summary };
        for failure in docs::failures(&line) {
            operations.entry(failure.code).or_default().push(operation.clone());
        }
    }
    operations
});

/// Every refusal of every domain, and the gateway's own failures, by code.
pub fn every() -> Vec<Failure> {
    let idempotency = &[idempotency::MISMATCH, idempotency::RUNNING];
    let refusals = DOMAINS.iter().flat_map(|domain| domain.refusals).chain(idempotency);
    let mut all: Vec<_> = refusals.copied().map(failure_of).collect();
    all.extend(refusals::ALL);
    all.sort_by_key(|failure| failure.code);
    all.dedup();
    all
}

/// Browsers ask for HTML, programs for JSON.
fn answer(request: &HttpRequest, page: impl FnOnce() -> String, json: impl Serialize) -> HttpResponse {
    let accepts = |kind| request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(kind));
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "public, max-age=3600")).insert_header(("Vary", "Accept"));
    if accepts("text/html") {
        answer.insert_header((CONTENT_SECURITY_POLICY, page::policy(page::PROBLEMS)));
        answer.content_type("text/html; charset=utf-8").body(page())
    } else {
        answer.json(json)
    }
}

pub async fn list(request: HttpRequest) -> Answer<HttpResponse> {
    let entry = |Failure { status, code, title }| Entry { code, status, title };
    let problems = Problems { items: every().into_iter().map(entry).collect() };
    Ok(answer(&request, || list_page(&top_from(request.path())), problems))
}

pub async fn one(request: HttpRequest, Path(code): Path<String>) -> Answer<HttpResponse> {
    let found = every().into_iter().find(|failure| failure.code == code);
    let Failure { status, code, title } = found.ok_or(refusals::ROUTE_UNKNOWN)?;
    let operations = OPERATIONS.get(code).cloned().unwrap_or_default();
    let described = Described { code, status, title, operations };
    Ok(answer(&request, || page_of(&described, &top_from(request.path())), &described))
}

fn list_page(top: &str) -> String {
    let rows: String = every()
        .iter()
        .map(|Failure { status, code, title }| {
            let title = escaped(title);
            format!(
                "<tr id=\"{code}\"><td><a href=\"{top}api/problems/{code}\"><code>{code}</code></a><td>{status}<td>{title}\n"
            )
        })
        .collect();
    let body = format!(
        "<h1>Problems</h1>\n\
         <p>Every error is a problem document (RFC 9457, <code>application/problem+json</code>). Its <code>code</code> is \
         one of these, and does not change between versions.\n\
         <table>\n<thead><tr><th>Code<th>Status<th>Meaning\n<tbody>\n{rows}</table>\n"
    );
    page::html("Problems", page::PROBLEMS, &body)
}

fn page_of(described: &Described, top: &str) -> String {
    let Described { code, status, title, operations } = described;
    let mut body = format!(
        "<p><a href=\"{top}api/problems\">All problems</a>\n<h1><code>{code}</code></h1>\n\
         <dl><dt>Status<dd>{status}<dt>Meaning<dd>{}</dl>\n<h2>Where it can happen</h2>\n",
        escaped(title)
    );
    if operations.is_empty() {
        body.push_str("<p>Only over sockets.\n");
    } else {
        body.push_str("<ul>\n");
        for Operation { method, path, summary } in operations {
            let _ = writeln!(body, "<li><code>{method} {}</code><span>{}</span>", escaped(path), escaped(summary));
        }
        body.push_str("</ul>\n");
    }
    page::html(code, page::PROBLEMS, &body)
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
        assert!(list_page("../").contains("id=\"chat.unknown\""));
    }

    #[test]
    fn what_operations_refuse_with_is_listed() {
        let codes: HashSet<_> = every().iter().map(|failure| failure.code).collect();
        let strangers: Vec<_> = OPERATIONS.keys().filter(|code| !codes.contains(*code)).collect();
        assert!(strangers.is_empty(), "operations refuse with {strangers:?}, which are not listed");
        let unknown = &OPERATIONS["chat.unknown"];
        assert!(unknown.iter().any(|operation| operation.path == "/api/chats/{chat_id}"));
    }
}
