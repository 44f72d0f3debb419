//! Deletes what somebody wrote in a chat, in pieces whose size does not depend on how much it is.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Actor, ChatId, Ctx, Id, NewJob, Result, Role, UserId, Via, Word,
    audit::{Entry, Target},
    job::{Queue, Taken, Work, Worker},
};
use clowder_messaging::{
    MessageType, Status,
    edit::without_text,
    moderation::{MOST_PURGES, NewPurge, Purge, PurgeId, SanctionType, rules},
    policy::{Action, allow},
    refusals::{CHAT_PURGES, CHAT_UNKNOWN, PARTICIPANT_UNKNOWN, PURGE_UNKNOWN},
};
use diesel::{dsl::exists, prelude::*};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{
        Repo, audit,
        cards::Cards,
        chats::{
            edit::tell,
            hold::{Held, hold, role},
        },
        db::Tx,
        dialect::{self, Conn},
        jobs,
        messaging::{
            change,
            edit::{self, By},
            messages::Membership,
            removed::ENTERED_FROM,
        },
        upkeep::forget,
    },
    reviews, sanctions,
};
use crate::domains::{
    accounts::users,
    messaging::{MessageRow, PurgeRow, chat_purges as table, messages as said, participants},
};

/// How many messages are deleted in one piece.
const PIECE: i64 = 50;
/// How long it is known that one has ended.
const KNOWN_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Debug, Serialize, Deserialize)]
pub struct Clean {
    pub purge: PurgeId,
}

impl Work for Clean {
    const KIND: &'static str = "chat.purge";
    const QUEUE: Queue = Queue::Default;
}

pub struct Cleaner(pub Arc<Repo>);

#[async_trait]
impl Worker for Cleaner {
    fn kind(&self) -> &'static str {
        Clean::KIND
    }

    fn queue(&self) -> Queue {
        Clean::QUEUE
    }

    /// Other writers get their turn between the pieces. If it dies in between, the rest is done the next time.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Clean { purge } = job.read()?;
        loop {
            let caller = ctx.clone();
            if !self.0.db.write(move |tx| next(tx, &caller, purge)).await? {
                return Ok(());
            }
        }
    }

    /// Nothing here depends on the time.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// Forgets those that ended long ago.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KNOWN_FOR);
    Ok(forget!(tx, table by id: PurgeId, table::finished_at.le(past)))
}

pub fn begin(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: NewPurge) -> Result<Purge> {
    let NewPurge { user_id: user, since, until, reason } = new;
    let Held { caller, row, seat } = hold(tx, ctx, chat, &[user])?;
    let held = role(tx.conn, chat, user)?;
    rules::may_purge(seat, held, user == caller)?;
    let wrote = said::table.filter(said::chat_id.eq(chat).and(said::sender_id.eq(user)));
    let has_part: bool = diesel::select(exists(wrote)).get_result(tx.conn)?;
    let is_there = users::table.find(user).filter(users::deleted_at.is_null());
    let is_there: bool = diesel::select(exists(is_there)).get_result(tx.conn)?;
    if !is_there || !has_part && held.is_none() {
        return Err(PARTICIPANT_UNKNOWN.into());
    }
    // What is kept back of theirs is thrown away with it.
    reviews::forget_held(tx, chat, &[user])?;
    let running = table::table.filter(table::chat_id.eq(chat).and(table::finished_at.is_null()));
    let running: Vec<PurgeRow> = running.select(PurgeRow::as_select()).load(tx.conn)?;
    let covers = |purge: &&PurgeRow| {
        let since_covers = purge.since.is_none_or(|from| since.is_some_and(|since| from <= since));
        let until_covers = purge.until.is_none_or(|to| until.is_some_and(|until| until <= to));
        purge.user_id == user && purge.by_id == caller && since_covers && until_covers
    };
    // It is being done already, and goes on as far as the chat has come.
    if let Some(purge) = running.iter().find(covers) {
        diesel::update(table::table.find(purge.id)).set(table::last_seq.eq(row.last_seq)).execute(tx.conn)?;
        return Ok(purge.clone().purge());
    }
    if running.len() >= MOST_PURGES {
        return Err(CHAT_PURGES.into());
    }
    change(tx, ctx, chat)?;
    // Nobody deletes what was said before they came.
    let seen = participants::table.find((chat, caller)).select(ENTERED_FROM);
    let entered_from: i64 = seen.first(tx.conn)?;
    let purge = PurgeRow {
        id: PurgeId::new(ctx.now),
        chat_id: chat,
        user_id: user,
        by_id: caller,
        since,
        until,
        last_seq: row.last_seq,
        seq: entered_from,
        deleted: 0,
        finished_at: None,
    };
    diesel::insert_into(table::table).values(&purge).execute(tx.conn)?;
    let entry = Entry::new("chat.purged").on(Target::of("chat", chat)).about(user);
    let after = json!({"user_id": user, "since": since, "until": until, "reason": reason.as_str()});
    audit::record(tx, ctx, &entry.after(after))?;
    let told = sanctions::note(tx, ctx, chat, user, SanctionType::Purge, reason.into_string())?;
    jobs::order(tx, ctx, &NewJob::new(&Clean { purge: purge.id }, ctx.now)?.keyed(format!("chat.purge {}", purge.id)))?;
    tell(tx, ctx, told.as_slice())?;
    Ok(purge.purge())
}

