//! Somebody's own templates: exported, and deleted when they are erased.

use clowder_core::{Ctx, Result};
use clowder_messaging::chat_templates::ChatTemplateId;
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
    domains::messaging::{ChatTemplateRow, chat_templates as table},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "chat_templates",
    phase: Phase::Content,
    references: &[erased("chat_templates", "user_id")],
    files: &[File { name: "chat_templates.json", about: "your templates of chats", shape: Shape::List, read: export }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: ChatTemplateId = after(mark)?;
    let own = table::table.filter(table::user_id.eq(asking.user).and(table::id.gt(next)));
    let rows: Vec<ChatTemplateRow> =
        own.order(table::id).limit(ROWS).select(ChatTemplateRow::as_select()).load(conn)?;
    let last = rows.last().map(|row| row.id);
    let items = rows.into_iter().map(|row| Ok(serde_json::to_value(row.template()?)?)).collect::<Result<_>>()?;
    Ok(ExportPage::by_id(items, last))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = table::table.filter(table::user_id.eq(erasing.user));
    let some: Vec<ChatTemplateId> = own.order(table::id).limit(ROWS).select(table::id).load(tx.conn)?;
    let rows = diesel::delete(own.filter(table::id.eq_any(&some))).execute(tx.conn)?;
    tx.deleted_text |= rows > 0;
    all_gone(rows, some.len() as i64 == ROWS)
}
