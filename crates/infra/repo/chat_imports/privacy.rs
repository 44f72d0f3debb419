//! Files are forgotten soon after they have become chats, and those of somebody who is erased are deleted.

use std::time::Duration;

use clowder_core::{ChatId, Ctx, Id, Result, Word};
use clowder_messaging::chat_imports::{ChatImportId, ImportStatus};
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
    abandon,
};
use crate::{
    domains::messaging::{chat_import_authors as authors, chat_import_pieces as pieces, chat_imports as table},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "chat_imports",
    phase: Phase::Content,
    references: &[erased("chat_imports", "user_id"), erased("chat_import_authors", "user_id")],
    files: &[],
    erase,
}];

/// How many pieces, which are large, are deleted at a time.
const PIECES: i64 = 20;
/// How long a file may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// How long it is known what became of an import.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// A chat that is not whole goes with whoever imports it.
fn erase(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = table::table.filter(table::user_id.eq(erasing.user));
    let unfinished = own.filter(table::status.ne(ImportStatus::Done.as_str())).filter(table::chat_id.is_not_null());
    let chat: Option<(ChatImportId, Option<ChatId>)> =
        unfinished.select((table::id, table::chat_id)).first(tx.conn).optional()?;
    if let Some((import, chat)) = chat {
        // The row first, so that no worker goes on.
        let failed = (table::status.eq(ImportStatus::Failed.as_str()), table::chat_id.eq(None::<ChatId>));
        diesel::update(table::table.find(import)).set(failed).execute(tx.conn)?;
        abandon(tx, ctx, chat)?;
        return all_gone(1, true);
    }
    let some = pieces::table.inner_join(table::table).filter(table::user_id.eq(erasing.user));
    let some: Vec<Id<()>> = some.select(pieces::id).limit(PIECES).load(tx.conn)?;
    if !some.is_empty() {
        return all_gone(diesel::delete(pieces::table.filter(pieces::id.eq_any(some))).execute(tx.conn)?, true);
    }
    let names = authors::table.filter(authors::user_id.eq(erasing.user));
    let rows = diesel::delete(names).execute(tx.conn)?;
    tx.deleted_text |= rows > 0;
    all_gone(rows + diesel::delete(own).execute(tx.conn)?, false)
}

/// First the pieces of what has ended, and of what does not arrive, then what was long ago.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let late = table::status.eq(ImportStatus::Uploading.as_str());
    let late = late.and(table::created_at.le(ctx.now.minus(ARRIVES_WITHIN)));
    let lost = (table::status.eq(ImportStatus::Failed.as_str()), table::finished_at.eq(ctx.now));
    let some = table::table.filter(late).select(table::id).order(table::id).limit(ROWS);
    let some: Vec<ChatImportId> = dialect::unclaimed!(some).load(tx.conn)?;
    diesel::update(table::table.filter(table::id.eq_any(some))).set(lost).execute(tx.conn)?;
    let has_pieces = || exists(pieces::table.filter(pieces::import_id.eq(table::id)));
    let over = table::table.filter(table::finished_at.is_not_null()).filter(has_pieces());
    let over: Vec<ChatImportId> = over.select(table::id).order(table::id).limit(ROWS).load(tx.conn)?;
    let some = pieces::table.filter(pieces::import_id.eq_any(over));
    let some = some.select(pieces::id).order(pieces::id).limit(PIECES);
    let some: Vec<Id<()>> = dialect::unclaimed!(some).load(tx.conn)?;
    let swept = diesel::delete(pieces::table.filter(pieces::id.eq_any(some))).execute(tx.conn)?;
    let old = table::table.filter(table::finished_at.is_not_null()).filter(not(has_pieces()));
    let old = old.filter(table::created_at.le(ctx.now.minus(KNOWN_FOR)));
    let old = old.select(table::id).order(table::id).limit(ROWS);
    let old: Vec<ChatImportId> = dialect::unclaimed!(old).load(tx.conn)?;
    Ok(swept + diesel::delete(table::table.filter(table::id.eq_any(old))).execute(tx.conn)?)
}
