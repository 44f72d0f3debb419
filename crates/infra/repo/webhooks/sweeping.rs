//! Deletes deliveries whose events are no longer kept, those of which too many are kept, and what is left of deleted endpoints.

use std::time::Duration;

use clowder_core::Word;
use clowder_core::{Ctx, Result, Timestamp};
use clowder_notifications::webhooks::{DeliveryId, DeliveryStatus, WebhookId, policy::MOST_KEPT};
use diesel::prelude::*;

use super::{
    super::{Repo, batch, db::Tx, dialect, domains::Steps, upkeep::PIECE},
    changing::first_due,
    oldest,
};
use crate::domains::webhooks::{webhook_deliveries as deliveries, webhook_queues as queues, webhooks};

/// How many endpoints are looked at in one go.
const ENDPOINTS: i64 = 500;
/// For how long a deleted endpoint is kept, so that a reader that knew it has ended its transaction.
const SETTLED: Duration = Duration::from_secs(60);

pub fn sweep<'a>(repo: &'a Repo, ctx: &'a Ctx, _: Duration) -> Steps<'a> {
    Box::pin(async move {
        let oldest = oldest(ctx);
        let mut gone = sweep_deleted(repo, ctx).await?;
        let mut after = None;
        loop {
            let some = repo.db.read(move |conn| {
                let mut some = queues::table
                    .filter(queues::waiting.gt(0).or(queues::kept.gt(0)))
                    .order(queues::webhook_id)
                    .limit(ENDPOINTS)
                    .select((queues::webhook_id, queues::kept))
                    .into_boxed();
                if let Some(after) = after {
                    some = some.filter(queues::webhook_id.gt::<WebhookId>(after));
                }
                let all: Vec<(WebhookId, i32)> = some.load(conn)?;
                let mut due = Vec::new();
                for (webhook, kept) in &all {
                    let first = deliveries::table.filter(deliveries::webhook_id.eq(webhook)).order(deliveries::id);
                    let first: Option<Timestamp> = first.select(deliveries::created_at).first(conn).optional()?;
                    if *kept > MOST_KEPT || first.is_some_and(|first| first <= oldest) {
                        due.push(*webhook);
                    }
                }
                Ok((all.last().map(|(webhook, _)| *webhook), due))
            });
            let (last, due) = some.await?;
            for webhook in due {
                gone += repo.db.write(move |tx| sweep_one(tx, webhook, oldest)).await?;
            }
            if last.is_none() {
                return Ok(gone);
            }
            after = last;
        }
    })
}

/// Some of the deliveries of one endpoint: those that are too old, and the oldest of too many.
fn sweep_one(tx: &mut Tx<'_>, webhook: WebhookId, oldest: Timestamp) -> Result<usize> {
    let mut held = dialect::webhooks::lock_queues(tx.conn, &[webhook])?;
    let Some(mut queue) = held.pop() else { return Ok(0) };
    let first = deliveries::table.filter(deliveries::webhook_id.eq(webhook)).order(deliveries::id).limit(PIECE);
    let first: Vec<(DeliveryId, String, Timestamp)> =
        first.select((deliveries::id, deliveries::status, deliveries::created_at)).load(tx.conn)?;
    let mut surplus = queue.kept.saturating_sub(MOST_KEPT);
    let (mut doomed, mut waited, mut kept) = (Vec::new(), 0, 0);
    for (id, status, created_at) in first {
        let waits = status == DeliveryStatus::Pending.as_str();
        let is_surplus = !waits && surplus > 0;
        if created_at > oldest && !is_surplus {
            continue;
        }
        surplus -= i32::from(!waits);
        (waited, kept) = (waited + i32::from(waits), kept + i32::from(!waits));
        doomed.push(id);
    }
    let gone = deliveries::table.filter(deliveries::webhook_id.eq(webhook).and(deliveries::id.eq_any(&doomed)));
    let gone = diesel::delete(gone).execute(tx.conn)?;
    (queue.waiting, queue.kept) = ((queue.waiting - waited).max(0), (queue.kept - kept).max(0));
    if waited > 0 && queue.due_at.is_some() {
        let first = first_due(tx.conn, webhook)?;
        queue.due_at = queue.health().due(first);
    }
    batch::webhooks::put_queues(tx.conn, &[queue])?;
    Ok(gone)
}

/// Some of what is left of endpoints that were deleted.
async fn sweep_deleted(repo: &Repo, ctx: &Ctx) -> Result<usize> {
    let before = ctx.now.minus(SETTLED);
    let some = repo.db.read(move |conn| {
        let gone = webhooks::table.filter(webhooks::deleted_at.is_not_null()).filter(webhooks::deleted_at.le(before));
        Ok(gone.order(webhooks::deleted_at).limit(ENDPOINTS).select(webhooks::id).load::<WebhookId>(conn)?)
    });
    let gone = some.await?;
    let mut rows = 0;
    for webhook in gone {
        rows += repo.db.write(move |tx| forget(tx, webhook)).await?;
    }
    Ok(rows)
}

/// Some of the deliveries of a deleted endpoint, or, after the last, the endpoint itself.
fn forget(tx: &mut Tx<'_>, webhook: WebhookId) -> Result<usize> {
    let gone = forget_deliveries(tx, webhook)?;
    if gone > 0 {
        return Ok(gone);
    }
    Ok(diesel::delete(webhooks::table.find(webhook).filter(webhooks::deleted_at.is_not_null())).execute(tx.conn)?)
}

/// Some of the deliveries of an endpoint; returns how many.
pub fn forget_deliveries(tx: &mut Tx<'_>, webhook: WebhookId) -> Result<usize> {
    let some = deliveries::table.filter(deliveries::webhook_id.eq(webhook)).order(deliveries::id).limit(PIECE);
    let some: Vec<DeliveryId> = some.select(deliveries::id).load(tx.conn)?;
    let some = deliveries::table.filter(deliveries::webhook_id.eq(webhook).and(deliveries::id.eq_any(some)));
    Ok(diesel::delete(some).execute(tx.conn)?)
}
