//! Signing up and in, the profile, sessions and settings.

mod events;
mod examples;
mod handlers;
mod preferences;
mod routes;
mod token;

use clowder_accounts::{refusals, scopes};
use serde_json::json;

use super::{Domain, Form, Rule};
use crate::docs::patterns::{
    code, email, language, line, name, name_or_nothing, note, opaque, password, token, username, web_address, zone,
};

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    events: events::EVENTS,
    scopes: scopes::OWN,
    refusals: refusals::ALL,
    ..Domain::new(
        "Accounts",
        "Sign up, sign in, and look after your profile, sessions and settings.",
        routes::all,
        examples::of,
    )
};

const FORMS: &[Form] = &[
    ("NewAccount", "username", username),
    ("NewAccount", "email", email),
    ("NewAccount", "password", password),
    ("NewAccount", "display_name", name),
    ("NewAccount", "invite", token),
    ("Login", "username", line),
    ("Login", "password", password),
    ("Login", "device_name", name),
    ("Login", "otp", code),
    ("ProfilePatch", "username", username),
    ("ProfilePatch", "display_name", name),
    ("ProfilePatch", "bio", note),
    ("ProfilePatch", "status_text", note),
    ("ProfilePatch", "pronouns", name_or_nothing),
    ("ProfilePatch", "location", name_or_nothing),
    ("NewLink", "label", name),
    ("NewLink", "url", web_address),
    ("SessionPatch", "name", name),
    ("SettingsPatch", "language", language),
    ("SettingsPatch", "time_zone", zone),
    ("Refresh", "refresh", opaque),
    ("Token", "token", opaque),
];

const RULES: &[Rule] = &[
    ("Login", |schema| {
        schema["properties"]["email"] = schema["properties"]["username"].clone();
        schema["required"] = json!(["password"]);
        let by = |member: &str, other: &str| {
            let properties = json!({ member: { "type": "string" }, other: { "type": "null" } });
            json!({ "type": "object", "required": [member], "properties": properties })
        };
        schema["anyOf"] = json!([by("username", "email"), by("email", "username")]);
    }),
    ("OwnProfile", |schema| {
        // An account has all members of a profile, so that it is one, too.
        let either = schema["oneOf"].take();
        *schema = json!({ "description": schema["description"], "anyOf": either });
    }),
];
