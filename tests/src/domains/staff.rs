//! Administration: somebody for people with a role to govern.

use super::{Domain, Reasons};
use crate::{
    lists::{List, MANY},
    texts::Then::{self, Gone},
    things::{Comes, Thing},
    unique,
};

pub const DOMAIN: Domain =
    Domain { things: THINGS, texts: TEXTS, lists: LISTS, people: PEOPLE, ..Domain::new("Administration") };

const THINGS: &[Thing] = &[
    Thing {
        name: "user_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move { stage.world.user(&format!("target-{}", &unique()[..8])).await.id })
        }),
    },
    Thing { name: "badge", comes: Comes::Made(|_| Box::pin(async { "founder".to_owned() })) },
];

const TEXTS: &[(&str, Then)] = &[("PUT /api/admin/users/{user_id}/suspension /reason", Gone("zqsuspended"))];

const LISTS: &[List] = &[List {
    path: "/api/admin/users",
    at_least: MANY,
    rows: Some(|scene| {
        format!(
            "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
                 created_at, version)
               SELECT {id}, 'u' || s.n, 'k' || s.n, s.n || '@x.org', s.n || '@x.org', 'x', 'x', 'public', 'user', {now}, 1
               FROM {series};",
            id = scene.new_id(),
            now = scene.at("0"),
            series = scene.series(MANY),
        )
    }),
}];

const PEOPLE: Reasons = &[("PUT /api/admin/users/{user_id}/role", "a leaked key must not make administrators")];
