//! The threads that somebody follows: exported and forgotten, chat by chat.

use clowder_core::{ChatId, Ctx, MessageId, Result};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after},
    },
};
use crate::{
    domains::messaging::{participants, thread_marks as marks},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "threads",
    phase: Phase::Content,
    references: &[erased("thread_marks", "user_id")],
    files: &[File {
        name: "threads.ndjson",
        about: "the threads that you follow or have followed, one per line, and how far you have read them",
        shape: Shape::Lines,
        read: export,
    }],
    erase: forget,
}];

/// Where the file continues.
#[derive(Serialize, Deserialize)]
struct Mark(ChatId, MessageId);

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let from: Option<Mark> = mark.map(serde_json::from_str).transpose()?;
    let Mark(chat, message) = from.unwrap_or(Mark(after(None)?, after(None)?));
    let later = marks::chat_id.gt(chat).or(marks::chat_id.eq(chat).and(marks::message_id.gt(message)));
    let rows: Vec<(ChatId, MessageId, bool, i64)> = marks::table
        .filter(marks::user_id.eq(asking.user).and(later))
        .order((marks::chat_id, marks::message_id))
        .limit(ROWS)
        .select((marks::chat_id, marks::message_id, marks::following, marks::read_seq))
        .load(conn)?;
    let last = rows.last().filter(|_| rows.len() as i64 == ROWS).map(|(chat, message, ..)| Mark(*chat, *message));
    let items = rows.into_iter().map(|(chat_id, message_id, following, read_seq)| {
        json!({ "chat_id": chat_id, "message_id": message_id, "following": following, "read_seq": read_seq })
    });
    let next = last.map(|last| serde_json::to_string(&last)).transpose()?;
    Ok(ExportPage { items: items.collect(), next, seen: 0 })
}

/// Whoever writes in a thread holds the chat, and looks then whether they are erased: so nothing is written afterwards.
fn forget(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let from: ChatId = after(mark)?;
    let memberships =
        participants::table.filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(from)));
    let next = memberships.order(participants::chat_id).select(participants::chat_id);
    let Some(chat) = next.first::<ChatId>(tx.conn).optional()? else { return Ok(EraseStep::default()) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let own = marks::table.filter(marks::user_id.eq(erasing.user).and(marks::chat_id.eq(chat)));
    let rows = diesel::delete(own).execute(tx.conn)? as u64;
    Ok(EraseStep { rows, next: Some(chat.to_string()) })
}
