//! What somebody has saved: exported, and deleted when they are erased.

use clowder_core::{ChatId, Ctx, MessageId, Result, Timestamp};
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    db::Tx,
    dialect::Conn,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
    },
};
use crate::{
    domains::messaging::saved_messages as table,
    privacy::{erased, kept},
};

pub const PARTS: &[Part] = &[Part {
    name: "saved_messages",
    phase: Phase::Content,
    references: &[
        erased("saved_messages", "user_id"),
        kept("message_pins", "pinned_by", "a pin belongs to the chat, as the message does"),
    ],
    files: &[File {
        name: "saved_messages.ndjson",
        about: "the messages that you have saved, with your notes, one per line",
        shape: Shape::Lines,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    type Row = (MessageId, ChatId, Timestamp, Option<String>);
    let next: MessageId = after(mark)?;
    let own = table::table.filter(table::user_id.eq(asking.user).and(table::message_id.gt(next)));
    let own = own.order(table::message_id).limit(ROWS);
    let rows: Vec<Row> = own.select((table::message_id, table::chat_id, table::saved_at, table::note)).load(conn)?;
    let last = rows.last().map(|(id, ..)| *id);
    let items = rows.into_iter().map(
        |(message, chat, at, note)| json!({ "message_id": message, "chat_id": chat, "saved_at": at, "note": note }),
    );
    Ok(ExportPage::by_id(items.collect(), last))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = table::table.filter(table::user_id.eq(erasing.user));
    let some: Vec<MessageId> = own.order(table::message_id).limit(ROWS).select(table::message_id).load(tx.conn)?;
    let rows = diesel::delete(own.filter(table::message_id.eq_any(&some))).execute(tx.conn)?;
    tx.deleted_text |= rows > 0;
    all_gone(rows, some.len() as i64 == ROWS)
}
