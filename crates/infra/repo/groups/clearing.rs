//! Takes a deleted group apart, in pieces whose size does not depend on the group's.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, NewJob, Result, Topic, UserId, Word,
    deletion::{Amount, progress},
    job::{Queue, Taken, Work, Worker},
};
use clowder_social::groups::{
    Change, Deletion, GROUP, GroupId, Standing, change::Deleted, model::DeletionStatus, refusals::DELETION_UNKNOWN,
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        jobs, journal,
        messaging::membership::{self, Told as InChat},
        upkeep::forget,
    },
    attempts,
    told::{Told, tell},
};
use crate::domains::groups::{group_deletions as deletions, group_links, group_people, groups};

/// How many rows are deleted in one piece.
const PIECE: i64 = 200;
/// How many pieces a deletion does before it is answered: enough for a group of one piece of members.
const AT_ONCE: usize = 12;
/// How long it is known that a deletion has ended.
const KNOWN_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is left of a deleted group.
#[derive(Debug, Serialize, Deserialize)]
pub struct Clear {
    pub group: GroupId,
}

impl Work for Clear {
    const KIND: &'static str = "group.clear";
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
        let Clear { group } = job.read()?;
        loop {
            let caller = ctx.clone();
            if !self.0.db.write(move |tx| next(tx, &caller, group)).await? {
                return Ok(());
            }
        }
    }

    /// Nothing here depends on the time.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// Lets a job clear a deleted group.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<()> {
    jobs::order(tx, ctx, &NewJob::new(&Clear { group }, ctx.now)?.keyed(format!("group.clear {group}")))?;
    Ok(())
}

/// Clears a group that had so many members, if it is small; whether nothing is left.
pub fn at_once(tx: &mut Tx<'_>, group: GroupId, members: i64, told: &mut Vec<Told>) -> Result<bool> {
    if members > tx.services.options.groups.at_once {
        return Ok(false);
    }
    for _ in 0..AT_ONCE {
        match piece(tx, group)? {
            Some(some) => told.extend(some),
            None => return Ok(true),
        }
    }
    Ok(false)
}

/// Clears the next piece of a deleted group; false when nothing is left.
fn next(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<bool> {
    if let Some(told) = piece(tx, group)? {
        tell(tx, ctx, &told)?;
        return Ok(true);
    }
    let running = deletions::table.find(group).filter(deletions::finished_at.is_null());
    diesel::update(running).set(deletions::finished_at.eq(ctx.now)).execute(tx.conn)?;
    Ok(false)
}

/// How far the deletion that somebody began has come.
pub fn deletion(conn: &mut Conn, viewer: UserId, group: GroupId) -> Result<Deletion> {
    let own = deletions::table.find(group).filter(deletions::user_id.eq(viewer));
    let own = own.select((deletions::members, deletions::finished_at.is_not_null())).first(conn).optional()?;
    let (members, is_done): (i64, bool) = own.ok_or(DELETION_UNKNOWN)?;
    if is_done {
        return Ok(Deletion { group_id: group, status: DeletionStatus::Done, progress: 1.0 });
    }
    let found = groups::table.find(group).select((groups::member_count, groups::chat_id));
    let found: Option<(i64, ChatId)> = found.first(conn).optional()?;
    let (left, (said, unsaid)) = match found {
        Some((left, chat)) => (left, membership::messages_of(conn, chat)?),
        None => (0, (0, 0)),
    };
    let all = Amount { people: members, messages: said };
    let progress = progress(all, Amount { people: left, messages: unsaid });
    Ok(Deletion { group_id: group, status: DeletionStatus::Running, progress })
}

/// Forgets deletions that ended long ago.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KNOWN_FOR);
    Ok(forget!(tx, deletions by group_id: GroupId, deletions::finished_at.le(past)))
}

/// First the people, so that nobody writes in the chat any more, then everything else; `None` when nothing is left.
fn piece(tx: &mut Tx<'_>, group: GroupId) -> Result<Option<Vec<Told>>> {
    dialect::groups::lock_group(tx.conn, group)?;
    let deleted = groups::table.find(group).filter(groups::deleted_at.is_not_null()).select(groups::chat_id);
    let Some(chat) = deleted.first::<ChatId>(tx.conn).optional()? else { return Ok(None) };
    if membership::clear_times(tx, chat)? > 0 {
        return Ok(Some(Vec::new()));
    }
    let of_group = group_people::table.filter(group_people::group_id.eq(group));
    let members: Vec<UserId> = of_group
        .filter(group_people::status.eq(Standing::Member.as_str()))
        .order(group_people::user_id)
        .limit(PIECE)
        .select(group_people::user_id)
        .load(tx.conn)?;
    if !members.is_empty() {
        return take_out(tx, group, chat, &members).map(Some);
    }
    let others: Vec<(UserId, String)> =
        of_group.limit(PIECE).select((group_people::user_id, group_people::status)).load(tx.conn)?;
    if !others.is_empty() {
        let users = others.iter().map(|(user, _)| *user).collect::<Vec<_>>();
        diesel::delete(of_group.filter(group_people::user_id.eq_any(users))).execute(tx.conn)?;
        tx.deleted_text = true;
        let mut told = Vec::new();
        for (user, status) in others {
            told.extend(attempts::ended(group, user, Standing::parse_word(&status)?));
        }
        return Ok(Some(told));
    }
    if membership::clear(tx, chat)? > 0 || journal::clear_topic(tx, Topic::new(GROUP, group), PIECE)? > 0 {
        return Ok(Some(Vec::new()));
    }
    diesel::delete(group_links::table.filter(group_links::group_id.eq(group))).execute(tx.conn)?;
    diesel::delete(groups::table.find(group)).execute(tx.conn)?;
    membership::delete(tx, chat)?;
    Ok(None)
}

/// Takes members out of a deleted group and out of its chat.
pub fn take_out(tx: &mut Tx<'_>, group: GroupId, chat: ChatId, members: &[UserId]) -> Result<Vec<Told>> {
    let some = group_people::table.filter(group_people::group_id.eq(group).and(group_people::user_id.eq_any(members)));
    diesel::delete(some).execute(tx.conn)?;
    let counted = groups::member_count.eq(groups::member_count - members.len() as i64);
    diesel::update(groups::table.find(group)).set(counted).execute(tx.conn)?;
    let gone = members.iter().map(|user| Told::Group(Change::Deleted(*user, Deleted { group_id: group })));
    let mut told: Vec<_> = gone.collect();
    told.extend(membership::remove(tx, chat, members, None, InChat::Participant)?.into_iter().map(Told::Chat));
    Ok(told)
}
