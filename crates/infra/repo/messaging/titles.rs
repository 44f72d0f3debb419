//! The words of titles, by which chats are found.

use clowder_core::{ChatId, Result};
use clowder_messaging::search::title_words;
use diesel::prelude::*;

use super::super::{db::Tx, dialect::Conn};
use crate::domains::messaging::chat_words as table;

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
