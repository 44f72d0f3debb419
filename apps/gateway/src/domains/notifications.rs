//! Notifications: what people are told, and what they want to be told.

mod events;
mod examples;
mod handlers;
mod routes;

use clowder_core::Word;
use clowder_notifications::{NotificationType, change::NOTIFICATION, refusals, scopes};
use serde_json::{Map, Value, json};

use super::{Domain, Form, Rule};
use crate::docs::patterns::zone;

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    completed: &[NOTIFICATION],
    scopes: scopes::ALL,
    refusals: refusals::ALL,
    ..Domain::new(
        "Notifications",
        "What you are told, on all of your devices, and what you want to be told.",
        routes::all,
        examples::of,
    )
};

const FORMS: &[Form] = &[("QuietHours", "time_zone", zone)];

const RULES: &[Rule] = &[("NotificationPreferencesPatch", |schema| {
    let patch = json!({ "$ref": "#/components/schemas/NotificationChannelsPatch" });
    let types: Map<String, Value> =
        NotificationType::WORDS.iter().map(|(word, _)| ((*word).to_owned(), patch.clone())).collect();
    schema["properties"]["channels"] = json!({
        "type": ["object", "null"], "description": "For types of notifications.", "properties": types,
        "additionalProperties": false
    });
})];
