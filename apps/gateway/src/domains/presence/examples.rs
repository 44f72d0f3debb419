//! What one's own presence looks like.

use serde_json::{Value, json};

use crate::docs::examples::{AT, BOB, LATER};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "OwnPresence" => json!({
            "status": "busy", "text": "in a meeting", "until": LATER, "presence": "busy", "last_seen_at": AT
        }),
        "PresenceWatched" => json!({
            "people": [{"user_id": BOB, "status": "online", "text": null, "until": null, "last_seen_at": AT}],
            "until": LATER
        }),
        _ => return None,
    })
}
