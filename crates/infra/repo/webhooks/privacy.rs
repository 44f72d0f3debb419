//! Somebody's endpoints: exported without their keys, and deleted with their deliveries.

use clowder_core::{Ctx, Result};
use clowder_notifications::webhooks::{WebhookId, port::READER};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
        },
    },
    endpoints::wanted,
    sweeping::forget_deliveries,
};
use crate::{
    domains::webhooks::{
        DeliveryRow, WebhookRow, webhook_deliveries, webhook_queues, webhook_topics, webhooks as table,
    },
    privacy::erased,
};

/// How many of the last deliveries of each endpoint are in a copy of somebody's data.
const LAST: i64 = 100;

pub const PARTS: &[Part] = &[Part {
    name: "webhooks",
    phase: Phase::Content,
    references: &[erased("webhooks", "user_id"), erased("webhook_topics", "user_id")],
    files: &[File {
        name: "webhooks.json",
        about: "your webhooks without their keys, each with its last 100 deliveries",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: WebhookId = after(mark)?;
    let rows: Vec<WebhookRow> = table::table
        .filter(table::user_id.eq(asking.user).and(table::id.gt(after)).and(table::deleted_at.is_null()))
        .order(table::id)
        .limit(ROWS)
        .select(WebhookRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let some = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(row.id));
        let some = some.order(webhook_deliveries::id.desc()).limit(LAST).select(DeliveryRow::as_select());
        let some: Vec<DeliveryRow> = some.load(conn)?;
        let deliveries: Vec<_> = some.into_iter().map(DeliveryRow::delivery).collect::<Result<_>>()?;
        items.push(json!({
            "id": row.id, "url": row.url, "event_types": wanted(&row).words(), "description": row.description,
            "disabled_reason": row.disabled_reason, "created_at": row.created_at, "deliveries": deliveries,
        }));
    }
    Ok(ExportPage::by_id(items, last))
}

/// One endpoint in a piece, after its deliveries; at last, what they follow. The reader is held, so that it notes nothing for
/// them any more: it has looked whether the account is erased either before, or sees it now.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    dialect::readers::lock_reader(tx.conn, READER)?;
    let first = table::table.filter(table::user_id.eq(user)).order(table::id).select(table::id);
    if let Some(webhook) = first.first::<WebhookId>(tx.conn).optional()? {
        dialect::webhooks::lock_queues(tx.conn, &[webhook])?;
        let gone = forget_deliveries(tx, webhook)?;
        if gone > 0 {
            return all_gone(gone, true);
        }
        diesel::delete(webhook_queues::table.find(webhook)).execute(tx.conn)?;
        let gone = diesel::delete(table::table.find(webhook)).execute(tx.conn)?;
        tx.deleted_text = true;
        return all_gone(gone, true);
    }
    let followed = webhook_topics::table.filter(webhook_topics::user_id.eq(user));
    let gone = diesel::delete(followed).execute(tx.conn)?;
    all_gone(gone, false)
}
