//! The times of somebody's marks: exported and deleted, chat by chat.

use clowder_core::{ChatId, Ctx, Result, Timestamp};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::super::{
    db::Tx,
    dialect::{self, Conn},
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, ROWS, after},
    },
};
use crate::domains::messaging::{participants, receipts};

/// How many chats are gone through in one piece.
const CHATS: i64 = 20;

/// Where the file continues: after the first rows of a chat.
#[derive(Serialize, Deserialize)]
struct Mark(ChatId, bool, i64);

pub fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let from: Option<Mark> = mark.map(serde_json::from_str).transpose()?;
    let Mark(mut chat, read, seq) = from.unwrap_or(Mark(after(None)?, true, i64::MAX));
    let own = receipts::table.filter(receipts::user_id.eq(asking.user)).into_boxed();
    let later = receipts::read.gt(read).or(receipts::read.eq(read).and(receipts::seq.gt(seq)));
    let rows = own.filter(receipts::chat_id.eq(chat).and(later));
    let rows = rows.order((receipts::read, receipts::seq)).limit(ROWS);
    let mut rows: Vec<(bool, i64, Timestamp)> =
        rows.select((receipts::read, receipts::seq, receipts::at)).load(conn)?;
    if rows.is_empty() {
        let next =
            participants::table.filter(participants::user_id.eq(asking.user).and(participants::chat_id.gt(chat)));
        let next = next.order(participants::chat_id).select(participants::chat_id).first::<ChatId>(conn).optional()?;
        let Some(next) = next else { return Ok(ExportPage::default()) };
        chat = next;
        rows = receipts::table
            .filter(receipts::user_id.eq(asking.user).and(receipts::chat_id.eq(chat)))
            .order((receipts::read, receipts::seq))
            .limit(ROWS)
            .select((receipts::read, receipts::seq, receipts::at))
            .load(conn)?;
    }
    let last = rows.last().map_or(Mark(chat, true, i64::MAX), |(read, seq, _)| Mark(chat, *read, *seq));
    let items = rows.into_iter().map(|(read, seq, at)| {
        json!({ "chat_id": chat, "mark": if read { "read" } else { "delivered" }, "seq": seq, "at": at })
    });
    Ok(ExportPage { items: items.collect(), next: Some(serde_json::to_string(&last)?), seen: 0 })
}

/// The memberships stay, and with them where the marks are; when they moved is deleted.
pub fn forget(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let from: ChatId = after(mark)?;
    let memberships =
        participants::table.filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(from)));
    let chats = memberships.order(participants::chat_id).limit(CHATS).select(participants::chat_id);
    let chats: Vec<ChatId> = chats.load(tx.conn)?;
    let mut rows = 0;
    for chat in &chats {
        // Whoever moves a mark holds it: so nothing is written afterwards.
        dialect::messaging::lock_participant(tx.conn, *chat, erasing.user)?;
        let own = receipts::table.filter(receipts::chat_id.eq(chat).and(receipts::user_id.eq(erasing.user)));
        rows += diesel::delete(own).execute(tx.conn)? as u64;
    }
    let next = chats.last().filter(|_| chats.len() as i64 == CHATS).map(ToString::to_string);
    Ok(EraseStep { rows, next })
}
