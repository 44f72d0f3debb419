//! What opens a socket.

use serde_json::{Value, json};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Ticket" => json!({ "ticket": "Zm9yZ2V0LW1lLW5vdA", "expires_in": 30 }),
        "JournalEvents" => json!({
            "events": [{
                "type": "chat.deleted",
                "at": "2026-11-26T12:00:00.000Z",
                "data": { "chat_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10" },
                "cursor": "AQIDBAUGBwgJCgsMDQ4P"
            }],
            "cursor": "AQIDBAUGBwgJCgsMDQ4P",
            "more": false,
            "reset": null
        }),
        _ => return None,
    })
}
