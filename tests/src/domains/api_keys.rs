//! A key of the owner.

use serde_json::json;

use super::{Comes, Thing};

pub const THINGS: &[Thing] = &[Thing {
    name: "api_key_id",
    comes: Comes::Made(|stage| {
        Box::pin(async move {
            let key = json!({"name": "bot", "scopes": ["chats:read"]});
            let key = stage.owner.post("/api/api-keys", key).await.expect(201);
            key["id"].as_str().unwrap().to_owned()
        })
    }),
}];
