//! Takes a deleted chat apart, in pieces whose size does not depend on the chat's.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, Result, UserId,
    job::{Queue, Taken, Work, Worker},
};
use clowder_messaging::change::Told;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{Repo, db::Tx, dialect, messaging::membership},
    edit::tell,
};
use crate::domains::messaging::{chat_guests, chat_links, chats, participants};

/// How many rows are deleted in one piece.
const PIECE: i64 = 200;

/// What is left of a deleted chat.
#[derive(Debug, Serialize, Deserialize)]
pub struct Clear {
    pub chat: ChatId,
}

impl Work for Clear {
    const KIND: &'static str = "chat.clear";
    const QUEUE: Queue = Queue::Default;
}

pub struct Clearer(pub Arc<Repo>);

#[async_trait]
impl Worker for Clearer {
    fn kind(&self) -> &'static str {
        Clear::KIND
    }

    fn queue(&self) -> Queue {
        Clear::QUEUE
    }

    /// Other writers get their turn between the pieces. If it dies in between, the rest is done the next time.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Clear { chat } = job.read()?;
        loop {
            let caller = ctx.clone();
            if !self.0.db.write(move |tx| piece(tx, &caller, chat)).await? {
                return Ok(());
            }
        }
    }

    /// Nothing here depends on the time.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// First the people, then everything else; false when it is done.
fn piece(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<bool> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let deleted = chats::table.find(chat).filter(chats::deleted_at.is_not_null()).select(chats::id);
    if deleted.first::<ChatId>(tx.conn).optional()?.is_none() {
        return Ok(false);
    }
    let people: Vec<UserId> = participants::table
        .filter(participants::chat_id.eq(chat))
        .order(participants::user_id)
        .limit(PIECE)
        .select(participants::user_id)
        .load(tx.conn)?;
    if !people.is_empty() {
        let changes = membership::remove(tx, chat, &people, None, Told::Participant)?;
        tell(tx, ctx, &changes)?;
        return Ok(true);
    }
    let guests = chat_guests::table.filter(chat_guests::chat_id.eq(chat));
    let some: Vec<UserId> = guests.limit(PIECE).select(chat_guests::user_id).load(tx.conn)?;
    if !some.is_empty() {
        diesel::delete(guests.filter(chat_guests::user_id.eq_any(some))).execute(tx.conn)?;
        return Ok(true);
    }
    if membership::clear(tx, chat)? > 0 {
        return Ok(true);
    }
    diesel::delete(chat_links::table.filter(chat_links::chat_id.eq(chat))).execute(tx.conn)?;
    membership::delete(tx, chat)?;
    Ok(false)
}
