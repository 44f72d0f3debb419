//! Parameters of operations: path, query string and headers.

use clowder_accounts::badges::Badge;
use serde_json::{Value, json};

use super::patterns;
use crate::routes::{Asked, AskedHeader, Endpoint};

/// A list of entity tags, or `*` (RFC 9110 §13.1).
const TAGS: &str = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$"#;

pub fn of(line: &Endpoint) -> Vec<Value> {
    let segments = line.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = segments.map(of_path).collect();
    if line.path.starts_with("/api/users/{user_id}") {
        parameters[0]["description"] = json!("The id of the user; `me` is yours");
    }
    parameters.extend(line.asks.iter().map(of_query));
    let mut header = |name: &str, about: &str, schema: Value, example: &str| {
        parameters
            .push(json!({ "name": name, "in": "header", "description": about, "schema": schema, "example": example }));
    };
    if line.creates {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        header(
            "Idempotency-Key",
            "Chosen by the client, valid for 24 hours: a repeated call gets the answer of the first one; for a sent message, the message as it is now. Another body or path is 422 `idempotency.mismatch`",
            schema,
            "6f2c1d9e-0b1f-4a55-9a07-2b9a4c1d7e10",
        );
    }
    if line.edits {
        header(
            "If-Match",
            "The `ETag` you read, with its quotes; 412 if it is no longer current (`ETag` then has the current one); 422 if it is not a list of entity tags or `*`",
            json!({ "type": "string", "pattern": TAGS }),
            "\"3\"",
        );
    }
    if line.tagged {
        header(
            "If-None-Match",
            "The `ETag` you have; 304 if it is still current",
            json!({ "type": "string" }),
            "\"3\"",
        );
    }
    parameters.extend(line.headers.iter().map(of_header));
    parameters
}

pub fn of_header(asked: &AskedHeader) -> Value {
    let schema = json!({ "type": "string", "maxLength": asked.most, "pattern": asked.pattern });
    let mut parameter = json!({ "name": asked.name, "in": "header", "description": asked.says, "schema": schema });
    parameter["example"] = json!(asked.example);
    if asked.required {
        parameter["required"] = json!(true);
    }
    parameter
}

fn of_path(name: &str) -> Value {
    let (schema, about) = if name.ends_with("id") {
        let thing = match name.trim_end_matches("_id") {
            "chat_requester" | "requester" | "participant" | "member" | "keeper" => "user".to_owned(),
            "chat_deletion" | "invited_chat" => "chat".to_owned(),
            "group_deletion" => "group".to_owned(),
            "case" => "report".to_owned(),
            thing => thing.replace('_', " ").replace("api", "API"),
        };
        let about = format!("The id of the {thing}");
        (json!({ "type": "string", "format": "uuid" }), about)
    } else if name == "badge" {
        (
            json!({ "type": "string", "pattern": Badge::PATTERN, "minLength": 1, "maxLength": 30 }),
            "The badge".to_owned(),
        )
    } else if name == "emoji" {
        (
            json!({ "type": "string", "pattern": patterns::EMOJI, "minLength": 1, "maxLength": 16 }),
            "A single emoji. Variation selectors may be missing".to_owned(),
        )
    } else {
        let about = match name {
            "code" => "The code of the problem",
            "chat_code" | "group_code" => "The code of the link",
            "username" => "A username, in any case",
            "unsubscribe_token" => "What the link holds",
            _ => "The name of the file",
        };
        let most = if name == "unsubscribe_token" { 1_000 } else { 200 };
        (json!({ "type": "string", "minLength": 1, "maxLength": most }), about.to_owned())
    };
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

fn of_query(asked: &Asked) -> Value {
    let mut schema = asked.schema.schema().clone();
    if schema["type"] == "string" && schema.get("format").is_none() {
        schema["minLength"] = json!(1);
        schema["maxLength"] = json!(asked.most);
        schema["pattern"] = json!(asked.pattern.unwrap_or(r"^[^\u0000]*$"));
    }
    if let Some((least, most)) = asked.range {
        schema["minimum"] = json!(least);
        if most < i64::MAX {
            schema["maximum"] = json!(most);
        }
    }
    if asked.name == "limit" {
        schema["default"] = json!(clowder_core::page::DEFAULT_LIMIT);
    }
    let mut parameter = json!({ "name": asked.name, "in": "query", "description": asked.says, "schema": schema });
    if asked.required {
        parameter["required"] = json!(true);
    }
    parameter
}
