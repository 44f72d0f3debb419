//! Sign-ups and invitations: nobody waits for approval in a walk, and nobody is invited.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User, World,
    lists::{List, MANY},
    texts::{
        Then::{self, Gone, Kept},
        call,
    },
    things::{Comes, Thing},
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    plants: Some(|stage| Box::pin(plant(stage.world, stage.owner))),
    lists: LISTS,
    people: PEOPLE,
    not_sent: NOT_SENT,
    ..Domain::new("Sign-ups")
};

const THINGS: &[Thing] = &[
    Thing { name: "sign_up_id", comes: Comes::Never { unknown: "sign_up.unknown" } },
    Thing { name: "invite_id", comes: Comes::Never { unknown: "invite.unknown" } },
];

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/admin/invites /note", Gone("zqinvitenote")),
    ("POST /api/admin/sign-ups/{sign_up_id}/reject /reason", Kept("it is mailed to whom it tells, and kept nowhere")),
];

const LISTS: &[List] = &[
    List {
        path: "/api/admin/invites",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO invites (id, code_hash, created_by, uses, created_at, revoked_at)
                   SELECT {id}, {octets}, {me}, 0, {now}, {now} FROM {series};",
                id = scene.new_id(),
                octets = scene.octets_of_n(),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    List {
        path: "/api/admin/sign-ups",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO sign_ups (id, username, username_key, email, email_key, password, display_name, pretended,
                     needs_approval, confirmed_at, created_at, expires_at)
                   SELECT {id}, 'w' || s.n, 'w' || s.n, 'e', 'e', 'x', 'x', {no}, {yes}, {now}, {now}, {later}
                   FROM {series};",
                id = scene.new_id(),
                no = scene.no(),
                yes = scene.yes(),
                now = scene.at("0"),
                later = scene.at("3600"),
                series = scene.series(MANY),
            )
        }),
    },
];

const PEOPLE: Reasons = &[
    ("GET /api/admin/invites", "whoever invites is a person"),
    ("POST /api/admin/invites", "whoever invites is a person"),
    ("DELETE /api/admin/invites/{invite_id}", "whoever invites is a person"),
    ("GET /api/admin/sign-ups", "whoever lets people in is a person"),
    ("POST /api/admin/sign-ups/{sign_up_id}/approve", "whoever lets people in is a person"),
    ("POST /api/admin/sign-ups/{sign_up_id}/reject", "whoever lets people in is a person"),
];

const NOT_SENT: Reasons = &[
    ("approveSignUp", "only on a server that asks for approval"),
    ("rejectSignUp", "only on a server that asks for approval"),
];

/// A note of hers on a staff route: she is an administrator for a while.
async fn plant(world: &World, ada: &User) {
    // Another domain may have renamed her.
    let name = ada.get("/api/auth/me").await.expect(200)["username"].as_str().unwrap().to_owned();
    assert!(world.command(&["admin", "set-role", &name, "admin"], &[]).well);
    world.until(ada, |me| me["role"] == "admin").await;
    call(ada, "POST", "/api/admin/invites", json!({"note": "Zqinvitenote"}), "zqidempotency-3").await.expect(201);
}
