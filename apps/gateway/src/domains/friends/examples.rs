//! What friends and requests look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, THING, card, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "FriendRequest" => request(),
        "requestFriendship 200" | "decideFriendRequest 200" => {
            with(with(request(), "status", json!("accepted")), "decided_at", json!(AT))
        }
        "Friend" => json!({ "user": card(BOB, "bob", "Bob"), "since": AT, "presence": "online", "last_seen_at": AT }),
        "Relationship" => json!({
            "user_id": BOB, "friendship": "friends", "blocked": false, "muted": false, "mutual_friends": 12
        }),
        "FriendSuggestion" => json!({ "user": card(BOB, "bob", "Bob"), "mutual_friends": 12 }),
        _ => return None,
    })
}

fn request() -> Value {
    json!({
        "id": THING, "from": card(ADA, "ada", "Ada Lovelace"), "to": card(BOB, "bob", "Bob"),
        "message": "We met at the conference", "status": "pending", "created_at": AT, "decided_at": null
    })
}
