//! The OpenAPI 3.1 document of the table of routes.

use std::collections::BTreeMap;

use actix_web::http::Method;
use clowder_accounts::refusals::{ACCOUNT_SUSPENDED, API_KEY_EXPIRED, API_KEY_INVALID, EMAIL_UNVERIFIED};
use clowder_core::{
    Word,
    ctx::{SCOPE_MISSING, TOKEN_MISSING},
};
use serde_json::{Map, Value, json};

use crate::{
    problem::{Body, failure_of},
    public_url::PublicUrl,
    refusals::{self, Failure},
    routes::{Access, Components, Endpoint, Shape},
};

pub fn openapi(table: &[Endpoint], public: &PublicUrl) -> Value {
    let (mut paths, mut problems, mut components) = (Map::new(), Map::new(), Components::default());
    Shape::of::<Body<'static>>().collect_into(&mut components);
    for line in table {
        for (number, path) in line.paths().enumerate() {
            for method in &line.methods {
                let key = method.as_str().to_lowercase();
                let operation =
                    operation(line, path, operation_id(line, method, number), &mut components, &mut problems);
                paths.entry(path).or_insert_with(|| json!({}))[key] = operation;
            }
        }
    }
    let server = if public.is_set() { public.base() } else { "/" };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Clowder",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Social and messaging backend. Errors are `application/problem+json`; \
                            what a WebSocket says is in `/api/asyncapi.json`.",
            "license": { "name": "MIT", "identifier": "MIT" }
        },
        "servers": [{ "url": server }],
        "paths": paths,
        "components": {
            "schemas": components.into_value(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "api_key": { "type": "apiKey", "in": "header", "name": "X-API-Key" }
            },
            "responses": problems,
            "headers": headers()
        }
    })
}

fn operation(
    line: &Endpoint,
    path: &str,
    id: String,
    components: &mut Components,
    problems: &mut Map<String, Value>,
) -> Value {
    let mut operation = json!({
        "operationId": id,
        "summary": line.summary,
        "tags": [line.name.split('.').next().unwrap_or_default()],
        "parameters": parameters(line, path),
        "responses": responses(line, components, problems),
        "security": security(line),
    });
    line.asks.iter().for_each(|asked| asked.schema.collect_into(components));
    if !line.notes.is_empty() {
        operation["description"] = json!(line.notes.join("\n\n"));
    }
    if let Access::Needs(permission) = line.access {
        operation["x-permission"] = json!(permission.as_str());
        operation["x-least-role"] = json!(permission.least());
    }
    if line.even_suspended {
        operation["x-even-suspended"] = json!(true);
    }
    if let Some(shape) = &line.takes {
        shape.collect_into(components);
        components.say_of_others(shape.schema(), !line.nothing_else);
        operation["requestBody"] = json!({
            "description": format!("At most {} KiB", line.most_octets() >> 10),
            "required": !line.or_nothing,
            "content": { "application/json": { "schema": shape.schema() } }
        });
    }
    operation
}

/// An access token opens every route; an API key those that name one of its scopes.
fn security(line: &Endpoint) -> Value {
    let key = line.scope.map(|scope| json!({ "api_key": [scope] }));
    let nobody = (line.access == Access::Public).then(|| json!({}));
    match (nobody, key) {
        (Some(_), None) => json!([]),
        (nobody, key) => [nobody, Some(json!({ "bearer": [] })), key].into_iter().flatten().collect(),
    }
}

/// Unique in the document, also for further methods and paths of one line.
fn operation_id(line: &Endpoint, method: &Method, number: usize) -> String {
    let mut id = line.name.clone();
    if *method != line.methods[0] {
        id = format!("{id}.{}", method.as_str().to_lowercase());
    }
    if number > 0 { format!("{id}.alias{number}") } else { id }
}

