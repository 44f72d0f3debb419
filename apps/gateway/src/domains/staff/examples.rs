//! What staff see of an account.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Account" => json!({
            "id": ADA, "username": "ada", "display_name": "Ada Lovelace", "email": "ada@example.org",
            "email_verified": true, "role": "user", "badges": ["founder"], "suspension": null, "created_at": AT
        }),
        _ => return None,
    })
}
