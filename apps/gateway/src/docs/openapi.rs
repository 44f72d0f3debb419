//! The OpenAPI 3.1 document of the table of routes.

mod parameters;
pub mod patterns;
mod responses;
pub mod schemas;

pub use responses::failures;

use serde_json::{Map, Value, json};

use crate::{
    domains::DOMAINS,
    front::Policy,
    grants,
    problem::Body,
    public_url::PublicUrl,
    routes::{Access, Components, Endpoint, Shape},
};

const ABOUT: &str = "\
Clowder is a self-hostable social and messaging backend.

**Authentication.** Sign in with `POST /api/auth/login` and send the access token as `Authorization: Bearer …`. Programs send \
an API key as `X-API-Key`. An API key opens only the routes of its scopes: each operation names its scope in `x-scope`.

**Errors** are `application/problem+json` (RFC 9457). Decide by `code`, which is stable; `/api/problems` lists all codes.

**Lists** come in pages: pass `next_cursor` back as `cursor`, or follow the `Link` header. It is `null` on the last page.

**Repeating a call.** Calls that create something take `Idempotency-Key`: a repeated call gets the answer of the first.

**Editing.** What can be edited has a `version`, which is also its `ETag`. Send it as `If-Match` to change only what you read.

**Limits** are reported in `RateLimit` headers. A refused call is 429 and says in `Retry-After` how long to wait.

**Texts** are normalised to Unicode NFC before they are measured and compared with their `pattern`, which is a regular \
expression of ECMA-262 for every engine. Of names it excludes only some invisible characters; `x-unicode-pattern` is exact and \
needs Unicode mode (flag `u`). An engine with older Unicode tables than the server's refuses the newest letters there. Beyond its form, a \
name can be refused because it is reserved, taken, or looks like one that is taken (409).

**Other paths and methods.** Where PUT does what PATCH does, or an operation has a second path, it is described once, and \
`x-aliases` lists the others. All paths also work with a slash at their end.

New members may be added to answers at any time: ignore those that you do not know. The frames of the WebSocket are described \
in `/api/asyncapi.json`.";

pub fn openapi(table: &[Endpoint], public: &PublicUrl) -> Value {
    let (mut paths, mut problems, mut components) = (Map::new(), Map::new(), Components::default());
    Shape::of::<Body<'static>>().collect_into(&mut components);
    for line in table {
        line.asks.iter().for_each(|asked| asked.schema.collect_into(&mut components));
        for shape in line.takes.iter().chain(line.gives.iter().filter_map(|given| given.shape.as_ref())) {
            shape.collect_into(&mut components);
        }
        if let Some(shape) = &line.takes {
            components.say_of_others(shape.schema(), !line.nothing_else);
        }
    }
    let inputs = table.iter().filter_map(|line| line.takes.as_ref()).map(Shape::schema);
    schemas::complete(&mut components, inputs, grants::scopes());
    for line in table {
        let key = line.methods[0].as_str().to_lowercase();
        let operation = operation(line, &components, &mut problems);
        let path = paths.entry(line.path).or_insert_with(|| json!({}));
        if let Some(head) = &line.head {
            let mut described = operation.clone();
            described["operationId"] = json!(head.operation_id);
            described["summary"] = json!(head.summary);
            if let Some(parameters) = described["parameters"].as_array_mut() {
                parameters.extend(head.headers.iter().map(parameters::of_header));
            }
            described["responses"] = responses::without_bodies(&operation["responses"], &problems);
            path["head"] = described;
        }
        path[key] = operation;
    }
    let server = if public.is_set() { public.base() } else { "/" };
    let tags: Vec<_> =
        DOMAINS.iter().map(|domain| json!({ "name": domain.tag, "description": domain.about })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Clowder",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "contact": { "name": "The operator of this server" },
            "license": { "name": "MIT", "identifier": "MIT" }
        },
        "servers": [{ "url": server }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": components.into_value(),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "An access token, as signing in returns it. It is valid for a few minutes."
                },
                "api_key": {
                    "type": "apiKey", "in": "header", "name": "X-API-Key",
                    "description": "An API key. It opens operations whose `x-scope` it has."
                }
            },
            "responses": problems,
            "headers": responses::headers()
        }
    })
}

