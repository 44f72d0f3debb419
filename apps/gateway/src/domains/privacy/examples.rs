//! Responses about exports and erasures.

use serde_json::{Value, json};

use crate::docs::examples::{AT, LATER, THING};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Export" => json!({
            "id": THING, "status": "queued", "progress": 0.0, "size": null, "url": null, "created_at": AT,
            "expires_at": null
        }),
        "Erasing" => json!({ "erase_at": LATER }),
        _ => return None,
    })
}
