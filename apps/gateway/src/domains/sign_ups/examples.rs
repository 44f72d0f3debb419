//! What sign-ups and invitations look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, LATER, THING, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "SignUp" => json!({
            "id": THING, "username": "ada", "display_name": "Ada Lovelace", "email": "ada@example.org",
            "created_at": AT, "expires_at": LATER
        }),
        "Invite" => invite(),
        "NewInvited" => with(invite(), "code", json!("q0Jm3vXk2cYwzN1sT5bq7g")),
        _ => return None,
    })
}

fn invite() -> Value {
    json!({
        "id": THING, "note": "the altos", "created_by": ADA, "max_uses": 12, "uses": 0, "created_at": AT,
        "expires_at": LATER, "revoked_at": null
    })
}
