//! Where somebody was mentioned: exported, and forgotten when they are erased.

use clowder_core::{ChatId, Ctx, MessageId, Result, Timestamp};
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
use crate::domains::messaging::{message_mentions as table, messages, participants};

/// Where the chats come that the person has left.
const LEFT: &str = "left";

/// Where the file continues.
#[derive(Serialize, Deserialize)]
struct Mark(ChatId, i64);

pub fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: Option<Mark> = mark.map(serde_json::from_str).transpose()?;
    let mut query = table::table
        .inner_join(messages::table.on(messages::chat_id.eq(table::chat_id).and(messages::seq.eq(table::seq))))
        .filter(table::user_id.eq(asking.user))
        .order((table::chat_id, table::seq))
        .limit(ROWS)
        .select((table::chat_id, table::seq, messages::id, messages::created_at))
        .into_boxed();
    if let Some(Mark(chat, seq)) = after {
        query = query.filter(table::chat_id.gt(chat).or(table::chat_id.eq(chat).and(table::seq.gt(seq))));
    }
    let rows: Vec<(ChatId, i64, MessageId, Timestamp)> = query.load(conn)?;
    let next = rows.last().filter(|_| rows.len() as i64 == ROWS);
    let next = next.map(|(chat, seq, ..)| serde_json::to_string(&Mark(*chat, *seq))).transpose()?;
    let item = |(chat, seq, message, at)| json!({ "chat_id": chat, "message_id": message, "seq": seq, "at": at });
    Ok(ExportPage { items: rows.into_iter().map(item).collect(), next, seen: 0 })
}

/// Messages mention the person no more; their texts stay. The chats that they are in are locked before they are looked at:
/// whoever mentions them has locked the chat, too, and sees then that the account is erased. In chats that they have left,
/// nobody can mention them.
pub fn forget(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let next = if mark == Some(LEFT) {
        let own = table::table.filter(table::user_id.eq(erasing.user)).order(table::chat_id);
        own.select(table::chat_id).first::<ChatId>(tx.conn).optional()?
    } else {
        let from: ChatId = after(mark)?;
        let own =
            participants::table.filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(from)));
        own.order(participants::chat_id).select(participants::chat_id).first(tx.conn).optional()?
    };
    let Some(chat) = next else {
        return Ok(EraseStep { rows: 0, next: (mark != Some(LEFT)).then(|| LEFT.to_owned()) });
    };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let own = table::table.filter(table::user_id.eq(erasing.user).and(table::chat_id.eq(chat)));
    let seqs: Vec<i64> = own.order(table::seq).limit(ROWS).select(table::seq).load(tx.conn)?;
    let is_last = (seqs.len() as i64) < ROWS;
    let rows = diesel::delete(own.filter(table::seq.eq_any(seqs))).execute(tx.conn)? as u64;
    let next = match mark {
        Some(LEFT) => Some(LEFT.to_owned()),
        _ if is_last => Some(chat.to_string()),
        // The same chat again.
        mark => mark.map(str::to_owned).or_else(|| Some(uuid::Uuid::nil().to_string())),
    };
    Ok(EraseStep { rows, next })
}
