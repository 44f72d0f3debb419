//! Data about exports and erasures themselves: erased, and deleted when they expire.

use clowder_core::{Ctx, Id, Result};
use diesel::{
    dsl::{exists, not},
    prelude::*,
};

use super::{
    super::{db::Tx, dialect},
    Erasing,
    parts::{EraseStep, Part, Phase, ROWS, all_gone, nothing},
};
use crate::{
    domains::privacy::{export_chunks, export_files, exports as copies},
    privacy::{erased, kept},
};

pub const PARTS: &[Part] = &[
    Part {
        name: "exports",
        phase: Phase::Content,
        references: &[erased("exports", "user_id")],
        files: &[],
        erase: exports,
    },
    Part {
        name: "erasure",
        phase: Phase::Proof,
        references: &[kept("erasures", "user_id", "the receipt: proof of the erasure, without personal data")],
        files: &[],
        erase: nothing,
    },
];

/// How many chunks of an export, which are large, are deleted in one piece.
const CHUNKS: i64 = 20;

fn exports(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = export_chunks::table.inner_join(copies::table).filter(copies::user_id.eq(erasing.user));
    let some: Vec<Id<()>> = own.select(export_chunks::id).limit(CHUNKS).load(tx.conn)?;
    if !some.is_empty() {
        return all_gone(
            diesel::delete(export_chunks::table.filter(export_chunks::id.eq_any(some))).execute(tx.conn)?,
            true,
        );
    }
    let own = export_files::table.inner_join(copies::table).filter(copies::user_id.eq(erasing.user));
    let some: Vec<(Id<()>, i32)> = own.select(FILE).order(FILE).limit(ROWS).load(tx.conn)?;
    if !some.is_empty() {
        return all_gone(forget_files(tx, &some)?, true);
    }
    all_gone(diesel::delete(copies::table.filter(copies::user_id.eq(erasing.user))).execute(tx.conn)?, false)
}

/// What tells where the content of a file begins in an export.
const FILE: (export_files::export_id, export_files::first) = (export_files::export_id, export_files::first);

fn forget_files(tx: &mut Tx<'_>, some: &[(Id<()>, i32)]) -> Result<usize> {
    let mut gone = 0;
    // Those of one export follow each other.
    for of_one in some.chunk_by(|(one, _), (other, _)| one == other) {
        let (Some((export, first)), Some((_, last))) = (of_one.first(), of_one.last()) else { continue };
        let these = export_files::table.filter(export_files::export_id.eq(*export));
        gone += diesel::delete(these.filter(export_files::first.between(*first, *last))).execute(tx.conn)?;
    }
    Ok(gone)
}

/// Deletes expired exports: first their contents, then their rows.
pub fn sweep_exports(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    use clowder_accounts::privacy::EXPORT_KNOWN_FOR;
    let now = ctx.now;
    let past: Vec<Id<()>> = copies::table
        .filter(copies::expires_at.le(now))
        .select(copies::id)
        .order(copies::id)
        .limit(ROWS)
        .load(tx.conn)?;
    let some = export_chunks::table.filter(export_chunks::export_id.eq_any(past.clone()));
    let some = some.select(export_chunks::id).order(export_chunks::id).limit(CHUNKS);
    let some: Vec<Id<()>> = dialect::unclaimed!(some).load(tx.conn)?;
    let chunks = diesel::delete(export_chunks::table.filter(export_chunks::id.eq_any(some))).execute(tx.conn)?;
    let files = export_files::table.filter(export_files::export_id.eq_any(past));
    let files: Vec<(Id<()>, i32)> = dialect::unclaimed!(files.select(FILE).order(FILE).limit(ROWS)).load(tx.conn)?;
    let files = forget_files(tx, &files)?;
    // Only those whose chunks are gone: a cascading delete would lock rows in no order.
    let held = export_chunks::table.filter(export_chunks::export_id.eq(copies::id));
    let refers = export_files::table.filter(export_files::export_id.eq(copies::id));
    let old = copies::table
        .filter(copies::created_at.le(now.minus(EXPORT_KNOWN_FOR)).and(not(exists(held))).and(not(exists(refers))))
        .select(copies::id)
        .order(copies::id)
        .limit(ROWS);
    let old: Vec<Id<()>> = dialect::unclaimed!(old).load(tx.conn)?;
    Ok(chunks + files + diesel::delete(copies::table.filter(copies::id.eq_any(old))).execute(tx.conn)?)
}
