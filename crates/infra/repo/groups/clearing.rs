//! Takes a deleted group apart, in pieces whose size does not depend on the group's.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, Result, Topic, UserId, Word,
    job::{Queue, Taken, Work, Worker},
};
use clowder_social::groups::{Change, GROUP, GroupId, Standing, change::Deleted};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect, journal,
        messaging::membership::{self, Told as InChat},
    },
    told::{Told, tell},
};
use crate::domains::groups::{group_links, group_people, groups};

/// How many rows are deleted in one piece.
const PIECE: i64 = 200;

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
            if !self.0.db.write(move |tx| piece(tx, &caller, group)).await? {
                return Ok(());
            }
        }
    }

    /// Nothing here depends on the time.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// First the people, so that nobody writes in the chat any more, then everything else; false when it is done.
fn piece(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<bool> {
    dialect::groups::lock_group(tx.conn, group)?;
    let deleted = groups::table.find(group).filter(groups::deleted_at.is_not_null()).select(groups::chat_id);
    let Some(chat) = deleted.first::<ChatId>(tx.conn).optional()? else { return Ok(false) };
    let of_group = group_people::table.filter(group_people::group_id.eq(group));
    let members: Vec<UserId> = of_group
        .filter(group_people::status.eq(Standing::Member.as_str()))
        .order(group_people::user_id)
        .limit(PIECE)
        .select(group_people::user_id)
        .load(tx.conn)?;
    if !members.is_empty() {
        let told = take_out(tx, group, chat, &members)?;
        tell(tx, ctx, &told)?;
        return Ok(true);
    }
    let others: Vec<UserId> = of_group.limit(PIECE).select(group_people::user_id).load(tx.conn)?;
    if !others.is_empty() {
        diesel::delete(of_group.filter(group_people::user_id.eq_any(others))).execute(tx.conn)?;
        return Ok(true);
    }
    if membership::clear(tx, chat)? > 0 || journal::clear_topic(tx, Topic::new(GROUP, group), PIECE)? > 0 {
        return Ok(true);
    }
    diesel::delete(group_links::table.filter(group_links::group_id.eq(group))).execute(tx.conn)?;
    diesel::delete(groups::table.find(group)).execute(tx.conn)?;
    membership::delete(tx, chat)?;
    Ok(false)
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
