//! What somebody has saved, and what they have removed for themselves: exported, and deleted when they are erased.

use clowder_core::{ChatId, Ctx, MessageId, Result, Timestamp};
use diesel::{prelude::*, sql_types::BigInt};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{
    db::Tx,
    dialect::{Backend, Conn},
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
    },
};
use crate::{
    domains::messaging::{messages as said, participants, removed_messages as removed, saved_messages as table},
    privacy::{erased, kept},
    statement::statement,
};
use clowder_core::sql::Uid;

pub const PARTS: &[Part] = &[
    Part {
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
    },
    Part {
        name: "removed_messages",
        phase: Phase::Content,
        references: &[erased("removed_messages", "user_id")],
        files: &[File {
            name: "removed_messages.ndjson",
            about: "the messages that you have removed for yourself, one per line",
            shape: Shape::Lines,
            read: export_removed,
        }],
        erase: forget_removed,
    },
];

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

/// Where the file continues.
#[derive(Serialize, Deserialize)]
struct Mark(ChatId, i64);

fn export_removed(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let from: Option<Mark> = mark.map(serde_json::from_str).transpose()?;
    let Mark(chat, seq) = from.unwrap_or(Mark(after(None)?, 0));
    let later = removed::chat_id.gt(chat).or(removed::chat_id.eq(chat).and(removed::seq.gt(seq)));
    let rows: Vec<(ChatId, i64, MessageId)> = removed::table
        .inner_join(said::table.on(said::chat_id.eq(removed::chat_id).and(said::seq.eq(removed::seq))))
        .filter(removed::user_id.eq(asking.user).and(later))
        .order((removed::chat_id, removed::seq))
        .limit(ROWS)
        .select((removed::chat_id, removed::seq, said::id))
        .load(conn)?;
    let last = rows.last().filter(|_| rows.len() as i64 == ROWS).map(|(chat, seq, _)| Mark(*chat, *seq));
    let next = last.map(|last| serde_json::to_string(&last)).transpose()?;
    let item = |(chat, seq, message)| json!({ "chat_id": chat, "message_id": message, "seq": seq });
    Ok(ExportPage { items: rows.into_iter().map(item).collect(), next, seen: 0 })
}

fn forget_removed(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let some = statement::<(), Backend>(
        "DELETE FROM removed_messages WHERE (chat_id, seq, user_id) IN (SELECT r.chat_id, r.seq, r.user_id \
         FROM removed_messages r WHERE r.user_id = ? ORDER BY r.chat_id, r.seq LIMIT ?)",
    );
    let rows = some.bind::<Uid, _>(erasing.user).bind::<BigInt, _>(ROWS).execute(tx.conn)?;
    let left = rows as i64 == ROWS;
    if !left {
        let counted = participants::table.filter(participants::user_id.eq(erasing.user));
        let counted = counted.filter(participants::removed_count.gt(0));
        diesel::update(counted).set(participants::removed_count.eq(0)).execute(tx.conn)?;
    }
    all_gone(rows, left)
}
