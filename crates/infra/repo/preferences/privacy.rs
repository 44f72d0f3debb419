//! The settings of somebody: exported and erased.

use clowder_core::{Ctx, Result};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::Conn,
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, Shape, all_gone},
        },
    },
    settings,
};
use crate::{domains::preferences::preferences, privacy::erased};

pub const PARTS: &[Part] = &[Part {
    name: "settings",
    phase: Phase::Content,
    references: &[erased("preferences", "user_id")],
    files: &[File { name: "settings.json", about: "your settings", shape: Shape::One, read: export }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    Ok(ExportPage::one(serde_json::to_value(settings(conn, asking.user)?)?))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    all_gone(diesel::delete(preferences::table.find(erasing.user)).execute(tx.conn)?, false)
}
