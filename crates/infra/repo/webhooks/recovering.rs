//! Recoveries: everything since a time that failed, or was never noted, is delivered, by a job that reads the journal again.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, Journal, NewJob, Positions, Recorded, Result, Timestamp, UserId,
    job::{Queue, Taken, Work, Worker},
    journal::{Chunk, Entry, Part, Stretch},
};
use clowder_notifications::webhooks::{
    EventTypes, NewRecovery, WebhookId, WebhookRecovery,
    policy::{may_hear_server, may_order},
    server_events,
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        jobs,
    },
    PIECE,
    endpoints::{own, wanted},
    hearing::{Noted, enqueue, journal_number},
    oldest, ordering,
    visible::Owner,
};
use crate::domains::webhooks::{WebhookRow, webhook_queues, webhooks as table};

/// How much of the journal is read at a time.
const CHUNK: Chunk = Chunk { rows: 500, octets: 256 * 1024 };

/// Which endpoint wants everything from when on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recover {
    pub webhook: WebhookId,
    pub since: Timestamp,
}

impl Work for Recover {
    const KIND: &'static str = "webhook.recover";
    const QUEUE: Queue = Queue::Default;
}

pub struct Recoverer(pub Arc<Repo>);

/// One recovery of an endpoint at a time: a second one while it waits changes nothing.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId, recovery: NewRecovery) -> Result<WebhookRecovery> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (row, queue) = own(tx.conn, user, webhook)?;
    may_order(row.disabled()?, queue.waiting)?;
    // Before it was there, nothing was missed.
    let since = recovery.since.max(row.created_at).max(oldest(ctx));
    let job = NewJob::new(&Recover { webhook, since }, ctx.now)?.about(user);
    jobs::order(tx, ctx, &job.keyed(format!("{}:{webhook}", Recover::KIND)))?;
    Ok(WebhookRecovery { webhook_id: webhook, since })
}

#[async_trait]
impl Worker for Recoverer {
    fn kind(&self) -> &'static str {
        Recover::KIND
    }

    fn queue(&self) -> Queue {
        Recover::QUEUE
    }

    /// If it dies in between, it begins anew, and adds nothing twice.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Recover { webhook, since } = job.read()?;
        let repo = &*self.0;
        loop {
            let caller = ctx.clone();
            let again = repo.db.write(move |tx| ordering::again(tx, &caller, webhook, since, PIECE));
            if again.await? < PIECE as usize {
                break;
            }
        }
        let now = ctx.now;
        let found = repo.db.read(move |conn| active(conn, webhook, now)).await?;
        let Some(Active { owner, wants }) = found else { return Ok(()) };
        let extent = Journal::extent(repo).await?;
        let begins = Begins { webhook, since, wants };
        recover_own(repo, ctx, owner.id, &begins, extent.floors.clone(), extent.heads.clone()).await?;
        if begins.wants.are_of_server() && may_hear_server(owner.role) {
            recover_server(repo, ctx, &begins, &extent.floors, &extent.heads).await?;
        }
        repo.deps.feed.stir();
        Ok(())
    }

    /// What it adds too much is called twice, with the same ids.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

struct Active {
    owner: Owner,
    wants: EventTypes,
}

/// From when on which endpoint wants what.
struct Begins {
    webhook: WebhookId,
    since: Timestamp,
    wants: EventTypes,
}

fn active(conn: &mut Conn, webhook: WebhookId, now: Timestamp) -> Result<Option<Active>> {
    let active = table::deleted_at.is_null().and(table::disabled_reason.is_null());
    let row = table::table.find(webhook).filter(active).select(WebhookRow::as_select());
    let Some(row) = row.first::<WebhookRow>(conn).optional()? else { return Ok(None) };
    let owner = Owner::find(conn, row.user_id, now)?;
    Ok(owner.map(|owner| Active { owner, wants: wanted(&row) }))
}

/// What concerns the owner, as a socket would get it that comes back.
async fn recover_own(
    repo: &Repo,
    ctx: &Ctx,
    owner: UserId,
    begins: &Begins,
    from: Positions,
    to: Positions,
) -> Result<()> {
    let options = Arc::clone(&repo.deps.options);
    let followed = Journal::followed(repo, owner, to.clone()).await?;
    let mut replay = Journal::replay(repo, owner, followed.into(), from, to);
    while let Some(replayed) = replay.next(CHUNK).await? {
        let catalogue = &options.webhooks.catalogue;
        let wanted = |change: &&Recorded| catalogue.has(&change.name) && begins.wants.includes(&change.name);
        let wanted = replayed.changes.iter().filter(wanted).filter(|change| change.at >= begins.since);
        let noted = wanted.map(|change| noted(begins.webhook, change, &change.name));
        if !add(repo, ctx, begins.webhook, noted.collect::<Result<_>>()?).await? {
            break;
        }
    }
    Ok(())
}

async fn recover_server(repo: &Repo, ctx: &Ctx, begins: &Begins, floors: &Positions, heads: &Positions) -> Result<()> {
    for stream in 0..heads.as_slice().len() {
        let mut after = floors.get(stream);
        while after < heads.get(stream) {
            let stretch = Stretch { stream, after, until: heads.get(stream) };
            let Part { entries, .. } = Journal::read(repo, vec![stretch], CHUNK).await?;
            let Some(Entry { position, .. }) = entries.last() else { break };
            after = *position;
            let changes = entries.iter().filter_map(|entry| entry.change.as_ref());
            let events = changes.filter(|change| change.at >= begins.since).filter_map(|change| {
                let event = server_events::of(change).filter(|event| begins.wants.includes(event.name))?;
                Some(noted(begins.webhook, change, event.name))
            });
            if !add(repo, ctx, begins.webhook, events.collect::<Result<_>>()?).await? {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn noted(webhook: WebhookId, change: &Recorded, name: &str) -> Result<Noted> {
    Ok((webhook, (journal_number(change)?, change.position), name.to_owned()))
}

/// Whether there is room for more.
async fn add(repo: &Repo, ctx: &Ctx, webhook: WebhookId, noted: Vec<Noted>) -> Result<bool> {
    if noted.is_empty() {
        return Ok(true);
    }
    let ctx = ctx.clone();
    let added = repo.db.write(move |tx| {
        enqueue(tx, &ctx, noted.clone())?;
        let queue = webhook_queues::table.find(webhook).select(webhook_queues::waiting);
        let waiting: Option<i32> = queue.first(tx.conn).optional()?;
        Ok(waiting.is_some_and(|waiting| may_order(None, waiting).is_ok()))
    });
    added.await
}
