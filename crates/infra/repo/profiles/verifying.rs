//! The jobs that look whether the pages to which profiles link link back: soon after a profile has other links or another
//! name, and every week.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_accounts::{
    Change, Own,
    profiles::links::{ProfileAddresses, after_look},
};
use clowder_core::{
    Ctx, Error, NewJob, Result, UserId,
    job::{Queue, Taken, Work, Worker},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{
    Repo,
    accounts::profile::{forget_earlier, own},
    db::Tx,
    dialect::{self, Conn},
    jobs, journal,
};
use crate::domains::{
    accounts::{UserRow, users},
    profiles::link_back,
};

/// How often pages are tried that do not answer, before the next week.
const TRIES: i16 = 5;
/// How many people with links are looked up in one transaction.
const PIECE: i64 = 500;
/// In the weekly look, this many people come in a second.
const A_SECOND: u64 = 5;
/// All of them come within this many seconds.
const WITHIN: u64 = 6 * 24 * 3600;

/// Looks at the links of one profile.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckLinks {
    user: UserId,
}

impl Work for CheckLinks {
    const KIND: &'static str = "profile.check_links";
    const QUEUE: Queue = Queue::Pages;
}

/// Enqueues the same for all profiles with links.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecheckLinks {}

impl Work for RecheckLinks {
    const KIND: &'static str = "profile.recheck_links";
    const QUEUE: Queue = Queue::Default;
}

/// Enqueues a look at the links of a profile that was just changed.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, before: &Own, after: &Own) -> Result<()> {
    let is_same = before.links == after.links && before.username == after.username;
    if after.links.is_empty() || is_same {
        return Ok(());
    }
    // The job for the profile as it was before may be running.
    let key = format!("links:{}:{}", after.id, after.version);
    let job = NewJob::new(&CheckLinks { user: after.id }, ctx.now)?.about(after.id).keyed(key);
    jobs::order(tx, ctx, &job)
}

pub struct LinkChecker(pub Arc<Repo>);

#[async_trait]
impl Worker for LinkChecker {
    fn kind(&self) -> &'static str {
        CheckLinks::KIND
    }

    fn queue(&self) -> Queue {
        CheckLinks::QUEUE
    }

    /// A second run finds the links as they are already.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let CheckLinks { user } = job.read()?;
        let repo = &self.0;
        let Some(profile) = repo.db.read(move |conn| living(conn, user)).await? else { return Ok(()) };
        if profile.links.is_empty() {
            return Ok(());
        }
        let options = &repo.deps.options;
        let (server, template) = (&options.email_templates.server_url, &options.accounts.profile_url);
        let addresses = ProfileAddresses::of(server, template, user, &profile.username);
        let urls: Vec<String> = profile.links.iter().map(|link| link.url.clone()).collect();
        let looked = link_back(&options.egress.for_purpose("rel_me"), urls, &addresses).await;
        let is_open = looked.iter().any(|(_, seen)| seen.is_none());
        let (ctx, name) = (ctx.clone(), profile.username);
        let told = repo.db.write(move |tx| note(tx, &ctx, user, &name, &looked)).await?;
        if let Some(own) = told {
            repo.deps.memory.profiles.keep(&own);
        }
        // Where the links lead is nobody's business who reads the errors of jobs.
        if is_open && job.attempts < TRIES { Err(Error::unavailable("a page does not answer")) } else { Ok(()) }
    }

    /// Fetching pages does no harm.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

fn living(conn: &mut Conn, user: UserId) -> Result<Option<Own>> {
    let row = users::table.find(user).filter(users::deleted_at.is_null()).select(UserRow::as_select());
    row.first(conn).optional()?.map(UserRow::own).transpose()
}

/// Stores what was seen, and tells the person if something is otherwise than before.
fn note(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    name: &str,
    looked: &[(String, Option<bool>)],
) -> Result<Option<Own>> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let Some(before) = living(tx.conn, user)? else { return Ok(None) };
    let links = after_look(&before.links, looked);
    // After a change of the name, another look is due.
    if links == before.links || before.username != name {
        return Ok(None);
    }
    diesel::update(users::table.find(user))
        .set((users::links.eq(serde_json::to_string(&links)?), users::version.eq(users::version + 1)))
        .execute(tx.conn)?;
    let after = own(tx.conn, user)?.at(ctx.now);
    forget_earlier(tx, &after)?;
    journal::append(tx, ctx, &Change::UserUpdated(Box::new(after.clone())))?;
    Ok(Some(after))
}

pub struct LinkRechecker(pub Arc<Repo>);

#[async_trait]
impl Worker for LinkRechecker {
    fn kind(&self) -> &'static str {
        RecheckLinks::KIND
    }

    fn queue(&self) -> Queue {
        RecheckLinks::QUEUE
    }

    /// A second run finds the jobs of the first under their keys, or looks once more.
    async fn work(&self, ctx: &Ctx, _: &Taken) -> Result<()> {
        let (mut after, mut number) = (None, 0);
        loop {
            let (ctx, from) = (ctx.clone(), number);
            let some = self.0.db.write(move |tx| recheck(tx, &ctx, after, from)).await?;
            number += some.len() as u64;
            after = some.last().copied();
            if some.len() < PIECE as usize {
                return Ok(());
            }
        }
    }
}

/// Enqueues looks at the links of the people after this one, spread over the week. `number` of them come before.
fn recheck(tx: &mut Tx<'_>, ctx: &Ctx, after: Option<UserId>, number: u64) -> Result<Vec<UserId>> {
    let mut some = users::table
        .filter(users::links.is_not_null().and(users::deleted_at.is_null()))
        .order(users::id)
        .limit(PIECE)
        .select(users::id)
        .into_boxed();
    if let Some(after) = after {
        some = some.filter(users::id.gt(after));
    }
    let some: Vec<UserId> = some.load(tx.conn)?;
    for (number, user) in (number..).zip(&some) {
        let run_at = ctx.now.plus(Duration::from_secs(number / A_SECOND % WITHIN));
        let job = NewJob::new(&CheckLinks { user: *user }, run_at)?.about(*user).keyed(format!("links:{user}"));
        jobs::order(tx, ctx, &job)?;
    }
    Ok(some)
}
