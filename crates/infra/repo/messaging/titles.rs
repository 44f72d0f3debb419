//! The words of titles, by which chats are found.

use std::collections::{BTreeSet, HashMap};

use clowder_core::{ChatId, Result};
use clowder_messaging::search::title_words;
use diesel::prelude::*;

use super::super::{
    among::AmongIds,
    db::Tx,
    dialect::{self, Conn},
};
use crate::domains::messaging::{chat_words as table, chats};

/// How many titles one transaction looks at: the chats of those that are indexed anew are locked until its end.
const AT_ONCE: i64 = 100;

pub fn index(conn: &mut Conn, chat: ChatId, title: &str) -> Result<()> {
    let words = title_words(title).into_iter();
    let rows: Vec<_> = words.map(|word| (table::word.eq(word), table::chat_id.eq(chat))).collect();
    diesel::insert_into(table::table).values(rows).execute(conn)?;
    Ok(())
}

/// Before a title is replaced or deleted.
pub fn unindex(tx: &mut Tx<'_>, chat: ChatId) -> Result<()> {
    diesel::delete(table::table.filter(table::chat_id.eq(chat))).execute(tx.conn)?;
    tx.deleted_text = true;
    Ok(())
}

/// Indexes those of the next titles anew that other rules have cut; answers how many it has looked at, and behind which chat
/// the next ones are, if there can be more.
pub fn renew(tx: &mut Tx<'_>, after: ChatId) -> Result<(i64, Option<ChatId>)> {
    let next = chats::table.filter(chats::id.gt(after)).filter(chats::title.is_not_null());
    let next = next.order(chats::id).limit(AT_ONCE).select((chats::id, chats::title.assume_not_null()));
    let next: Vec<(ChatId, String)> = next.load(tx.conn)?;
    let known = table::table.filter(table::chat_id.among(next.iter().map(|(chat, _)| chat)));
    let mut known_words = HashMap::<ChatId, BTreeSet<String>>::new();
    for (chat, word) in known.select((table::chat_id, table::word)).load::<(ChatId, String)>(tx.conn)? {
        known_words.entry(chat).or_default().insert(word);
    }
    for (chat, title) in &next {
        let known = known_words.remove(chat).unwrap_or_default();
        if known == BTreeSet::from_iter(title_words(title)) {
            continue;
        }
        dialect::messaging::lock_chat(tx.conn, *chat)?;
        // It may have another title by now, or be deleted.
        let now = chats::table.find(*chat).filter(chats::deleted_at.is_null());
        let now: Option<Option<String>> = now.select(chats::title).first(tx.conn).optional()?;
        if let Some(title) = now.flatten() {
            unindex(tx, *chat)?;
            index(tx.conn, *chat, &title)?;
        }
    }
    let more = next.last().filter(|_| next.len() as i64 == AT_ONCE).map(|(chat, _)| *chat);
    Ok((next.len() as i64, more))
}