fn parameters(line: &Endpoint, path: &str) -> Vec<Value> {
    let segments = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = segments
        .map(|name| {
            let schema = if name.ends_with("id") {
                json!({ "type": "string", "format": "uuid" })
            } else {
                json!({ "type": "string" })
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    parameters.extend(line.asks.iter().map(|asked| {
        let mut schema = asked.schema.schema().clone();
        if schema["type"] == "string" && schema.get("format").is_none() {
            schema["maxLength"] = json!(asked.most);
        }
        json!({ "name": asked.name, "in": "query", "description": asked.says, "schema": schema })
    }));
    let header = |name: &str, says: &str| json!({ "name": name, "in": "header", "description": says, "schema": { "type": "string" } });
    if line.creates {
        parameters.push(header("Idempotency-Key", "Chosen by the client, valid for 24 hours: a repeated call gets the response of the first, with what was created as it is now"));
    }
    if line.edits {
        parameters.push(header("If-Match", "The `ETag` you read, with its quotes; 412 if it is no longer current (`ETag` then has the current one); 422 if it is not a list of entity tags or `*`"));
    }
    if line.tagged {
        parameters.push(header("If-None-Match", "The `ETag` you have; 304 if it is still current"));
    }
    parameters
}

fn responses(line: &Endpoint, components: &mut Components, problems: &mut Map<String, Value>) -> Value {
    let mut responses = Map::new();
    for given in &line.gives {
        let new = || json!({ "description": given.says, "headers": all_headers() });
        // One status may come in several media types.
        let response = responses.entry(given.status.to_string()).or_insert_with(new);
        if let Some(shape) = &given.shape {
            shape.collect_into(components);
            response["content"][given.content_type] = json!({ "schema": shape.schema() });
        } else if !given.content_type.is_empty() {
            response["content"][given.content_type] = json!({});
        }
    }
    let mut by_status = BTreeMap::<u16, Vec<Failure>>::new();
    for failure in failures(line) {
        by_status.entry(failure.status).or_default().push(failure);
    }
    for (status, failures) in by_status {
        // The same problems are described once, however many routes have them.
        let codes: Vec<_> = failures.iter().map(|failure| failure.code).collect();
        let name = format!("{status}-{}", codes.join("-"));
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        problems.entry(name).or_insert_with(|| problem(&failures));
        responses.entry(status.to_string()).or_insert(reference);
    }
    responses.into()
}

/// What the line refuses, and what follows from what it is.
fn failures(line: &Endpoint) -> Vec<Failure> {
    let mut failures = line.refusals.clone();
    if line.access != Access::Public {
        failures.push(failure_of(TOKEN_MISSING));
        let tokens = [clowder_accounts::refusals::TOKEN_INVALID, clowder_accounts::refusals::TOKEN_EXPIRED];
        failures.extend(tokens.into_iter().chain([clowder_accounts::refusals::SESSION_ENDED]).map(failure_of));
        // A key that came to a route for people is told so.
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
    if matches!(line.access, Access::Needs(_)) {
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
            refusals::BODIES_FULL,
        ]);
    }
    if line.takes.is_some() || !line.asks.is_empty() || line.edits || line.creates {
        failures.push(refusals::INPUT_INVALID);
    }
    if line.path.contains("id}") {
        failures.push(refusals::ID_INVALID);
    }
    if !line.any_host {
        failures.push(refusals::HOST_UNKNOWN);
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

fn problem(failures: &[Failure]) -> Value {
    let says: Vec<_> = failures.iter().map(|f| format!("`{}`: {}", f.code, f.title)).collect();
    let examples: Map<_, _> = failures
        .iter()
        .map(|Failure { status, code, title }| {
            let value = json!({
                "type": format!("/api/problems#{code}"), "title": title, "status": status, "detail": title,
                "instance": "/api/…", "code": code, "request_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10", "errors": []
            });
            ((*code).to_owned(), json!({ "value": value }))
        })
        .collect();
    json!({
        "description": says.join("\n\n"),
        "headers": all_headers(),
        "content": {
            "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples }
        }
    })
}

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
];

fn headers() -> Value {
    let header = |(name, kind, says): &(&str, &str, &str)| {
        ((*name).to_owned(), json!({ "description": says, "schema": { "type": kind } }))
    };
    HEADERS.iter().map(header).collect::<Map<_, _>>().into()
}

fn all_headers() -> Value {
    let reference = |(name, ..): &(&str, &str, &str)| {
        ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))
    };
    HEADERS.iter().map(reference).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::routes;

    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    /// The names of all members that something of this schema can have, however deep.
    fn members(document: &Value, schema: &Value, seen: &mut HashSet<String>, found: &mut HashSet<String>) {
        let mut stack = vec![schema];
        while let Some(value) = stack.pop() {
            if let Some(target) = value.get("$ref").and_then(Value::as_str)
                && seen.insert(target.to_owned())
            {
                members(document, document.pointer(&target[1..]).unwrap(), seen, found);
            }
            found.extend(value.get("properties").and_then(Value::as_object).iter().flat_map(|it| it.keys().cloned()));
            match value {
                Value::Object(inner) => stack.extend(inner.values()),
                Value::Array(inner) => stack.extend(inner),
                _ => {}
            }
        }
    }

    /// A new line that shows a secret to a GET can't forget to say so.
    #[test]
    fn what_is_compressed_holds_no_secret() {
        const SECRETS: &[&str] =
            &["access", "refresh", "token", "ticket", "key", "secret", "otpauth_url", "recovery_codes", "link", "url"];
        let (table, mut marked) = (routes::table(true), 0);
        let document = openapi(&table, &PublicUrl::default());
        for line in table.iter().filter(|line| line.methods.contains(&Method::GET)) {
            let mut found = HashSet::new();
            for given in line.gives.iter().filter_map(|given| given.shape.as_ref()) {
                members(&document, given.schema(), &mut HashSet::new(), &mut found);
            }
            let secrets: Vec<_> = SECRETS.iter().filter(|name| found.contains(**name)).collect();
            assert!(secrets.is_empty() || line.shows_secret, "{} shows {secrets:?}: mark it `shows_secret`", line.path);
            marked += usize::from(line.shows_secret);
        }
        assert!(marked >= 2, "the copies of one's data");
    }

    #[test]
    fn addresses_are_those_that_clients_use() {
        let public = "https://chat.example/base".parse().unwrap();
        assert_eq!(openapi(&routes::table(true), &public)["servers"][0]["url"], "https://chat.example/base");
        let asyncapi = crate::docs::asyncapi(&public);
        let server = &asyncapi["servers"]["main"];
        assert_eq!((&server["host"], &server["pathname"]), (&json!("chat.example"), &json!("/base")));
        assert_eq!(server["protocol"], "wss");
    }

    #[test]
    fn the_document_is_whole() {
        let document = openapi(&routes::table(true), &PublicUrl::default());
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        let operations: Vec<_> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
            .collect();
        let ids: HashSet<_> = operations.iter().map(|o| o["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), operations.len(), "operation ids are unique");
        for operation in operations {
            let Some(body) = operation.pointer("/requestBody/content/application~1json/schema/$ref") else { continue };
            let schema = document.pointer(&body.as_str().unwrap()[1..]).unwrap();
            let has_example = schema.get("example").is_some() || schema.get("examples").is_some();
            assert!(has_example, "{} has no example", body);
        }
    }
}
