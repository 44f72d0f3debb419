//! Push: devices that get notifications while they are not connected.

mod examples;
mod handlers;
mod routes;

use clowder_notifications::push::refusals;
use serde_json::{Value, json};

use super::{Domain, Form, Rule};

pub const DOMAIN: Domain = Domain {
    forms: FORMS,
    rules: RULES,
    refusals: refusals::ALL,
    ..Domain::new(
        "Push",
        "Devices that get notifications while they are not connected: browsers, UnifiedPush, FCM and APNs.",
        routes::all,
        examples::of,
    )
};

const FORMS: &[Form] = &[
    ("NewPushSubscription", "endpoint", endpoint),
    ("NewPushSubscription", "token", token),
    ("NewPushSubscription", "app", app),
    ("PushKeys", "p256dh", point),
    ("PushKeys", "auth", auth),
];

fn endpoint(schema: &mut Value) {
    schema["pattern"] = json!(r#"^https?://[!-"$-.0->@-\[\]-~][!-"$-\[\]-~]*$"#);
}

fn token(schema: &mut Value) {
    schema["minLength"] = json!(1);
    schema["pattern"] = json!("^[!-~]+$");
}

fn app(schema: &mut Value) {
    schema["minLength"] = json!(1);
    schema["pattern"] = json!("^[A-Za-z0-9._-]+$");
}

fn point(schema: &mut Value) {
    schema["pattern"] = json!("^B[A-Za-z0-9_-]{85}[AEIMQUYcgkosw048]=?$");
}

fn auth(schema: &mut Value) {
    schema["pattern"] = json!("^[A-Za-z0-9_-]{21}[AQgw](==)?$");
}

const RULES: &[Rule] = &[("NewPushSubscription", |schema| {
    schema["required"] = json!(["kind"]);
    let is = |word: &str| json!({ "type": "string", "enum": [word] });
    let (nothing, text) = (json!({ "type": "null" }), json!({ "type": "string" }));
    schema["anyOf"] = json!([
        {
            "title": "A browser, or UnifiedPush", "type": "object", "required": ["kind", "endpoint", "keys"],
            "properties": {
                "kind": is("web"), "endpoint": text, "keys": { "$ref": "#/components/schemas/PushKeys" }, "token": nothing, "app": nothing
            }
        },
        {
            "title": "An app with Firebase", "type": "object", "required": ["kind", "token"],
            "properties": { "kind": is("fcm"), "token": text, "endpoint": nothing, "keys": nothing }
        },
        {
            "title": "An app for iPhones", "type": "object", "required": ["kind", "token", "app"],
            "properties": {
                "kind": is("apns"), "token": { "type": "string", "pattern": "^([0-9a-fA-F]{2}){32,100}$" },
                "app": text, "endpoint": nothing, "keys": nothing
            }
        }
    ]);
})];
