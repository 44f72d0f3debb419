//! Push: a device of the owner, which is of a person and not of a program.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    lists::List,
    texts::Then::{self, Never},
    things::{Comes, Thing},
    unique,
};

pub const DOMAIN: Domain = Domain { things: THINGS, texts: TEXTS, lists: LISTS, people: PEOPLE, ..Domain::new("Push") };

const THINGS: &[Thing] = &[Thing {
    name: "push_subscription_id",
    comes: Comes::Made(|stage| {
        Box::pin(async move {
            let device = json!({
                "kind": "web", "endpoint": format!("https://push.example/{}", unique()),
                "keys": {
                    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                    "auth": "BTBZMqHH6r4Tts7J_aSIgg"
                }
            });
            let made = stage.owner.post("/api/push/subscriptions", device).await.expect(201);
            made["id"].as_str().unwrap().to_owned()
        })
    }),
}];

const SEALED: Then = Never("it is encrypted with the key ring, or stored as a keyed hash");

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/push/subscriptions /endpoint", SEALED),
    ("POST /api/push/subscriptions /keys/auth", SEALED),
    ("POST /api/push/subscriptions /keys/p256dh", SEALED),
    ("POST /api/push/subscriptions /token", SEALED),
    ("POST /api/push/subscriptions /app", SEALED),
];

const LISTS: &[List] = &[List {
    path: "/api/push/subscriptions",
    at_least: 20,
    rows: Some(|scene| {
        format!(
            "INSERT INTO push_subscriptions (id, user_id, session_id, kind, device, target, refusals, created_at)
               SELECT {id}, {me}, (SELECT id FROM sessions WHERE user_id = {me} AND ended_at IS NULL
                 ORDER BY id DESC LIMIT 1), 'web', {octets}, {octets}, 0, {now}
               FROM {twenty};",
            id = scene.id_of_n(),
            me = scene.me(),
            octets = scene.octets_of_n(),
            now = scene.at("0"),
            twenty = scene.series(20),
        )
    }),
}];

const PEOPLE: Reasons = &[
    ("GET /api/push/key", "a program needs no push"),
    ("GET /api/push/subscriptions", "a device is that of a session"),
    ("POST /api/push/subscriptions", "a device is that of a session"),
    ("DELETE /api/push/subscriptions/{push_subscription_id}", "a device is that of a session"),
];
