//! Notifications: thousands of one person. None of a walk is anybody's, because a reader makes them later.

use super::{Domain, Reasons};
use crate::{
    lists::{List, MANY},
    texts::{Then, WORD},
    things::{Comes, Thing},
};

pub const DOMAIN: Domain =
    Domain { things: THINGS, texts: TEXTS, lists: LISTS, not_sent: NOT_SENT, ..Domain::new("Notifications") };

const THINGS: &[Thing] = &[Thing { name: "notification_id", comes: Comes::Never { unknown: "notification.unknown" } }];

const TEXTS: &[(&str, Then)] = &[
    ("PATCH /api/notifications/preferences /quiet_hours/from", WORD),
    ("PATCH /api/notifications/preferences /quiet_hours/to", WORD),
    ("PATCH /api/notifications/preferences /quiet_hours/time_zone", WORD),
    ("PUT /api/notifications/preferences /quiet_hours/from", WORD),
    ("PUT /api/notifications/preferences /quiet_hours/to", WORD),
    ("PUT /api/notifications/preferences /quiet_hours/time_zone", WORD),
];

const NOT_SENT: Reasons =
    &[("readNotification", "a walk is over before anybody is told anything"), ("deleteNotification", "the same")];

const LISTS: &[List] = &[List {
    path: "/api/notifications",
    at_least: MANY,
    rows: Some(|scene| {
        let (me, id, nobody) = (scene.me(), scene.id_of_n(), nobody(scene.is_sqlite));
        let (now, series) = (scene.at("0"), scene.series(MANY));
        format!(
            "INSERT INTO notifications (id, user_id, kind, source_id, actor_id, target_type, target_id, group_id,
               group_key, reason, created_at)
               SELECT {id}, {me}, 'system', {id}, {nobody}, 'user', {me}, {id}, 'system', 'system', {now} FROM {series};
             INSERT INTO notification_groups (id, user_id, key, kind, latest_id, count, unread)
               SELECT {id}, {me}, 'system', 'system', {id}, 1, 1 FROM {series};
             INSERT INTO notification_inboxes (user_id, unread) VALUES ({me}, {MANY})
               ON CONFLICT (user_id) DO UPDATE SET unread = notification_inboxes.unread + {MANY};"
        )
    }),
}];

/// The nil id.
fn nobody(is_sqlite: bool) -> &'static str {
    if is_sqlite { "zeroblob(16)" } else { "CAST('00000000-0000-0000-0000-000000000000' AS uuid)" }
}