fn operation(line: &Endpoint, components: &Components, problems: &mut Map<String, Value>) -> Value {
    let mut operation = json!({
        "operationId": line.operation_id,
        "summary": line.summary,
        "description": description(line),
        "tags": [line.tag],
        "parameters": parameters::of(line),
        "responses": responses::of(line, components, problems),
        "security": security(line),
    });
    let aliases = aliases(line);
    if !aliases.is_empty() {
        operation["x-aliases"] = json!(aliases);
    }
    if let Some(scope) = line.scope {
        operation["x-scope"] = json!(scope.word);
    }
    if let Access::Needs(permission) = line.access {
        operation["x-permission"] = json!(permission.word);
        operation["x-least-role"] = json!(permission.least);
    }
    if let Some(permission) = line.others {
        operation["x-permission"] = json!(permission.word);
        operation["x-permission-for"] = json!("others");
    }
    if !line.needs_one_of.is_empty() {
        operation["x-needs-one-of"] = json!(line.needs_one_of);
    }
    if line.even_suspended {
        operation["x-even-suspended"] = json!(true);
    }
    if let Some(shape) = &line.takes {
        let mut content = json!({ "schema": shape.schema() });
        if let Some(example) = components.example(shape.schema()) {
            content["example"] = example;
        }
        operation["requestBody"] = json!({
            "description": format!("At most {} KiB", line.most_octets() >> 10),
            "required": !line.or_nothing,
            "content": { line.media: content }
        });
    }
    operation
}

/// What it does, who can call it, what it costs, and why it refuses.
fn description(line: &Endpoint) -> String {
    let mut parts: Vec<_> = line.notes.iter().map(|note| (*note).to_owned()).collect();
    if !line.exclusive.is_empty() {
        parts.push(format!("**Parameters.** Give at most one of `{}`.", line.exclusive.join("`, `")));
    }
    if !line.needs_one_of.is_empty() {
        parts.push(format!("**Parameters.** Give at least one of `{}`.", line.needs_one_of.join("`, `")));
    }
    let aliases = aliases(line);
    if !aliases.is_empty() {
        parts.push(format!("**Also** `{}`.", aliases.join("`, `")));
    }
    parts.push(format!("**Access.** {}", access(line)));
    if !line.any_host {
        parts.push(match line.policy {
            Policy::Auth => {
                "**Cost.** Counts against the stricter limit for calls that could guess secrets or send email."
                    .to_owned()
            }
            _ => "**Cost.** One unit, one more for every 25 rows that it writes and for every 64 KiB of its answer."
                .to_owned(),
        });
    }
    if !line.refusals.is_empty() {
        let refusals =
            line.refusals.iter().map(|failure| format!("- `{}` ({}): {}", failure.code, failure.status, failure.title));
        parts.push(format!("**Refused** with\n\n{}", refusals.collect::<Vec<_>>().join("\n")));
    }
    parts.join("\n\n")
}

fn access(line: &Endpoint) -> String {
    let scope = line.scope.map(|scope| scope.word);
    let mut text = match (line.access, scope) {
        (Access::Public, None) => "Anybody.".to_owned(),
        (Access::Public, Some(scope)) => format!("Anybody; an API key needs the scope `{scope}`."),
        (access, scope) => {
            let keys = scope.map_or_else(
                || ". API keys can't call it.".to_owned(),
                |scope| format!(", or an API key with the scope `{scope}`."),
            );
            match access {
                Access::Needs(permission) => {
                    let role = serde_json::to_value(permission.least).unwrap_or_default();
                    let role = role.as_str().unwrap_or_default().to_owned();
                    format!("The permission `{}` (role `{role}` or above), with an access token{keys}", permission.word)
                }
                _ => format!("An access token{keys}"),
            }
        }
    };
    if line.even_suspended {
        text += " Suspended accounts can call it, too.";
    }
    if line.reaches_others {
        text += " Where `REQUIRE_VERIFIED_EMAIL=true`, the address of the account must be confirmed.";
    }
    text
}

