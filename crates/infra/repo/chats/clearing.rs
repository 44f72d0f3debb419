//! Takes a deleted chat apart, in pieces whose size does not depend on the chat's.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, NewJob, Result, UserId,
    deletion::{Amount, DeletionStatus, progress},
    job::{Queue, Taken, Work, Worker},
};
use clowder_messaging::{Change, change::Told, chats::Deletion, refusals::DELETION_UNKNOWN};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        invitations::guests,
        jobs,
        messaging::membership,
        upkeep::forget,
    },
    edit::tell,
};
use crate::domains::messaging::{chat_deletions as deletions, chat_links, chats, participants};

/// How many rows are deleted in one piece.
const PIECE: i64 = 200;
/// How many pieces a deletion does before it is answered: enough for a chat of one piece of people.
const AT_ONCE: usize = 12;
/// How long it is known that a deletion has ended.
const KNOWN_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

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
            if !self.0.db.write(move |tx| next(tx, &caller, chat)).await? {
                return Ok(());
            }
        }
    }

    /// Nothing here depends on the time.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// Lets a job clear a deleted chat.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<()> {
    jobs::order(tx, ctx, &NewJob::new(&Clear { chat }, ctx.now)?.keyed(format!("chat.clear {chat}")))?;
    Ok(())
}

/// Clears a deleted chat in which so many people were, if it is small; whether nothing is left.
pub fn at_once(tx: &mut Tx<'_>, chat: ChatId, people: i64, changes: &mut Vec<Change>) -> Result<bool> {
    if people > tx.services.options.messaging.at_once {
        return Ok(false);
    }
    for _ in 0..AT_ONCE {
        match piece(tx, chat)? {
            Some(some) => changes.extend(some),
            None => return Ok(true),
        }
    }
    Ok(false)
}

/// Clears the next piece of a deleted chat; false when nothing is left.
fn next(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<bool> {
    if let Some(changes) = piece(tx, chat)? {
        tell(tx, ctx, &changes)?;
        return Ok(true);
    }
    let running = deletions::table.find(chat).filter(deletions::finished_at.is_null());
    diesel::update(running).set(deletions::finished_at.eq(ctx.now)).execute(tx.conn)?;
    Ok(false)
}

/// How far the deletion that somebody began has come.
pub fn deletion(conn: &mut Conn, viewer: UserId, chat: ChatId) -> Result<Deletion> {
    let own = deletions::table.find(chat).filter(deletions::user_id.eq(viewer));
    let own = own.select((deletions::people, deletions::finished_at.is_not_null())).first(conn).optional()?;
    let (people, is_done): (i64, bool) = own.ok_or(DELETION_UNKNOWN)?;
    if is_done {
        return Ok(Deletion { chat_id: chat, status: DeletionStatus::Done, progress: 1.0 });
    }
    let left = chats::table.find(chat).select(chats::participant_count).first::<i64>(conn).optional()?.unwrap_or(0);
    let (said, unsaid) = membership::messages_of(conn, chat)?;
    let all = Amount { people, messages: said };
    let progress = progress(all, Amount { people: left, messages: unsaid });
    Ok(Deletion { chat_id: chat, status: DeletionStatus::Running, progress })
}

/// Forgets deletions that ended long ago.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KNOWN_FOR);
    Ok(forget!(tx, deletions by chat_id: ChatId, deletions::finished_at.le(past)))
}

/// First the people, so that nobody writes there any more, then everything else; `None` when nothing is left.
fn piece(tx: &mut Tx<'_>, chat: ChatId) -> Result<Option<Vec<Change>>> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let deleted = chats::table.find(chat).filter(chats::deleted_at.is_not_null()).select(chats::id);
    if deleted.first::<ChatId>(tx.conn).optional()?.is_none() {
        return Ok(None);
    }
    if membership::clear_times(tx, chat)? > 0 {
        return Ok(Some(Vec::new()));
    }
    let people: Vec<UserId> = participants::table
        .filter(participants::chat_id.eq(chat))
        .order(participants::user_id)
        .limit(PIECE)
        .select(participants::user_id)
        .load(tx.conn)?;
    if !people.is_empty() {
        return membership::remove(tx, chat, &people, None, Told::Participant).map(Some);
    }
    if let Some(changes) = guests::end_some(tx, chat, PIECE)? {
        return Ok(Some(changes));
    }
    if membership::clear(tx, chat)? > 0 {
        return Ok(Some(Vec::new()));
    }
    diesel::delete(chat_links::table.filter(chat_links::chat_id.eq(chat))).execute(tx.conn)?;
    membership::delete(tx, chat)?;
    Ok(None)
}
