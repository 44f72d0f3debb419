//! Stores what came of calls, and gives endpoints back.

use std::collections::{HashMap, HashSet};

use clowder_core::{Ctx, Result, Timestamp};
use clowder_notifications::webhooks::{
    Answered, DeliveryId, DisabledReason, WebhookAttempt, WebhookId,
    body::PING,
    port::Done,
    schedule::{self, LONGEST_PAUSE, Next, Verdict},
};
use diesel::prelude::*;

use super::{
    super::{Repo, batch, db::Tx, dialect},
    changing::{self, first_due},
};
use crate::{
    domains::webhooks::{DeliveryRow, QueueRow, webhook_deliveries as deliveries},
    keys::random_within,
};

/// How finely chance decides when something is tried again.
const GRAIN: u64 = 10_000;

pub async fn settle(repo: &Repo, ctx: &Ctx, done: Vec<Done>) -> Result<()> {
    if done.is_empty() {
        return Ok(());
    }
    let now = ctx.now;
    let ended = repo.db.write(move |tx| store(tx, now, &done)).await?;
    // In transactions of their own, which take the owners before anything else.
    for (webhook, reason) in ended {
        let ctx = ctx.clone();
        repo.db.write(move |tx| changing::disable(tx, &ctx, webhook, reason)).await?;
    }
    Ok(())
}

/// Returns which endpoints are to be disabled, and why.
fn store(tx: &mut Tx<'_>, now: Timestamp, done: &[Done]) -> Result<Vec<(WebhookId, DisabledReason)>> {
    let mut ids: Vec<WebhookId> = done.iter().map(|done| done.webhook).collect();
    ids.sort_unstable();
    ids.dedup();
    let queues = dialect::webhooks::lock_queues(tx.conn, &ids)?;
    let mut queues: HashMap<WebhookId, QueueRow> = queues.into_iter().map(|queue| (queue.webhook_id, queue)).collect();
    let called: HashSet<DeliveryId> = done.iter().flat_map(|done| done.calls.iter().map(|(id, ..)| *id)).collect();
    let waiting = deliveries::table
        .filter(deliveries::webhook_id.eq_any(&ids).and(deliveries::id.eq_any(&called)))
        .filter(deliveries::next_at.is_not_null())
        .select(DeliveryRow::as_select());
    let rows: Vec<DeliveryRow> = waiting.load(tx.conn)?;
    let mut rows: HashMap<DeliveryId, DeliveryRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let (mut changed, mut ended) = (Vec::with_capacity(rows.len()), Vec::new());
    for Done { webhook, calls, .. } in done {
        let Some(queue) = queues.get_mut(webhook) else { continue };
        let mut answers = Vec::with_capacity(calls.len());
        for (id, at, answered) in calls {
            // Another node may have made the same call after its lease was over; then this one says nothing any more.
            let Some(mut row) = rows.remove(id) else { continue };
            apply(queue, &mut row, *at, now, answered)?;
            changed.push(row);
            answers.push(*answered);
        }
        if answers.is_empty() {
            continue;
        }
        let (health, verdict) = queue.health().after(now, &answers);
        let reason = match verdict {
            Verdict::Stays => None,
            Verdict::Gone => Some(DisabledReason::Gone),
            Verdict::GivenUp => Some(DisabledReason::Failing),
        };
        match reason {
            None => queue.set_health(health),
            // Until it is disabled; if that fails, the next call comes to the same.
            Some(reason) => {
                queue.paused_until = Some(now.plus(LONGEST_PAUSE));
                ended.push((*webhook, reason));
            }
        }
    }
    batch::webhooks::update_deliveries(tx.conn, &changed)?;
    for Done { webhook, lease, .. } in done {
        let Some(queue) = queues.get_mut(webhook).filter(|queue| queue.holder == Some(*lease)) else { continue };
        (queue.holder, queue.lease_until) = (None, None);
        let first = first_due(tx.conn, *webhook)?;
        queue.due_at = queue.health().due(first);
    }
    let mut queues: Vec<QueueRow> = queues.into_values().collect();
    queues.sort_unstable_by_key(|queue| queue.webhook_id);
    batch::webhooks::put_queues(tx.conn, &queues)?;
    Ok(ended)
}

/// What one call makes of its delivery.
fn apply(
    queue: &mut QueueRow,
    row: &mut DeliveryRow,
    at: Timestamp,
    now: Timestamp,
    answered: &Answered,
) -> Result<()> {
    // A call that this server could not make is no attempt.
    if answered.is_ours() {
        row.next_at = Some(now);
        return Ok(());
    }
    let attempt = WebhookAttempt {
        at,
        status: answered.status,
        duration_ms: u32::try_from(answered.took.as_millis()).unwrap_or(u32::MAX),
        error: answered.problem,
    };
    let jitter = random_within(0..=GRAIN) as f64 / GRAIN as f64;
    let tries = usize::try_from(row.tries).unwrap_or_default() + 1;
    let next = schedule::next(now, tries, row.event_type == PING, jitter, answered);
    row.tried(attempt, next)?;
    if !matches!(next, Next::Again(_)) {
        (queue.waiting, queue.kept) = (queue.waiting.saturating_sub(1).max(0), queue.kept.saturating_add(1));
    }
    let outcome = match next {
        Next::Delivered => "delivered",
        Next::Again(_) => "again",
        Next::Failed => "failed",
    };
    metrics::counter!("clowder_webhook_calls_total", "outcome" => outcome).increment(1);
    Ok(())
}
