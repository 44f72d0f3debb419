//! What API keys and their scopes look like.

use serde_json::{Value, json};

use crate::docs::examples::{AT, LATER, THING, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Opened" => json!({
            "scope": "chats:write", "summary": "Create chats", "least_role": "user",
            "routes": [{ "method": "POST", "path": "/api/chats", "summary": "Create a chat" }], "commands": []
        }),
        "ApiKey" => api_key(),
        "IssuedKey" => with(
            api_key(),
            "key",
            json!("clw_09rXvyQRvHpJFBbvX1tkKT_2u3tPZbF5tYqWc8xkK0mJr7dVnQhLgXsEyAoCiBpUfT0Zw9Rj"),
        ),
        _ => return None,
    })
}

fn api_key() -> Value {
    json!({
        "id": THING, "name": "nightly report", "prefix": "clw_09rXvyQRvHpJFBbvX1tkKT",
        "scopes": ["chats:read", "messages:read"], "created_at": AT, "expires_at": LATER, "last_used_at": null
    })
}
