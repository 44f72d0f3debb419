//! Moving a read mark.

use clowder_core::{ChatId, Ctx, Result, UserId};
use clowder_messaging::{
    Change, NewRead, Read,
    read::{ReadFacts, Slowest, decide},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    journal,
};
use crate::{
    rows::SlowestRow,
    schema::{chats, messages, participants},
};

pub fn read(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Read> {
    let user = ctx.user()?;
    // Senders count their own messages after the mark while they hold the chat.
    dialect::lock_chat(tx.conn, chat)?;
    let facts: Option<(i64, i64, SlowestRow)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .select((participants::read_seq, chats::last_seq, SlowestRow::as_select()))
        .first(tx.conn)
        .optional()?;
    let (read_seq, last_seq, slowest) = facts.ok_or(CHAT_UNKNOWN)?;
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
    if Slowest::from(slowest).counts(read_seq) {
        note_slowest(tx.conn, chat)?;
    }
    let read = Read { chat_id: chat, user_id: user, seq, at: ctx.now };
    journal::append(tx, ctx, &Change::MessageRead(read.clone()))?;
    Ok(read)
}

/// Keeps on the chat who has read least; for whoever moves a mark, or the people of a chat, and holds it.
pub fn note_slowest(conn: &mut Conn, chat: ChatId) -> Result<()> {
    let marks: Vec<(UserId, i64)> = participants::table
        .filter(participants::chat_id.eq(chat))
        .order((participants::read_seq, participants::user_id))
        .limit(2)
        .select((participants::user_id, participants::read_seq))
        .load(conn)?;
    diesel::update(chats::table.find(chat)).set(SlowestRow::from(Slowest::of(&marks))).execute(conn)?;
    Ok(())
}
