//! Reports and moderation.

mod commands;
mod events;
mod examples;
mod handlers;
mod routes;

use clowder_social::reports::{permissions, refusals, scopes};
use serde_json::json;

use super::{Domain, Form, Rule};
use crate::docs::patterns::prose;

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    commands: commands::COMMANDS,
    scopes: scopes::ALL,
    permissions: permissions::ALL,
    refusals: refusals::ALL,
    ..Domain::new("Reports", "Reports to moderators, and what they decide.", routes::all, examples::of)
};

const FORMS: &[Form] =
    &[("NewReport", "comment", prose), ("NewAppeal", "text", prose), ("ReportPatch", "reason", prose)];

const RULES: &[Rule] = &[("ReportPatch", |schema| {
    schema["required"] = json!(["status"]);
    let is = |words: &[&str]| json!({ "type": "string", "enum": words });
    let nothing = json!({ "type": "null" });
    schema["anyOf"] = json!([
        {
            "title": "Take it", "type": "object", "required": ["status"],
            "properties": { "status": is(&["reviewing"]), "action": nothing, "until": nothing, "reason": nothing }
        },
        {
            "title": "Dismiss it", "type": "object", "required": ["status", "reason"],
            "properties": {
                "status": is(&["dismissed"]), "action": { "type": ["string", "null"], "enum": ["none", null] },
                "until": nothing, "reason": { "type": "string" }
            }
        },
        {
            "title": "Suspend the account", "type": "object", "required": ["status", "action", "reason"],
            "properties": {
                "status": is(&["resolved"]), "action": is(&["suspend"]), "reason": { "type": "string" }
            }
        },
        {
            "title": "Another action", "type": "object", "required": ["status", "action", "reason"],
            "properties": {
                "status": is(&["resolved"]), "action": is(&["none", "warn", "remove_content"]), "until": nothing,
                "reason": { "type": "string" }
            }
        }
    ]);
})];
