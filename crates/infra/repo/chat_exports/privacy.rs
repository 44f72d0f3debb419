//! Exports that have ended are forgotten, and those of somebody who is erased are deleted.

use clowder_core::{Ctx, Id, Result, Word, export::ExportStatus};
use clowder_messaging::chat_exports::{ChatExportId, KNOWN_FOR};
use diesel::{
    dsl::{exists, not},
    prelude::*,
};

use super::{
    super::{
        db::Tx,
        dialect,
        privacy::{
            Erasing,
            parts::{EraseStep, Part, Phase, ROWS, all_gone},
        },
    },
    IS_MEMBER,
};
use crate::{
    domains::messaging::{chat_export_pieces as pieces, chat_exports as table},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "chat_exports",
    phase: Phase::Content,
    references: &[erased("chat_exports", "user_id")],
    files: &[],
    erase,
}];

/// How many pieces, which are large, are deleted at a time.
const PIECES: i64 = 20;

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = pieces::table.inner_join(table::table).filter(table::user_id.eq(erasing.user));
    let some: Vec<Id<()>> = own.select(pieces::id).limit(PIECES).load(tx.conn)?;
    if !some.is_empty() {
        return all_gone(diesel::delete(pieces::table.filter(pieces::id.eq_any(some))).execute(tx.conn)?, true);
    }
    all_gone(diesel::delete(table::table.filter(table::user_id.eq(erasing.user))).execute(tx.conn)?, false)
}

/// First the pieces of what has ended, then the exports without pieces that are not listed any more: a cascading delete
/// would lock rows in no order.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let has_pieces = || exists(pieces::table.filter(pieces::export_id.eq(table::id)));
    let failed = table::status.eq(ExportStatus::Failed.as_str());
    let over = failed.or(table::expires_at.le(ctx.now));
    let unlisted = || table::created_at.le(ctx.now.minus(KNOWN_FOR));
    let ended: Vec<ChatExportId> = table::table
        .filter(over.or(unlisted()).or(not(IS_MEMBER)))
        .filter(has_pieces())
        .order(table::id)
        .limit(ROWS)
        .select(table::id)
        .load(tx.conn)?;
    let some = pieces::table.filter(pieces::export_id.eq_any(ended));
    let some = some.select(pieces::id).order(pieces::id).limit(PIECES);
    let some: Vec<Id<()>> = dialect::unclaimed!(some).load(tx.conn)?;
    let swept = diesel::delete(pieces::table.filter(pieces::id.eq_any(some))).execute(tx.conn)?;
    let old = table::table.filter(unlisted()).filter(not(has_pieces()));
    let old = old.select(table::id).order(table::id).limit(ROWS);
    let old: Vec<ChatExportId> = dialect::unclaimed!(old).load(tx.conn)?;
    Ok(swept + diesel::delete(table::table.filter(table::id.eq_any(old))).execute(tx.conn)?)
}
