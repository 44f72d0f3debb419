//! Webhooks: one of the owner, at a place that does not exist, and a delivery for it.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User,
    lists::{List, MANY},
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
    ..Domain::new("Webhooks")
};

const THINGS: &[Thing] = &[
    Thing { name: "webhook_id", comes: Comes::Made(|stage| Box::pin(async move { made(stage.owner).await })) },
    Thing {
        name: "delivery_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                // The one of the path, which is the newest.
                let own = stage.owner.get("/api/webhooks").await.expect(200);
                let webhook = own["items"][0]["id"].as_str().expect("a webhook").to_owned();
                let ping = stage.owner.post(&format!("/api/webhooks/{webhook}/test"), json!({})).await.expect(202);
                ping["id"].as_str().unwrap().to_owned()
            })
        }),
    },
];

async fn made(owner: &User) -> String {
    let new = json!({"url": "https://hook.invalid/", "event_types": ["report.*"]});
    owner.post("/api/webhooks", new).await.expect(201)["id"].as_str().unwrap().to_owned()
}

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/webhooks /url", Gone("zqwebhookurl")),
    ("POST /api/webhooks /description", Gone("zqwebhooknote")),
    ("PATCH /api/webhooks/{webhook_id} /url", Gone("zqwebhookmoved")),
    ("PATCH /api/webhooks/{webhook_id} /description", Gone("zqwebhookedited")),
    ("PUT /api/webhooks/{webhook_id} /url", Gone("zqwebhookmoved")),
    ("PUT /api/webhooks/{webhook_id} /description", Gone("zqwebhookedited")),
];

const LISTS: &[List] = &[
    List {
        path: "/api/webhooks",
        at_least: 20,
        rows: Some(|scene| {
            format!(
                "INSERT INTO webhooks (id, user_id, url, event_types, hears_server, epoch, heads, created_at, version)
                   SELECT {id}, {me}, 'https://hook.invalid/', 'report.*', {no}, {id}, '[]', {now}, 1 FROM {twenty};
                 INSERT INTO webhook_queues (webhook_id, waiting, kept, failures)
                   SELECT {id}, 0, 0, 0 FROM {twenty};",
                id = scene.id_of_n(),
                me = scene.me(),
                no = scene.no(),
                now = scene.at("0"),
                twenty = scene.series(20),
            )
        }),
    },
    List {
        path: "/api/webhooks/{webhook_id}/deliveries",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO webhook_deliveries (webhook_id, id, event_type, status, attempts, tries, created_at)
                   SELECT {hook}, {id}, 'report.made', 'delivered', '[]', 1, {now} FROM {series};",
                hook = scene.id_of("webhook_id"),
                id = scene.id_of_n(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    List { path: "/api/webhooks/event-types", at_least: 60, rows: None },
];

const OPEN: Reasons = &[("GET /api/webhooks/event-types", "documentation")];

const PEOPLE: Reasons = &[
    ("POST /api/webhooks", "only people decide where events go"),
    ("PATCH /api/webhooks/{webhook_id}", "only people decide where events go"),
    ("PUT /api/webhooks/{webhook_id}", "only people decide where events go"),
    ("DELETE /api/webhooks/{webhook_id}", "only people decide where events go"),
    ("POST /api/webhooks/{webhook_id}/rotate", "it shows a secret"),
];

async fn plant(ada: &User) {
    let new = json!({
        "url": "https://hook.invalid/zqwebhookurl", "event_types": ["report.*"], "description": "zqwebhooknote",
    });
    call(ada, "POST", "/api/webhooks", new, "zqidempotency-webhook").await.expect(201);
    let new = json!({"url": "https://hook.invalid/", "event_types": ["report.*"]});
    let made = ada.post("/api/webhooks", new).await.expect(201);
    let path = format!("/api/webhooks/{}", made["id"].as_str().unwrap());
    let patch = json!({"url": "https://hook.invalid/zqwebhookmoved", "description": "zqwebhookedited"});
    call(ada, "PATCH", &path, patch, "").await.expect(200);
}
