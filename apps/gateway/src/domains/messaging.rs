//! Chats and messages.

mod arrivals;
mod commands;
mod events;
mod examples;
mod handlers;
mod routes;

/// The refusal of a message that is not there, for other domains.
pub use clowder_messaging::refusals::MESSAGE_UNKNOWN;
use clowder_messaging::{refusals, scopes};
use serde_json::json;

use super::{Domain, Form, Rule};
use crate::docs::patterns::{line, name, prose};

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    messages: &["message.sent", "message.updated"],
    commands: commands::COMMANDS,
    arrivals: Some(&arrivals::ARRIVALS),
    scopes: scopes::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Messaging", "Chats and messages.", routes::all, examples::of)
};

const FORMS: &[Form] = &[
    ("NewChat", "title", name),
    ("NewChat", "description", name),
    ("NewMessage", "content", prose),
    ("NewMessage", "client_id", line),
    ("MessagePatch", "content", prose),
];

const RULES: &[Rule] = &[("NewChat", |schema| {
    schema["properties"]["name"] = schema["properties"]["title"].clone();
    schema["properties"]["name"]["description"] = json!("Another name for `title`.");
    schema["required"] = json!(["type"]);
    schema["anyOf"] = json!([
        {
            "title": "A private chat", "type": "object", "required": ["type", "participant_ids"],
            "properties": {
                "type": { "type": "string", "enum": ["private"] }, "title": { "type": "null" }, "name": { "type": "null" },
                "description": { "type": "null" },
                "participant_ids": {
                    "type": "array", "items": { "type": "string", "format": "uuid" }, "minItems": 1, "maxItems": 1
                }
            }
        },
        {
            "title": "A group", "type": "object", "required": ["type", "title"],
            "properties": {
                "type": { "type": "string", "enum": ["group"] }, "title": { "type": "string" }, "name": { "type": "null" }
            }
        },
        {
            "title": "A group by `name`", "type": "object", "required": ["type", "name"],
            "properties": {
                "type": { "type": "string", "enum": ["group"] }, "name": { "type": "string" }, "title": { "type": "null" }
            }
        }
    ]);
})];
