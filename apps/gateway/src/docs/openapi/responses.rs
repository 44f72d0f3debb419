//! Responses of operations: the successful one, every problem that can occur, and their headers.

use std::collections::BTreeMap;

use actix_web::http::Method;
use clowder_accounts::refusals::{ACCOUNT_SUSPENDED, API_KEY_EXPIRED, API_KEY_INVALID, EMAIL_UNVERIFIED};
use clowder_core::{
    FieldError,
    ctx::{SCOPE_MISSING, TOKEN_MISSING},
};
use serde_json::{Map, Value, json};

use crate::{
    docs::examples,
    problem::failure_of,
    query,
    refusals::{self, Failure},
    routes::{Access, Components, Endpoint, Given, Shape},
};

pub fn of(line: &Endpoint, components: &Components, problems: &mut Map<String, Value>) -> Value {
    let mut responses = Map::new();
    for given in &line.gives {
        let new = || json!({ "description": given.says, "headers": headers_of(line, given, components) });
        // One status may come in several media types.
        let response = responses.entry(given.status.to_string()).or_insert_with(new);
        if let Some(shape) = &given.shape {
            let mut content = json!({ "schema": shape.schema() });
            let own = examples::of(&format!("{} {}", line.operation_id, given.status));
            if let Some(example) = own.or_else(|| components.example(shape.schema())) {
                content["example"] = example;
            }
            response["content"][given.content_type] = content;
        } else if given.content_type == "application/json" {
            response["content"][given.content_type] = json!({ "schema": Shape::any().schema() });
        } else if !given.content_type.is_empty() {
            let mut content = json!({ "schema": { "type": "string" } });
            if let Some(example) = given.example {
                content["example"] = json!(example);
            }
            response["content"][given.content_type] = content;
        }
    }
    let mut by_status = BTreeMap::<u16, Vec<Failure>>::new();
    for failure in failures(line) {
        by_status.entry(failure.status).or_default().push(failure);
    }
    for (status, failures) in by_status {
        // Identical problems are described once, however many routes have them.
        let again = |failure: &Failure| line.only_again.contains(&failure.code);
        let code = |it: &Failure| if again(it) { format!("{}.again", it.code) } else { it.code.to_owned() };
        let codes: Vec<String> = failures.iter().map(code).collect();
        let exclusive = if status == refusals::INPUT_INVALID.status { line.exclusive } else { &[] };
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let name = [&[status.to_string().as_str()], codes.as_slice(), exclusive].concat().join("-");
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        problems.entry(name).or_insert_with(|| problem(status, &failures, &line.only_again, exclusive));
        responses.entry(status.to_string()).or_insert(reference);
    }
    responses.into()
}

/// The responses to HEAD: those to GET, without their bodies. `Range` counts only for GET (RFC 9110 §14.2).
pub fn without_bodies(responses: &Value, problems: &Map<String, Value>) -> Value {
    let responses = responses.as_object().into_iter().flatten();
    let responses = responses.filter(|(status, _)| !["206", "416"].contains(&status.as_str()));
    let described = responses.map(|(status, response)| {
        let name = response["$ref"].as_str().and_then(|target| target.rsplit('/').next());
        let mut response = name.and_then(|name| problems.get(name)).unwrap_or(response).clone();
        if let Some(members) = response.as_object_mut() {
            members.remove("content");
        }
        (status.clone(), response)
    });
    described.collect::<Map<_, _>>().into()
}

