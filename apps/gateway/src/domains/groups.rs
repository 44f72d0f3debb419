//! Groups.

mod events;
mod examples;
mod handlers;
mod routes;

use clowder_social::groups::{refusals, scopes};
use serde_json::{Value, json};

use super::{Domain, Form, Rule};
use crate::docs::patterns::{name, note};

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    scopes: scopes::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Groups", "Communities that people join, each with a chat of its own.", routes::all, examples::of)
};

const FORMS: &[Form] = &[
    ("NewGroup", "name", name),
    ("NewGroup", "description", note),
    ("NewGroup", "rules", note),
    ("GroupPatch", "name", name),
    ("NewGroupBan", "reason", note),
    ("GroupPatch", "description", note),
    ("GroupPatch", "rules", note),
];

const RULES: &[Rule] = &[("NewGroup", new_group), ("GroupPatch", group_patch), ("NewGroupInvite", new_invite)];

fn title(schema: &mut Value) {
    schema["properties"]["title"] = schema["properties"]["name"].clone();
    schema["properties"]["title"]["description"] = json!("Another name for `name`.");
}

fn new_group(schema: &mut Value) {
    title(schema);
    schema["required"] = json!([]);
    schema["anyOf"] = json!([
        {
            "title": "A new group by `name`", "type": "object", "required": ["name"],
            "properties": { "name": { "type": "string" }, "title": { "type": "null" } }
        },
        {
            "title": "A new group by `title`", "type": "object", "required": ["title"],
            "properties": { "title": { "type": "string" }, "name": { "type": "null" } }
        }
    ]);
}

/// Only one of the two names is given.
fn group_patch(schema: &mut Value) {
    title(schema);
    schema["anyOf"] = json!([
        { "title": "A group by `name`", "type": "object", "properties": { "title": { "type": "null" } } },
        { "title": "A group by `title`", "type": "object", "properties": { "name": { "type": "null" } } }
    ]);
}

fn new_invite(schema: &mut Value) {
    schema["anyOf"] = json!([
        {
            "title": "People for a group", "type": "object", "required": ["user_ids"],
            "properties": { "max_uses": { "type": "null" }, "expires_at": { "type": "null" } }
        },
        { "title": "A link to a group", "type": "object",
            "properties": { "user_ids": { "type": "null" } } }
    ]);
}
