//! Reports: one of the owner about their friend, one about somebody else for moderators, and lists of them.

use serde_json::{Value, json};

use super::{Domain, Reasons};
use crate::{
    User,
    lists::{List, MANY},
    texts::Then::{self, Never},
    things::{Comes, Thing},
    unique,
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    lists: LISTS,
    suspended: SUSPENDED,
    people: PEOPLE,
    not_sent: NOT_SENT,
    ..Domain::new("Reports")
};

const THINGS: &[Thing] = &[
    Thing {
        name: "report_id",
        // Nobody of the walk is reported: nobody sees reports about themselves.
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let rude = stage.world.user(&format!("rude-{}", &unique()[..8])).await;
                reported(stage.owner, &rude.id).await
            })
        }),
    },
    Thing { name: "statement_id", comes: Comes::Never { unknown: "statement.unknown" } },
];

/// A new report, or the one that they have made already.
async fn reported(reporter: &User, user: &str) -> String {
    let new = json!({"target": {"type": "user", "id": user}, "category": "spam"});
    let answer = reporter.post("/api/reports", new).await;
    let text = |id: &Value| id.as_str().unwrap().to_owned();
    if answer.status == 201 {
        return text(&answer.body["id"]);
    }
    text(&reporter.get("/api/reports").await.expect(200)["items"][0]["id"])
}

const SEALED: Then = Never("it is encrypted with the key ring");

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/reports /comment", SEALED),
    ("POST /api/users/me/statements/{statement_id}/appeal /text", SEALED),
    ("PATCH /api/admin/reports/{report_id} /reason", REASON),
    ("PUT /api/admin/reports/{report_id} /reason", REASON),
];

const REASON: Then =
    Never("it is encrypted with the key ring; that of a suspension is stored as any other suspension's");

const LISTS: &[List] = &[
    List {
        path: "/api/admin/reports",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO reports (id, reporter_id, target_type, target_id, category, evidence, status, created_at,
                     version)
                   SELECT {of_n}, {me}, 'user', {of_n}, 'spam', {octets}, 'open', {now}, 1 FROM {series};",
                of_n = scene.id_of_n(),
                me = scene.me(),
                octets = scene.octets_of_n(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    // The same ones.
    List { path: "/api/reports", at_least: MANY, rows: None },
    List {
        path: "/api/users/me/statements",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO statements (id, user_id, report_id, target_type, target_id, category, action, created_at)
                   SELECT {of_n}, {me}, {of_n}, 'user', {of_n}, 'spam', 'warn', {now} FROM {series};",
                of_n = scene.id_of_n(),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
];

const SUSPENDED: Reasons = &[
    ("GET /api/users/me/statements", "who was suspended by a decision reads why"),
    ("POST /api/users/me/statements/{statement_id}/appeal", "and appeals"),
];

const PEOPLE: Reasons = &[
    ("GET /api/admin/reports/{report_id}", "the evidence may contain private messages"),
    ("PATCH /api/admin/reports/{report_id}", "a person decides"),
    ("PUT /api/admin/reports/{report_id}", "a person decides"),
];

const NOT_SENT: Reasons = &[
    ("createReport", "the example names nobody of the walk"),
    ("appealStatement", "nothing was decided about the caller"),
];