/// Other methods and paths for the same operation.
fn aliases(line: &Endpoint) -> Vec<String> {
    let all = line.paths().flat_map(|path| line.methods.iter().map(move |method| format!("{method} {path}")));
    all.skip(1).collect()
}

/// An access token opens every route; an API key opens the routes of its scopes.
fn security(line: &Endpoint) -> Value {
    let key = line.scope.map(|_| json!({ "api_key": [] }));
    let nobody = (line.access == Access::Public).then(|| json!({}));
    match (nobody, key) {
        (Some(_), None) => json!([]),
        (nobody, key) => [nobody, Some(json!({ "bearer": [] })), key].into_iter().flatten().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use actix_web::http::Method;

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

    /// All member names in this schema, at any depth.
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

    /// A new route that shows a secret to a GET must be marked as such.
    #[test]
    fn what_is_compressed_holds_no_secret() {
        const SECRETS: &[&str] =
            &["access", "refresh", "token", "ticket", "key", "secret", "otpauth_url", "recovery_codes", "link", "url"];
        let (table, mut marked) = (routes::table(true), 0);
        let document = openapi(&table, &PublicUrl::default());
        for line in table.iter().filter(|line| line.methods.contains(&Method::GET)) {
            let mut found = HashSet::new();
            for given in line.gives.iter().filter_map(|given| given.shape.as_ref()) {
                // Links that people have written, in a profile or a message, are no secret, nor are the pages behind them,
                // nor paths of files, which need a token, nor the public half of a key.
                let open = ["Link", "LinkPreview", "MessageEntity", "Picture", "PushKey", "Thumbnail"];
                let mut seen = HashSet::from(open.map(|name| format!("#/components/schemas/{name}")));
                members(&document, given.schema(), &mut seen, &mut found);
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

    /// Where HEAD is described, it is GET without a body.
    #[test]
    fn what_head_does_is_described() {
        let document = openapi(&routes::table(true), &PublicUrl::default());
        let uploads = &document["paths"]["/api/files/resumable/{file_id}"]["head"];
        let needed = |operation: &Value| {
            let mut parameters = operation["parameters"].as_array().unwrap().iter();
            parameters.any(|it| it["name"] == "Tus-Resumable" && it["required"] == true)
        };
        assert!(needed(uploads), "{uploads}");
        assert!(uploads["responses"]["200"]["headers"]["Upload-Offset"].is_object(), "{uploads}");
        let content = &document["paths"]["/api/files/{file_id}/content"]["head"];
        assert!(!needed(content) && content["responses"]["304"].is_object(), "{content}");
        for responses in [&uploads["responses"], &content["responses"]] {
            for (status, response) in responses.as_object().unwrap() {
                assert!(response["content"].is_null() && response["description"].is_string(), "{status}: {response}");
            }
            assert!(responses["206"].is_null() && responses["404"].is_object(), "{responses}");
        }
    }

    /// A response that shares its schema with another one has an example of its own, unless both look the same.
    #[test]
    fn examples_are_what_their_status_means() {
        let document = openapi(&routes::table(true), &PublicUrl::default());
        let example = |path: &str, status: &str| {
            document["paths"][path]["post"]["responses"][status]["content"]["application/json"]["example"].clone()
        };
        let [existing, new] = ["200", "201"].map(|status| example("/api/chats", status));
        assert_eq!((&existing["type"], &existing["participant_count"]), (&json!("private"), &json!(2)));
        assert!(existing["peer"].is_object() && new["peer"].is_null());
        assert_eq!((&new["type"], &new["last_seq"], &new["last_message"]), (&json!("group"), &json!(0), &json!(null)));
        let user = &example("/api/auth/register", "201")["user"];
        assert_eq!((&user["email_verified"], &user["version"]), (&json!(false), &json!(1)));
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