/// The problems that the route declares, and those that follow from its kind.
pub fn failures(line: &Endpoint) -> Vec<Failure> {
    let mut failures = line.refusals.clone();
    if line.access != Access::Public {
        failures.push(failure_of(TOKEN_MISSING));
        let tokens = [clowder_accounts::refusals::TOKEN_INVALID, clowder_accounts::refusals::TOKEN_EXPIRED];
        failures.extend(tokens.into_iter().chain([clowder_accounts::refusals::SESSION_ENDED]).map(failure_of));
        // The answer to an API key on a route for people.
        failures.extend([SCOPE_MISSING, API_KEY_INVALID, API_KEY_EXPIRED].map(failure_of));
    } else if line.scope.is_some() {
        failures.extend([SCOPE_MISSING, API_KEY_INVALID, API_KEY_EXPIRED, ACCOUNT_SUSPENDED].map(failure_of));
    }
    if line.access != Access::Public {
        failures.push(failure_of(ACCOUNT_SUSPENDED));
    }
    if line.reaches_others {
        failures.push(failure_of(EMAIL_UNVERIFIED));
    }
    if matches!(line.access, Access::Needs(_)) || line.others.is_some() {
        failures.push(refusals::PERMISSION_DENIED);
    }
    if line.takes.is_some() {
        failures.extend([
            refusals::BODY_UNPARSABLE,
            refusals::BODY_CUT,
            refusals::BODY_SLOW,
            refusals::BODY_TOO_LARGE,
            refusals::CONTENT_ENCODING,
            refusals::MEDIA_TYPE,
        ]);
    }
    if line.takes.is_some() && line.uploads.is_none() {
        failures.push(refusals::BODIES_FULL);
    }
    // Large answers to reads are refused while too many wait to be received.
    if line.methods.contains(&Method::GET) {
        failures.push(refusals::ANSWERS_FULL);
    }
    // Also for a parameter that the route does not know.
    if !line.asks.is_empty() || !line.ignores_others {
        failures.push(refusals::INPUT_INVALID);
    }
    if line.path.contains("id}") {
        failures.push(refusals::ID_INVALID);
    }
    if !line.any_host {
        failures.push(refusals::HOST_UNKNOWN);
    }
    if line.methods.iter().any(Method::is_safe) {
        failures.push(refusals::ANSWERS_FULL);
    }
    failures.extend([
        refusals::URI_TOO_LONG,
        refusals::TOO_MANY,
        refusals::INTERNAL,
        refusals::UNAVAILABLE,
        refusals::STORAGE_FULL,
    ]);
    failures.sort_by_key(|failure| (failure.status, failure.code));
    failures.dedup();
    failures
}

fn problem(status: u16, failures: &[Failure], again: &[&str], exclusive: &[&str]) -> Value {
    let says = |failure: &Failure| {
        let more = if again.contains(&failure.code) { AGAIN } else { "" };
        format!("`{}`: {}{more}", failure.code, failure.title)
    };
    let says: Vec<_> = failures.iter().map(says).collect();
    let codes: Vec<_> = failures.iter().map(|failure| failure.code).collect();
    let mut examples: Map<_, _> = failures
        .iter()
        .map(|Failure { status, code, title }| {
            let mut value = json!({
                "type": format!("/api/problems#{code}"), "title": title, "status": status, "detail": title,
                "instance": "/api/…", "code": code, "request_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10", "errors": []
            });
            if WAITING.contains(status) {
                value["retry_after"] = json!(1);
            }
            ((*code).to_owned(), json!({ "value": value }))
        })
        .collect();
    // OpenAPI describes each query parameter by itself. A single parameter with an object schema could exclude
    // combinations, but code generators turn it into one argument; so words and an example say it.
    if let [first, ..] = exclusive {
        let mut value = examples[refusals::INPUT_INVALID.code]["value"].clone();
        value["errors"] = json!([exclusion(first, exclusive)]);
        examples.insert("several of them".to_owned(), json!({ "summary": "Several of them", "value": value }));
    }
    let mut headers = references(ALWAYS);
    if WAITING.contains(&status) {
        headers.extend(references(&["Retry-After"]));
    }
    if status == 401 {
        headers.extend(references(&["WWW-Authenticate"]));
    }
    if status == 412 {
        headers.extend(references(&["ETag"]));
    }
    let schema = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Problem" },
            { "type": "object", "properties": { "code": { "enum": codes }, "status": { "type": "integer", "enum": [status] } } }
        ]
    });
    json!({
        "description": says.join("\n\n"),
        "headers": headers,
        "content": { "application/problem+json": { "schema": schema, "examples": examples } }
    })
}

/// What the first of several parameters says when they exclude each other.
fn exclusion(first: &str, exclusive: &[&str]) -> FieldError {
    query::only_one(exclusive).at(format!("?{first}"))
}

