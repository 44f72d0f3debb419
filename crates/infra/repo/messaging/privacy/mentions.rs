//! Where somebody was mentioned: exported, and forgotten when they are erased.

use clowder_core::{ChatId, Ctx, MessageId, Result, Timestamp};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::super::{
        db::Tx,
        dialect::{self, Conn},
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, ROWS},
        },
        search::indexing,
    },
    walking::{self, Taking},
};
use crate::domains::messaging::{message_mentions as table, messages};

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

/// Messages mention the person no more; their texts stay.
pub fn forget(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    // Whoever is indexing one of these messages has read its mentions already, and would write them back.
    dialect::search::lock_index(tx.conn)?;
    walking::step(tx, erasing, mark, &Taking { at_once: ROWS, first }, |tx, chat| {
        let own = table::table.filter(table::user_id.eq(erasing.user).and(table::chat_id.eq(chat)));
        let seqs: Vec<i64> = own.order(table::seq).limit(ROWS).select(table::seq).load(tx.conn)?;
        let gone = diesel::delete(own.filter(table::seq.eq_any(&seqs))).execute(tx.conn)?;
        // Nor are they found by whom they have mentioned.
        let ids = messages::table.filter(messages::chat_id.eq(chat).and(messages::seq.eq_any(&seqs)));
        let ids: Vec<MessageId> = ids.select(messages::id).load(tx.conn)?;
        indexing::written(tx, &ids)?;
        Ok(gone as u64)
    })
}

fn first(conn: &mut Conn, erasing: &Erasing) -> Result<Option<ChatId>> {
    let own = table::table.filter(table::user_id.eq(erasing.user)).order(table::chat_id);
    Ok(own.select(table::chat_id).first(conn).optional()?)
}
