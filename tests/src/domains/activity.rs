//! Activity: thousands of items of one person.

use super::{Domain, Reasons};
use crate::lists::{List, MANY};

pub const DOMAIN: Domain = Domain { lists: LISTS, people: PEOPLE, ..Domain::new("Activity") };

const LISTS: &[List] = &[List {
    path: "/api/users/me/activity",
    at_least: MANY,
    rows: Some(|scene| {
        format!(
            "INSERT INTO activity (id, user_id, day, kind, target_kind, target_id, at, last_at, count)
               SELECT {id}, {me}, 20000, 'message.sent', 'chat', {thing}, {at}, {at}, 1 FROM {series};",
            id = scene.new_id(),
            me = scene.me(),
            thing = scene.id_of_n(),
            at = scene.at("-s.n"),
            series = scene.series(MANY),
        )
    }),
}];

const PEOPLE: Reasons = &[
    ("GET /api/users/me/activity", "it tells what a person did, with whom and when"),
    ("DELETE /api/users/me/activity", "whoever deletes it also deletes what the program of a thief did"),
];
