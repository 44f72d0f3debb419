//! Somebody's devices: exported without their addresses, and forgotten with all that waits for them.

use clowder_core::{Ctx, Result};
use clowder_notifications::push::PushSubscriptionId;
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after},
    },
};
use crate::{
    domains::push::{SubscriptionRow, push_subscriptions as subscriptions, pushes},
    privacy::erased,
    seal::unreadable,
};

pub const PARTS: &[Part] = &[Part {
    name: "push",
    phase: Phase::Content,
    references: &[erased("push_subscriptions", "user_id"), erased("pushes", "user_id"), erased("pushes", "actor_id")],
    files: &[File {
        name: "push_subscriptions.json",
        about: "the devices that get your notifications by push, without their addresses and keys",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: PushSubscriptionId = after(mark)?;
    let rows: Vec<SubscriptionRow> = subscriptions::table
        .filter(subscriptions::user_id.eq(asking.user).and(subscriptions::id.gt(after)))
        .order(subscriptions::id)
        .limit(ROWS)
        .select(SubscriptionRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let item = |row: SubscriptionRow| {
        let target = row.target(&asking.ring).map_or_else(|error| unreadable(&error), Some);
        json!({
            "id": row.id, "kind": row.kind, "service": target.as_ref().and_then(|target| target.service()),
            "app": target.as_ref().and_then(|target| target.app()), "session_id": row.session_id,
            "created_at": row.created_at, "last_used_at": row.last_used_at,
        })
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

/// What waits for them goes with their devices; then what they have caused for others, in pieces.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    let own = dialect::push::lock_subscriptions_of(tx.conn, user)?;
    let mut rows = diesel::delete(subscriptions::table.filter(subscriptions::id.eq_any(own))).execute(tx.conn)?;
    let caused = dialect::push::lock_pushes_by(tx.conn, user, ROWS)?;
    rows += diesel::delete(pushes::table.filter(pushes::id.eq_any(caused))).execute(tx.conn)?;
    Ok(EraseStep { rows: rows as u64, next: Some(String::new()).filter(|_| rows > 0) })
}
