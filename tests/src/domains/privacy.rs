//! Exports and erasures. Nobody asks for an export in a walk, because making it takes a job.

use super::{Domain, Reasons};
use crate::{
    lists::List,
    things::{Comes, Thing},
};

pub const DOMAIN: Domain =
    Domain { things: THINGS, lists: LISTS, open: OPEN, people: PEOPLE, not_sent: NOT_SENT, ..Domain::new("Privacy") };

const THINGS: &[Thing] = &[Thing { name: "export_id", comes: Comes::Never { unknown: "export.unknown" } }];

const LISTS: &[List] = &[List {
    path: "/api/users/me/exports",
    at_least: 100,
    rows: Some(|scene| {
        format!(
            "INSERT INTO exports (id, user_id, status, progress, size, created_at)
               SELECT {id}, {me}, 'failed', 0, 0, {now} FROM {hundred};",
            id = scene.new_id(),
            me = scene.me(),
            now = scene.at("0"),
            hundred = scene.series(100),
        )
    }),
}];

const OPEN: Reasons =
    &[("GET /api/exports/{export_id}/download", "what the link holds is the credential, and expires")];

const PEOPLE: Reasons = &[
    ("POST /api/users/me/export", "a copy of everything is for its owner"),
    ("GET /api/users/me/exports", "a copy of everything is for its owner"),
    ("GET /api/users/me/exports/{export_id}", "a copy of everything is for its owner"),
    ("DELETE /api/users/me", "an account is ended by a person"),
    ("DELETE /api/users/me/erasure", "an account is ended by a person"),
    ("DELETE /api/admin/users/{user_id}", "an account is ended by a person"),
];

const NOT_SENT: Reasons = &[
    ("downloadExport", "the link goes by email, when a job has made the file"),
    ("cancelErasure", "only while an erasure waits"),
];
