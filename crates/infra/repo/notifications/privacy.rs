//! Somebody's notifications: exported, and deleted when they are erased; so are those of others about what they did.

use std::collections::BTreeSet;

use clowder_core::{Ctx, Result, UserId};
use clowder_notifications::NotificationId;
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::{self, Conn},
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
        },
    },
    choosing, inbox,
    reading::NAME,
};
use crate::{
    domains::notifications::{
        NotificationRow, notification_groups as groups, notification_inboxes as inboxes,
        notification_preferences as preferences, notifications as table,
    },
    privacy::{erased, kept},
};

pub const PARTS: &[Part] = &[Part {
    name: "notifications",
    phase: Phase::Content,
    references: &[
        erased("notifications", "user_id"),
        erased("notifications", "actor_id"),
        kept("notifications", "target_id", "only an id; where it is a person, that is the actor, or the owner"),
        erased("notification_groups", "user_id"),
        erased("notification_inboxes", "user_id"),
        erased("notification_preferences", "user_id"),
    ],
    files: &[
        File {
            name: "notifications.json",
            about: "what you were notified of in the last 90 days",
            shape: Shape::List,
            read: export,
        },
        File {
            name: "notification_preferences.json",
            about: "what you want to be notified of",
            shape: Shape::One,
            read: export_preferences,
        },
    ],
    erase,
}];

/// As it is kept: who did it by their id alone, and no texts of others.
fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: NotificationId = after(mark)?;
    let rows: Vec<NotificationRow> = table::table
        .filter(table::user_id.eq(asking.user).and(table::id.gt(next)))
        .order(table::id)
        .limit(ROWS)
        .select(NotificationRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let item = |row: NotificationRow| {
        json!({
            "id": row.id, "type": row.kind, "actor_id": row.actor(), "target": {"type": row.target_type, "id": row.target_id},
            "chat_id": row.chat_id, "message_id": row.message_id, "reason": row.reason, "about": row.detail,
            "created_at": row.created_at, "seen_at": row.seen_at, "read_at": row.read_at, "removed_at": row.removed_at,
        })
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

fn export_preferences(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    Ok(ExportPage::one(json!(choosing::shown(conn, asking.user)?)))
}

/// A bounded number of rows at a time. The reader either has written before, and these rows are found, or it sees that the
/// account is erased.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    dialect::readers::lock_reader(tx.conn, NAME)?;
    let own = table::table.filter(table::user_id.eq(user)).order(table::id).limit(ROWS).select(table::id);
    let own: Vec<NotificationId> = own.load(tx.conn)?;
    if !own.is_empty() {
        inbox::hold(tx, &BTreeSet::from([user]))?;
        return delete(tx, &own);
    }
    let of_others = table::table.filter(table::actor_id.eq(user)).order(table::id).limit(ROWS);
    let of_others: Vec<(NotificationId, UserId)> = of_others.select((table::id, table::user_id)).load(tx.conn)?;
    if !of_others.is_empty() {
        let owners = of_others.iter().map(|(_, owner)| *owner).collect();
        inbox::hold(tx, &owners)?;
        return delete(tx, &of_others.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    }
    let mut gone = diesel::delete(groups::table.filter(groups::user_id.eq(user))).execute(tx.conn)?;
    gone += diesel::delete(inboxes::table.find(user)).execute(tx.conn)?;
    gone += diesel::delete(preferences::table.find(user)).execute(tx.conn)?;
    all_gone(gone, false)
}

/// With the counts of those who had them.
fn delete(tx: &mut Tx<'_>, ids: &[NotificationId]) -> Result<EraseStep> {
    let some = table::table.filter(table::id.among(ids));
    let changed = table::table.filter(table::id.among(ids)).select(table::group_id);
    let changed: BTreeSet<NotificationId> = changed.load::<NotificationId>(tx.conn)?.into_iter().collect();
    let gone = diesel::delete(some).execute(tx.conn)?;
    inbox::recount(tx, &changed)?;
    all_gone(gone, true)
}
