//! API keys: a key of the owner, and that keys do not manage keys.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User,
    lists::List,
    texts::{
        Then::{self, Gone},
        call,
    },
    things::{Comes, Thing},
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    plants: Some(|stage| Box::pin(plant(stage.owner))),
    lists: LISTS,
    open: OPEN,
    people: PEOPLE,
    ..Domain::new("API keys")
};

const THINGS: &[Thing] = &[Thing {
    name: "api_key_id",
    comes: Comes::Made(|stage| {
        Box::pin(async move {
            let key = json!({"name": "bot", "scopes": ["chats:read"]});
            let key = stage.owner.post("/api/api-keys", key).await.expect(201);
            key["id"].as_str().unwrap().to_owned()
        })
    }),
}];

const TEXTS: &[(&str, Then)] = &[("POST /api/api-keys /name", Gone("zqkeyname"))];

const LISTS: &[List] = &[
    List {
        path: "/api/api-keys",
        at_least: 50,
        rows: Some(|scene| {
            format!(
                "INSERT INTO api_keys (id, user_id, name, hash, scopes, created_at)
                   SELECT {id}, {me}, 'x', {octets}, 'chats:read', {now} FROM {fifty};",
                id = scene.new_id(),
                me = scene.me(),
                octets = scene.octets_of_n(),
                now = scene.at("0"),
                fifty = scene.series(50),
            )
        }),
    },
    List { path: "/api/api-keys/scopes", at_least: 5, rows: None },
];

const OPEN: Reasons = &[("GET /api/api-keys/scopes", "documentation")];

const PEOPLE: Reasons = &[
    ("GET /api/api-keys", "keys do not manage keys"),
    ("POST /api/api-keys", "keys do not manage keys"),
    ("GET /api/api-keys/{api_key_id}", "keys do not manage keys"),
    ("DELETE /api/api-keys/{api_key_id}", "keys do not manage keys"),
];

async fn plant(ada: &User) {
    let new = json!({"name": "Zqkeyname", "scopes": ["messages:read"]});
    call(ada, "POST", "/api/api-keys", new, "zqidempotency-2").await.expect(201);
}
