//! Moving a read mark.

use clowder_core::{ChatId, Ctx, Result};
use clowder_messaging::{
    Change, NewRead, Read,
    read::{ReadFacts, decide},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;

use super::super::{db::Tx, dialect, journal};
use crate::schema::{chats, messages, participants};

pub fn read(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Read> {
    let user = ctx.user()?;
    // Senders count their own messages after the mark while they hold the chat.
    dialect::lock_chat(tx.conn, chat)?;
    let facts: Option<(i64, i64)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .select((participants::read_seq, chats::last_seq))
        .first(tx.conn)
        .optional()?;
    let (read_seq, last_seq) = facts.ok_or(CHAT_UNKNOWN)?;
    let Some(seq) = decide(new, ReadFacts { read_seq, last_seq }) else {
        return Ok(Read { chat_id: chat, user_id: user, seq: read_seq, at: ctx.now });
    };
    let own_after: i64 = if seq == last_seq {
        0
    } else {
        messages::table
            .filter(messages::chat_id.eq(chat).and(messages::seq.gt(seq)).and(messages::sender_id.eq(user)))
            .count()
            .get_result(tx.conn)?
    };
    diesel::update(participants::table.find((chat, user)))
        .set((participants::read_seq.eq(seq), participants::own_after_read.eq(own_after)))
        .execute(tx.conn)?;
    let read = Read { chat_id: chat, user_id: user, seq, at: ctx.now };
    journal::append(tx, ctx, &Change::MessageRead(read.clone()))?;
    Ok(read)
}
