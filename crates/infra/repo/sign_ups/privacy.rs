//! The invitations that somebody created: exported and erased.

use clowder_accounts::model::{Invite, InviteId};
use clowder_core::{Ctx, Result};
use diesel::prelude::*;

use super::super::{
    db::Tx,
    dialect::Conn,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
    },
};
use crate::{
    domains::sign_ups::{InviteRow, invites as invited},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "invites",
    phase: Phase::Content,
    references: &[erased("invites", "created_by")],
    files: &[File { name: "invites.json", about: "invitations you created", shape: Shape::List, read: export }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: InviteId = after(mark)?;
    let rows: Vec<InviteRow> = invited::table
        .filter(invited::created_by.eq(asking.user).and(invited::id.gt(after)))
        .order(invited::id)
        .limit(ROWS)
        .select(InviteRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let items = rows.into_iter().map(|row| serde_json::to_value(Invite::from(row)));
    Ok(ExportPage::by_id(items.collect::<serde_json::Result<_>>()?, last))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    all_gone(diesel::delete(invited::table.filter(invited::created_by.eq(erasing.user))).execute(tx.conn)?, false)
}
