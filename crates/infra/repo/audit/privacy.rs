//! Somebody's entries in the audit log: exported, and made unreadable with their key.

use clowder_core::{Ctx, PageRequest, Result};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::Conn,
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape},
        },
    },
    timeline,
};
use crate::{
    domains::audit::{audit as log, audit_pending, refusal_windows},
    privacy::{erased, kept},
};

pub const PARTS: &[Part] = &[Part {
    name: "audit",
    phase: Phase::Record,
    references: &[
        kept(
            "audit",
            "actor_id",
            "the log is append-only and chained; its contents are encrypted with a key that is destroyed",
        ),
        kept(
            "audit",
            "owner_id",
            "the log is append-only and chained; its contents are encrypted with a key that is destroyed",
        ),
        kept(
            "audit",
            "subject_id",
            "the log is append-only and chained; its contents are encrypted with a key that is destroyed",
        ),
        kept(
            "audit",
            "target_id",
            "the log is append-only and chained; its contents are encrypted with a key that is destroyed",
        ),
        kept("audit_pending", "actor_id", "moves to the log within a second, encrypted in the same way"),
        kept("audit_pending", "owner_id", "moves to the log within a second, encrypted in the same way"),
        kept("audit_pending", "subject_id", "moves to the log within a second, encrypted in the same way"),
        kept("audit_pending", "target_id", "moves to the log within a second, encrypted in the same way"),
        erased("refusal_windows", "subject_id"),
    ],
    files: &[File {
        name: "security.json",
        about: "security events of your account",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

/// The newest first, as the user's own timeline shows it.
fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let request = PageRequest { limit: ROWS as u32, cursor: mark.map(str::to_owned) };
    let page = timeline(conn, &asking.ring, asking.user, &request)?;
    let items = page.items.iter().map(serde_json::to_value).collect::<serde_json::Result<_>>()?;
    Ok(ExportPage { items, next: page.next_cursor, seen: 0 })
}

/// Entries cannot be changed, and need not be: what they say about somebody is encrypted with the key that is
/// destroyed. They are counted, for the receipt. The counts of refused attempts at the account are deleted.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let rows: i64 = log::table.filter(log::subject_id.eq(erasing.user)).count().get_result(tx.conn)?;
    let pending = audit_pending::table.filter(audit_pending::subject_id.eq(erasing.user));
    let pending: i64 = pending.count().get_result(tx.conn)?;
    let windows = refusal_windows::table.filter(refusal_windows::subject_id.eq(erasing.user));
    let windows = windows.select(refusal_windows::key).order(refusal_windows::key);
    for key in windows.load::<Vec<u8>>(tx.conn)? {
        diesel::delete(refusal_windows::table.find(key)).execute(tx.conn)?;
    }
    Ok(EraseStep { rows: (rows + pending).unsigned_abs(), next: None })
}
