//! The second factor of somebody: its existence is exported, and all of it is erased.

use clowder_core::{Ctx, Result, Timestamp};
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
    domains::two_factor::{recovery_codes, two_factor as factors},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "two_factor",
    phase: Phase::Content,
    references: &[erased("two_factor", "user_id"), erased("recovery_codes", "user_id")],
    files: &[File {
        name: "two_factor.json",
        about: "whether you have a second factor, without its secret",
        shape: Shape::One,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    let enabled_at: Option<Option<Timestamp>> =
        factors::table.find(asking.user).select(factors::enabled_at).first(conn).optional()?;
    let own = recovery_codes::table.filter(recovery_codes::user_id.eq(asking.user));
    let left: i64 = own.filter(recovery_codes::used_at.is_null()).count().get_result(conn)?;
    Ok(ExportPage::one(json!({"enabled_at": enabled_at.flatten(), "recovery_codes_left": left})))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let codes = recovery_codes::table.filter(recovery_codes::user_id.eq(erasing.user));
    let codes = diesel::delete(codes).execute(tx.conn)?;
    all_gone(diesel::delete(factors::table.find(erasing.user)).execute(tx.conn)? + codes, false)
}
