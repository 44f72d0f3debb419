//! Somebody's scheduled messages: exported, and erased, so that nothing is sent for whoever is gone.

use clowder_core::{Ctx, Result};
use clowder_messaging::scheduled::ScheduledId;
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::Conn,
        messaging::attached,
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
        },
        user_keys,
    },
    stored,
};
use crate::{
    domains::messaging::{ScheduledRow, scheduled_messages as table},
    privacy::erased,
    seal::unreadable,
};

pub const PARTS: &[Part] = &[Part {
    name: "scheduled_messages",
    phase: Phase::Content,
    references: &[erased("scheduled_messages", "user_id")],
    files: &[File {
        name: "scheduled_messages.json",
        about: "messages that you have scheduled, and what became of them",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: ScheduledId = after(mark)?;
    let own = table::table.filter(table::user_id.eq(asking.user).and(table::id.gt(next)));
    let rows: Vec<ScheduledRow> = own.order(table::id).limit(ROWS).select(ScheduledRow::as_select()).load(conn)?;
    let (last, full) = (rows.last().map(|row| row.id), rows.len() as i64 == ROWS);
    let keys = user_keys::for_values(conn, &asking.ring, rows.iter().map(|row| &row.plan))?;
    let Some(key) = keys.into_values().next() else { return Ok(ExportPage::default()) };
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        // One that cannot be read must not hide the others.
        if let Some(plan) = stored::open(&key, &row).map_or_else(|error| unreadable(&error), Some) {
            let files = attached::found(conn, &plan.attachments)?;
            items.push(serde_json::to_value(stored::view(row, plan, &files)?)?);
        }
    }
    Ok(ExportPage { items, next: last.filter(|_| full).map(|last| last.to_string()), seen: 0 })
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = table::table.filter(table::user_id.eq(erasing.user));
    let some: Vec<ScheduledId> = own.order(table::id).limit(ROWS).select(table::id).load(tx.conn)?;
    let rows = diesel::delete(own.filter(table::id.eq_any(&some))).execute(tx.conn)?;
    tx.deleted_text |= rows > 0;
    all_gone(rows, some.len() as i64 == ROWS)
}
