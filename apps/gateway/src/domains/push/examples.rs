//! What subscriptions to push look like.

use serde_json::{Value, json};

use crate::docs::examples::{AT, LATER, THING};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "PushSubscription" => json!({
            "id": THING, "kind": "web", "service": "updates.push.services.mozilla.com", "app": null, "current": true,
            "created_at": AT, "last_used_at": LATER
        }),
        "PushKey" => json!({
            "key": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
            "kinds": ["web", "fcm"]
        }),
        _ => return None,
    })
}
