//! Responses about mail of notifications.

use serde_json::{Value, json};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "MailStatus" => json!({ "confirmed": true, "undeliverable_since": null }),
        _ => return None,
    })
}