/// When a call that creates something answers that it does not exist.
const AGAIN: &str = ". Only for a repeated `Idempotency-Key`: what it created is gone.";

/// Temporary problems, which say how long to wait.
const WAITING: &[u16] = &[429, 503, 507];

const ALWAYS: &[&str] = &[
    "X-Request-Id",
    "RateLimit",
    "RateLimit-Policy",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
];

const HEADERS: &[(&str, &str, &str)] = &[
    ("X-Request-Id", "string", "The id of this request in logs and problems; taken from the request if it has one"),
    ("RateLimit", "string", "What is left of the limit (draft-ietf-httpapi-ratelimit-headers)"),
    ("RateLimit-Policy", "string", "The limit: at most `q` units at once, refilled within `w` seconds"),
    (
        "X-RateLimit-Limit",
        "integer",
        "The most units at once; a call costs one, and one more for every 25 rows it writes and every 64 KiB of its response",
    ),
    ("X-RateLimit-Remaining", "integer", "Units that are left"),
    ("X-RateLimit-Reset", "integer", "Seconds until all units are available again"),
    (
        "ETag",
        "string",
        "The version in quotes, for `If-Match` and `If-None-Match`; of what each viewer sees in their own way, with a fingerprint of that",
    ),
    ("Location", "string", "Where the status of what was started can be read, or where what was created is"),
    ("Link", "string", "Where the next page is (RFC 8288, `rel=\"next\"`); absent on the last page"),
    ("Retry-After", "integer", "Seconds to wait before trying again"),
    (
        "Idempotent-Replayed",
        "string",
        "`true` when this is the answer of an earlier call with this `Idempotency-Key`; absent otherwise",
    ),
    ("Content-Disposition", "string", "The name under which to save the file"),
    ("Tus-Resumable", "string", "The version of the protocol of resumable uploads"),
    ("Tus-Version", "string", "The versions that the server knows"),
    ("Tus-Extension", "string", "The extensions of the protocol that the server knows, separated by commas"),
    (
        "Tus-Checksum-Algorithm",
        "string",
        "The algorithms of `Upload-Checksum` that the server knows, separated by commas",
    ),
    ("Tus-Max-Size", "integer", "How many octets a file can have, whatever its purpose"),
    ("Upload-Offset", "integer", "How many octets have arrived and are durable"),
    ("Upload-Length", "integer", "How many octets the file has"),
    ("Upload-Metadata", "string", "What the client has said of the file"),
    ("Upload-Expires", "string", "Until when the upload can be continued (RFC 9110); absent once it has become a file"),
    ("Clowder-File-Id", "string", "The id of the file; absent until the upload has become one"),
    ("WWW-Authenticate", "string", "How to authenticate, and what was wrong with the credential (RFC 9110, RFC 6750)"),
];

pub fn headers() -> Value {
    let header = |(name, kind, says): &(&str, &str, &str)| {
        ((*name).to_owned(), json!({ "description": says, "schema": { "type": kind } }))
    };
    HEADERS.iter().map(header).collect::<Map<_, _>>().into()
}

fn references(names: &[&str]) -> Map<String, Value> {
    let reference = |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    names.iter().map(reference).collect()
}

fn headers_of(line: &Endpoint, given: &Given, components: &Components) -> Map<String, Value> {
    let mut names = ALWAYS.to_vec();
    let schema = given.shape.as_ref().map(Shape::schema);
    let member = |name| schema.map(|schema| components.member(schema, name));
    let has = |name| member(name).is_some_and(|member| !member.is_null());
    // The version of a thing is a number; that of the server is a text.
    if given.status == 304 || member("version").is_some_and(|version| version["type"] == "integer") {
        names.push("ETag");
    }
    if has("next_cursor") {
        names.push("Link");
    }
    if line.starts_job && given.status == 202 {
        names.push("Location");
    }
    if given.status < 300 {
        names.extend(line.shows);
    }
    if line.creates {
        names.push("Idempotent-Replayed");
    }
    if line.downloads && given.status == 200 {
        names.push("Content-Disposition");
    }
    references(&names)
}
