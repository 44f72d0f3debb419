//! Closes polls by hand. One whose time is over is closed without any write: votes look at the time.

use clowder_core::{ChatId, Ctx, MessageId, Result};
use clowder_messaging::{
    Change,
    lifetimes::conceal,
    polls::{Closed, decide_close},
    refusals::MESSAGE_UNKNOWN,
};
use diesel::prelude::*;

use super::super::{db::Tx, dialect, journal, messaging::messages};
use crate::domains::messaging::{message_polls as table, messages as said};

pub fn close(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<Closed> {
    let chat = said::table.filter(said::id.eq(id)).select(said::chat_id).first::<ChatId>(tx.conn).optional()?;
    // Whoever votes holds it, too.
    dialect::messaging::lock_chat(tx.conn, chat.ok_or(MESSAGE_UNKNOWN)?)?;
    let mut facts = messages::facts(tx.conn, None, ctx.user()?, id)?;
    conceal(&mut facts.message, ctx.now);
    let ended = decide_close(ctx, &facts)?;
    let message = facts.message;
    let (chat_id, seq, closed_at) = (message.chat_id, message.seq, ended.unwrap_or(ctx.now));
    let closed = Closed { chat_id, message_id: id, seq, closed_at };
    if ended.is_none() {
        diesel::update(table::table.find((chat_id, seq))).set(table::closed_at.eq(closed_at)).execute(tx.conn)?;
        journal::append(tx, ctx, &Change::PollClosed(closed))?;
    }
    Ok(closed)
}
