//! Chats and messages.

mod arrivals;
mod chat_analytics;
mod chat_exports;
mod chat_imports;
mod chat_templates;
mod chats;
mod commands;
mod events;
mod examples;
mod handlers;
mod invitations;
mod keeping;
mod moderation;
mod participants;
mod polls;
mod relations;
mod routes;
mod scheduled;
pub mod search;
pub mod timers;

/// The refusals of a message that is not there, and of writing to whom the caller must not write first, for other domains.
pub use clowder_messaging::refusals::{CHAT_NOT_WANTED, MESSAGE_UNKNOWN};
use clowder_messaging::{permissions, refusals, scopes};
use serde_json::{Value, json};

use super::{Domain, Form, Rule};
use crate::docs::patterns::{line, name, prose, repeat, zone};

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    messages: &["message.sent", "message.updated"],
    meets: events::meets,
    commands: commands::COMMANDS,
    signals: commands::SIGNALS,
    arrivals: Some(&arrivals::ARRIVALS),
    scopes: scopes::ALL,
    permissions: permissions::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Messaging", "Chats and messages.", routes::all, examples::of)
};

const FORMS: &[Form] = &[
    ("NewChat", "title", name),
    ("NewChat", "description", name),
    ("NewChatTemplate", "name", name),
    ("NewChatTemplate", "title", name),
    ("NewChatTemplate", "description", name),
    ("ChatTemplatePatch", "name", name),
    ("ChatTemplatePatch", "title", name),
    ("ChatTemplatePatch", "description", name),
    ("NewChatFromTemplate", "title", name),
    ("NewChatFromTemplate", "description", name),
    ("NewMessage", "content", prose),
    ("NewMessage", "client_id", line),
    ("NewPoll", "options", name),
    ("NewMessage", "repeat", repeat),
    ("NewMessage", "time_zone", zone),
    ("ScheduledMessagePatch", "content", prose),
    ("ScheduledMessagePatch", "repeat", repeat),
    ("ScheduledMessagePatch", "time_zone", zone),
    ("MessagePatch", "content", prose),
    ("NewForward", "client_id", line),
    ("ChatPatch", "title", name),
    ("ChatPatch", "description", name),
    ("ChatPreferencesPatch", "title", name),
    ("NewChatDraft", "content", prose),
    ("NewChatSanction", "reason", prose),
    ("NewChatLifting", "reason", prose),
    ("NewChatSlowMode", "reason", prose),
    ("NewWordFilter", "reason", prose),
    ("NewWordFilter", "words", line),
    ("NewChatBrake", "reason", prose),
    ("NewChatPurge", "reason", prose),
    ("NewMessageReviewVerdict", "reason", prose),
    ("NewSavedMessage", "note", name),
    ("NewMessageDeletion", "reason", prose),
    ("NewModeratorNotice", "reason", prose),
];

const RULES: &[Rule] = &[
    ("NewChat", new_chat),
    ("ChatPatch", by_name),
    ("NewChatInvite", new_invite),
    ("NewMessage", new_message),
    ("NewPoll", new_poll),
    ("NewChatTemplate", new_template),
    ("NewChatImport", new_import),
];

