//! What blocks, mutes and notes look like.

use serde_json::{Value, json};

use crate::docs::examples::{AT, BOB, LATER, card};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Block" => json!({ "user": card(BOB, "bob", "Bob"), "hide_messages": false, "since": AT }),
        "Mute" => json!({ "user": card(BOB, "bob", "Bob"), "since": AT, "until": LATER }),
        "Note" => json!({ "user_id": BOB, "text": "Met at the conference in Turin", "updated_at": AT }),
        _ => return None,
    })
}
