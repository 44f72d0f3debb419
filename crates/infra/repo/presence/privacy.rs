//! The presence of somebody: exported and erased.

use clowder_accounts::presence::PresenceFacts;
use clowder_core::{Ctx, Result};
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    db::Tx,
    dialect::Conn,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, Shape, all_gone},
    },
};
use crate::{
    domains::presence::{PresenceRow, presence},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "presence",
    phase: Phase::Content,
    references: &[erased("presence", "user_id")],
    files: &[File {
        name: "presence.json",
        about: "the status that you chose, and when you were last seen online",
        shape: Shape::One,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    let row = presence::table.find(asking.user).select(PresenceRow::as_select()).first(conn).optional()?;
    let facts = row.map(|row| row.facts(None)).transpose()?.unwrap_or_default();
    let PresenceFacts { status, until, last_seen_at, vanished, .. } = facts;
    let since = vanished.map(|vanished| vanished.at);
    Ok(ExportPage::one(json!({
        "status": status, "until": until, "last_seen_at": last_seen_at, "invisible_since": since
    })))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    all_gone(diesel::delete(presence::table.find(erasing.user)).execute(tx.conn)?, false)
}
