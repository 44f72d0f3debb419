//! Blocks: people who are blocked or muted, and a note on somebody.

use super::{Domain, Reasons, friends::people};
use crate::{
    lists::{List, MANY},
    texts::Then,
};

pub const DOMAIN: Domain =
    Domain { texts: TEXTS, lists: LISTS, shared: SHARED, not_sent: NOT_SENT, ..Domain::new("Blocks") };

const TEXTS: &[(&str, Then)] =
    &[("PUT /api/users/{user_id}/note /text", Then::Never("it is encrypted with the key of its author"))];

const LISTS: &[List] = &[
    List {
        path: "/api/blocks",
        at_least: MANY,
        rows: Some(|scene| {
            let people = people(scene, "blocked", MANY);
            let (me, no) = (scene.me(), scene.no());
            format!(
                "{people}; INSERT INTO blocks (user_id, blocked_id, hide_messages, since)
                   SELECT {me}, id, {no}, created_at FROM users WHERE username LIKE 'blocked%';"
            )
        }),
    },
    List {
        path: "/api/mutes",
        at_least: MANY,
        rows: Some(|scene| {
            let people = people(scene, "muted", MANY);
            let me = scene.me();
            format!(
                "{people}; INSERT INTO mutes (user_id, muted_id, since)
                   SELECT {me}, id, created_at FROM users WHERE username LIKE 'muted%';"
            )
        }),
    },
];

const SHARED: Reasons = &[
    ("DELETE /api/users/{user_id}/block", "whom one has not blocked is not blocked, whoever it is"),
    ("PUT /api/users/{user_id}/block", "everybody blocks whom they see"),
    ("DELETE /api/users/{user_id}/mute", "whom one has not muted is not muted, whoever it is"),
    ("PUT /api/users/{user_id}/mute", "everybody mutes whom they see"),
    ("DELETE /api/users/{user_id}/note", "whoever has no note on a person has none, whoever it is"),
    ("PUT /api/users/{user_id}/note", "everybody has notes of their own on whom they see"),
];

const NOT_SENT: Reasons = &[("getUserNote", "nothing has been noted yet")];
