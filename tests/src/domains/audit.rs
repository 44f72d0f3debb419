//! The audit log: thousands of entries of one person.

use super::{Domain, Reasons};
use crate::lists::{List, MANY};

pub const DOMAIN: Domain = Domain { lists: LISTS, people: PEOPLE, ..Domain::new("Audit") };

const LISTS: &[List] = &[
    List {
        path: "/api/admin/audit",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO audit (position, id, at, actor_type, actor_id, subject_id, action, request_id, previous, hash)
                   SELECT 1000 + s.n, {id}, {now}, 'user', {me}, {me}, 'session.opened', 'x', {octets}, {octets}
                   FROM {series};
                 UPDATE audit_head SET position = 1000 + {MANY};",
                id = scene.new_id(),
                me = scene.me(),
                octets = scene.octets_of_n(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    // The same rows, which are about the person who reads.
    List { path: "/api/users/me/security", at_least: MANY, rows: None },
];

const PEOPLE: Reasons = &[("GET /api/users/me/security", "it tells addresses of its owner")];
