//! Closing the private chat of two people, and opening it again. What was written stays.

use clowder_core::{ChatId, Error, Result, UserId};
use clowder_messaging::{Change, chats::Pair};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
    },
    chats,
};
use crate::domains::messaging::chats as table;

/// Closes or opens the private chat of the two, if they have one, and returns what they are told. Both people are
/// locked: so nobody creates the chat meanwhile.
pub fn set_closed(tx: &mut Tx<'_>, people: [UserId; 2], closed: bool) -> Result<Vec<Change>> {
    let Some(chat) = of(tx.conn, Pair::of(people[0], people[1]))? else { return Ok(Vec::new()) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let other_state = table::table.find(chat).filter(table::closed.ne(closed));
    let changed = diesel::update(other_state)
        .set((table::closed.eq(closed), table::version.eq(table::version + 1)))
        .execute(tx.conn)?;
    if changed == 0 {
        return Ok(Vec::new());
    }
    let face = chats::face(tx.conn, chat)?.ok_or_else(|| Error::internal("a chat that is gone while it is locked"))?;
    Ok(vec![Change::ChatUpdated(Box::new(face.face()?))])
}

fn of(conn: &mut Conn, pair: Pair) -> Result<Option<ChatId>> {
    Ok(table::table.filter(table::pair.eq(pair.to_bytes())).select(table::id).first(conn).optional()?)
}
