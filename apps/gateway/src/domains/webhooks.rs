//! Webhooks: endpoints, their deliveries, and the calls.

mod calling;
pub mod catalogue;
mod events;
mod examples;
mod handlers;
mod routes;
pub mod sending;

use clowder_notifications::webhooks::{event_types, permissions, refusals, scopes};
use serde_json::json;

use super::{Domain, Form, Rule};
use crate::docs::patterns::{prose, web_address};

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    scopes: scopes::ALL,
    permissions: permissions::ALL,
    refusals: refusals::ALL,
    ..Domain::new(
        "Webhooks",
        "Places to which the server posts events, as Standard Webhooks describes it.",
        routes::all,
        examples::of,
    )
};

const FORMS: &[Form] = &[
    ("NewWebhook", "url", web_address),
    ("NewWebhook", "event_types", wanted),
    ("NewWebhook", "description", prose),
    ("WebhookPatch", "url", web_address),
    ("WebhookPatch", "event_types", wanted),
    ("WebhookPatch", "description", prose),
];

/// What is in them depends on the type.
const RULES: &[Rule] = &[("WebhookEventType", |schema| {
    for member in ["schema", "example"] {
        schema["properties"][member]["additionalProperties"] = json!(true);
    }
})];

/// A type, or what stands for several.
fn wanted(schema: &mut serde_json::Value) {
    schema["minLength"] = json!(1);
    schema["maxLength"] = json!(event_types::LONGEST);
    schema["pattern"] = json!(event_types::PATTERN);
    schema["enum"] = json!(catalogue::wanted());
}
