//! Somebody's API keys: exported without their secrets, and revoked.

use clowder_accounts::{Change, change::ApiKeyRevoked};
use clowder_core::{ApiKeyId, Ctx, Result};
use diesel::prelude::*;

use super::super::{
    db::Tx,
    dialect::Conn,
    journal,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
    },
};
use crate::{
    domains::api_keys::{ApiKeyRow, api_keys as keys},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "api_keys",
    phase: Phase::Content,
    references: &[erased("api_keys", "user_id")],
    files: &[File {
        name: "api_keys.json",
        about: "your API keys, without their secrets",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: ApiKeyId = after(mark)?;
    let rows: Vec<ApiKeyRow> = keys::table
        .filter(keys::user_id.eq(asking.user).and(keys::id.gt(after)))
        .order(keys::id)
        .limit(ROWS)
        .select(ApiKeyRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let items = rows.into_iter().map(|row| serde_json::to_value(row.api_key()));
    Ok(ExportPage::by_id(items.collect::<serde_json::Result<_>>()?, last))
}

/// Whoever has one of these keys in memory learns that it is no longer valid.
fn erase(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let gone: Vec<ApiKeyId> =
        diesel::delete(keys::table.filter(keys::user_id.eq(erasing.user))).returning(keys::id).get_results(tx.conn)?;
    let revoked = |key: &ApiKeyId| {
        Change::ApiKeyRevoked(ApiKeyRevoked { user: erasing.user, api_key_id: *key, revoked_at: ctx.now })
    };
    let changes: Vec<_> = gone.iter().map(revoked).collect();
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())?;
    all_gone(gone.len(), false)
}
