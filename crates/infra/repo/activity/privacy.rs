//! What somebody did: exported and erased.

use clowder_core::{Ctx, PageRequest, Result};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, all_gone},
        },
    },
    READER, as_page, delete_some, rows,
};
use crate::{
    domains::activity::activity_clearings,
    privacy::{erased, kept},
};

pub const PARTS: &[Part] = &[Part {
    name: "activity",
    phase: Phase::Content,
    references: &[
        erased("activity", "user_id"),
        kept("activity", "target_id", "what others did is their own log, and shows nothing but this id"),
        erased("activity_clearings", "user_id"),
    ],
    files: &[File {
        name: "activity.json",
        about: "what you did in the last 180 days",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

/// The latest first, as the list shows it; the devices are in the file of sessions.
fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let request = PageRequest { limit: ROWS as u32, cursor: mark.map(str::to_owned) };
    let page = as_page(rows(conn, asking.user, None, &request)?, &request, |_| None)?;
    let items = page.items.iter().map(serde_json::to_value).collect::<serde_json::Result<_>>()?;
    Ok(ExportPage { items, next: page.next_cursor, seen: 0 })
}

/// The reader either has written before, and these rows are found, or it sees that the account is erased.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    dialect::readers::lock_reader(tx.conn, READER)?;
    let gone = delete_some(tx, erasing.user, ROWS)?;
    if gone > 0 {
        return all_gone(gone, true);
    }
    all_gone(diesel::delete(activity_clearings::table.find(erasing.user)).execute(tx.conn)?, false)
}