/// How far one has come.
pub fn progress(conn: &mut Conn, viewer: UserId, chat: ChatId, id: PurgeId) -> Result<Purge> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    allow(membership.seat, Action::Moderate)?;
    let one = table::table.find(id).filter(table::chat_id.eq(chat)).select(PurgeRow::as_select());
    let row: Option<PurgeRow> = one.first(conn).optional()?;
    Ok(row.ok_or(PURGE_UNKNOWN)?.purge())
}

/// Deletes the next messages; false when nothing is left.
fn next(tx: &mut Tx<'_>, ctx: &Ctx, id: PurgeId) -> Result<bool> {
    let Some(PurgeRow { chat_id: chat, .. }) = running(tx.conn, id)? else { return Ok(false) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    // It may have ended with its chat meanwhile.
    let Some(row) = running(tx.conn, id)? else { return Ok(false) };
    let mut some = said::table
        .filter(said::chat_id.eq(chat).and(said::sender_id.eq(row.user_id)))
        .filter(said::seq.gt(row.seq).and(said::seq.le(row.last_seq)))
        // What the server said about them stays.
        .filter(said::deleted_at.is_null().and(said::kind.ne(MessageType::System.as_str())))
        .order(said::seq)
        .limit(PIECE)
        .select(MessageRow::as_select())
        .into_boxed();
    if let Some(since) = row.since {
        some = some.filter(said::created_at.ge(since));
    }
    if let Some(until) = row.until {
        some = some.filter(said::created_at.lt(until));
    }
    let rows: Vec<MessageRow> = some.load(tx.conn)?;
    let Some(last) = rows.last().map(|last| last.seq) else {
        diesel::update(table::table.find(id)).set(table::finished_at.eq(ctx.now)).execute(tx.conn)?;
        return Ok(false);
    };
    let (card, mut gone) = (Cards::of(tx.conn, None, [row.user_id])?.card(row.user_id)?, Vec::new());
    let reacted: Vec<_> = rows.iter().filter(|row| row.reaction_kinds > 0).map(|row| (chat, row.seq)).collect();
    for message in rows {
        let message = message.message(card.clone(), Status::Sent, Vec::new())?;
        gone.extend(without_text(ctx.now, message));
    }
    let changes = edit::remove_all(tx, &By::Person(row.by_id), gone, &reacted)?;
    tx.deleted_text |= !changes.is_empty();
    let deleted = table::deleted.eq(table::deleted + changes.len() as i64);
    diesel::update(table::table.find(id)).set((table::seq.eq(last), deleted)).execute(tx.conn)?;
    let via = Via::Session(Id::from_uuid(Uuid::nil()));
    tell(tx, &ctx.by(Actor::User { id: row.by_id, via, role: Role::User }), &changes)?;
    Ok(true)
}

fn running(conn: &mut Conn, id: PurgeId) -> Result<Option<PurgeRow>> {
    let one = table::table.find(id).filter(table::finished_at.is_null()).select(PurgeRow::as_select());
    Ok(one.first(conn).optional()?)
}
