//! Responses about people.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, LATER, picture, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "User" => user(),
        "Found" => with(user(), "score", json!(0.8)),
        "FoundPerson" => json!({ "user": user(), "highlight": "<mark>Ada</mark> Lovelace", "score": 0.8 }),
        "Suggestion" => json!({ "kind": "user", "id": ADA, "text": "Ada Lovelace" }),
        _ => return None,
    })
}

fn user() -> Value {
    json!({
        "id": ADA, "username": "ada", "display_name": "Ada Lovelace", "avatar": picture(), "bio": "Counting.",
        "status_text": "counting", "status_until": LATER, "pronouns": "she/her", "location": "London",
        "links": [{ "label": "My garden", "url": "https://ada.example/garden", "verified": false }],
        "badges": ["founder"], "cover": null, "email": null, "presence": "online",
        "last_seen_at": AT, "friendship": "friends", "friends_count": 12,
        "pets_count": 2, "created_at": AT
    })
}
