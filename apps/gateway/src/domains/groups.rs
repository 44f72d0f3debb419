//! Groups.

mod events;
mod examples;
mod handlers;
mod routes;

use clowder_social::groups::{refusals, scopes};
use serde_json::json;

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
    ("GroupPatch", "description", note),
    ("GroupPatch", "rules", note),
];

const RULES: &[Rule] = &[("NewGroup", |schema| {
    schema["properties"]["title"] = schema["properties"]["name"].clone();
    schema["properties"]["title"]["description"] = json!("Another name for `name`.");
    schema["required"] = json!([]);
    schema["anyOf"] = json!([
        {
            "title": "By `name`", "type": "object", "required": ["name"],
            "properties": { "name": { "type": "string" }, "title": { "type": "null" } }
        },
        {
            "title": "By `title`", "type": "object", "required": ["title"],
            "properties": { "title": { "type": "string" }, "name": { "type": "null" } }
        }
    ]);
})];
