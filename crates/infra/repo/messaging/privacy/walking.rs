//! Takes what somebody has left in chats, chat by chat, when they are erased.

use clowder_core::{ChatId, Result};
use diesel::prelude::*;

use super::super::super::{
    db::Tx,
    dialect::{self, Conn},
    privacy::{
        Erasing,
        parts::{EraseStep, after},
    },
};
use crate::domains::messaging::participants;

/// How many chats without any are passed in one piece.
const CHATS: i64 = 20;
/// Where the chats come that the person has left.
const LEFT: &str = "left";

/// How something is taken from chats.
pub struct Taking {
    /// How much is taken in one piece.
    pub at_once: i64,
    /// The first chat that still has some.
    pub first: fn(&mut Conn, &Erasing) -> Result<Option<ChatId>>,
}

/// Takes one piece. The chats that the person is in are locked before they are looked at: whoever adds to it locks the chat,
/// too, and sees then that the account is erased. In chats that they have left, nobody adds to it.
///
/// `some` takes at most one piece in a chat that is locked, and returns how much.
pub fn step(
    tx: &mut Tx<'_>,
    erasing: &Erasing,
    mark: Option<&str>,
    taking: &Taking,
    mut some: impl FnMut(&mut Tx<'_>, ChatId) -> Result<u64>,
) -> Result<EraseStep> {
    if mark == Some(LEFT) {
        let Some(chat) = (taking.first)(tx.conn, erasing)? else { return Ok(EraseStep::default()) };
        dialect::messaging::lock_chat(tx.conn, chat)?;
        return Ok(EraseStep { rows: some(tx, chat)?, next: Some(LEFT.to_owned()) });
    }
    let mut passed: ChatId = after(mark)?;
    let memberships =
        participants::table.filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(passed)));
    let chats = memberships.order(participants::chat_id).limit(CHATS).select(participants::chat_id);
    let chats: Vec<ChatId> = chats.load(tx.conn)?;
    for chat in &chats {
        dialect::messaging::lock_chat(tx.conn, *chat)?;
        let rows = some(tx, *chat)?;
        if rows < taking.at_once as u64 {
            passed = *chat;
        }
        if rows > 0 {
            return Ok(EraseStep { rows, next: Some(passed.to_string()) });
        }
    }
    let is_last = (chats.len() as i64) < CHATS;
    Ok(EraseStep { rows: 0, next: Some(if is_last { LEFT.to_owned() } else { passed.to_string() }) })
}