fn new_message(schema: &mut Value) {
    let text = json!({ "not": { "const": "poll" } });
    let time = json!({ "type": "string", "format": "date-time" });
    let none = json!({ "type": "null" });
    let poll = |title, required: &[&str], when: Value| {
        let mut properties = json!({
            "type": { "const": "poll" }, "poll": { "$ref": "#/components/schemas/NewPoll" },
            "attachments": { "type": "array", "items": { "type": "string", "format": "uuid" }, "maxItems": 0 },
            "content": { "type": "string", "maxLength": 300 }, "mentions": {
                "type": "array", "items": { "type": "string", "format": "uuid" }, "maxItems": 0
            }
        });
        properties
            .as_object_mut()
            .into_iter()
            .for_each(|all| all.extend(when.as_object().cloned().unwrap_or_default()));
        json!({ "title": title, "type": "object", "required": required, "properties": properties })
    };
    schema["anyOf"] = json!([
        {
            "title": "A message, now", "type": "object",
            "properties": { "type": text, "poll": none, "send_at": none, "repeat": none, "time_zone": none }
        },
        poll("A poll", &["type", "poll"], json!({ "send_at": none, "repeat": none, "time_zone": none })),
        poll("A poll, later", &["type", "poll", "send_at"], json!({ "send_at": time, "repeat": none })),
        poll("A poll, again and again", &["type", "poll", "send_at"], json!({ "send_at": time, "client_id": none })),
        {
            "title": "A message, later", "type": "object", "required": ["send_at"],
            "properties": { "type": text, "poll": none, "send_at": time, "repeat": none }
        },
        {
            "title": "A message, again and again", "type": "object", "required": ["send_at"],
            "properties": { "type": text, "poll": none, "send_at": time, "client_id": none }
        }
    ]);
}

fn new_poll(schema: &mut Value) {
    schema["properties"]["options"]["uniqueItems"] = json!(true);
    schema["anyOf"] = json!([
        {
            "title": "One choice", "type": "object",
            "properties": {
                "multiple": { "oneOf": [{ "const": false }, { "type": "null" }] }, "most": { "type": "null" }
            }
        },
        {
            "title": "Several choices", "type": "object", "required": ["multiple"],
            "properties": { "multiple": { "const": true } }
        }
    ]);
}

fn new_template(schema: &mut Value) {
    schema["properties"]["type"] = json!({ "type": "string", "enum": ["group", "channel"] });
}

/// A form has no `null`.
fn new_import(schema: &mut Value) {
    schema["properties"]["authors"] = json!({
        "$ref": "#/components/schemas/ChatImportAuthors",
        "description": "How authors are found; `username` when absent."
    });
}

fn new_invite(schema: &mut Value) {
    schema["anyOf"] = json!([
        {
            "title": "People for a chat", "type": "object", "required": ["user_ids"],
            "properties": { "approval": { "type": "null" }, "max_uses": { "type": "null" }, "expires_at": { "type": "null" } }
        },
        { "title": "A link to a chat", "type": "object",
            "properties": { "user_ids": { "type": "null" } } }
    ]);
}

fn by_name(schema: &mut Value) {
    schema["properties"]["name"] = schema["properties"]["title"].clone();
    schema["properties"]["name"]["description"] = json!("Another name for `title`; only one of the two can be given.");
    schema["anyOf"] = json!([
        { "title": "A chat by `title`", "type": "object", "properties": { "name": { "type": "null" } } },
        { "title": "A chat by `name`", "type": "object", "properties": { "title": { "type": "null" } } }
    ]);
}

fn new_chat(schema: &mut Value) {
    schema["properties"]["name"] = schema["properties"]["title"].clone();
    schema["properties"]["name"]["description"] = json!("Another name for `title`.");
    schema["required"] = json!(["type"]);
    schema["anyOf"] = json!([
        {
            "title": "A private chat", "type": "object", "required": ["type", "participant_ids"],
            "properties": {
                "type": { "const": "private" }, "title": { "type": "null" }, "name": { "type": "null" },
                "description": { "type": "null" }, "visibility": { "type": "null" }, "history": { "type": "null" },
                "rights": { "type": "null" },
                "participant_ids": {
                    "type": "array", "items": { "type": "string", "format": "uuid" }, "minItems": 1, "maxItems": 1
                }
            }
        },
        {
            "title": "A group or a channel", "type": "object", "required": ["type", "title"],
            "properties": {
                "type": { "not": { "const": "private" } }, "title": { "type": "string" }, "name": { "type": "null" }
            }
        },
        {
            "title": "A group or a channel by `name`", "type": "object", "required": ["type", "name"],
            "properties": {
                "type": { "not": { "const": "private" } }, "name": { "type": "string" }, "title": { "type": "null" }
            }
        }
    ]);
}
