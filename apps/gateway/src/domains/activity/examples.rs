//! What one's own activity looks like.

use serde_json::{Value, json};

use crate::docs::examples::{AT, LATER, THING};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Activity" => json!({
            "id": THING, "type": "message.sent", "target": { "type": "chat", "id": THING }, "at": AT,
            "data": { "count": 3, "last_at": LATER, "device": null }
        }),
        _ => return None,
    })
}
