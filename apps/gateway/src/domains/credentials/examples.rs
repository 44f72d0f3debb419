//! Responses about links in emails.

use serde_json::{Value, json};

use crate::docs::examples::LATER;

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "EmailLink" => json!({
            "purpose": "verify", "email": "ada@example.org", "needs_password": false, "expires_at": LATER
        }),
        _ => return None,
    })
}
