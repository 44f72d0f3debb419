//! Takes endpoints for some calls: under a lease, so that one node at a time calls each, and none waits for another endpoint.

use std::collections::HashMap;

use clowder_core::{Ctx, Id, Recorded, Result, Timestamp};
use clowder_notifications::webhooks::{
    Catalogue, DeliveryId, WebhookId, WebhookUrl,
    body::{self, PING},
    policy,
    port::{LEASE, PARCELS, Parcel, Turn},
    server_events,
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        Repo, batch,
        db::Tx,
        dialect::{self, Conn},
        journal::changes_at,
    },
    changing::first_due,
    visible::{Owner, visible},
};
use crate::{
    domains::webhooks::{
        DeliveryRow, QueueRow, WebhookRow, open_keys, webhook_deliveries as deliveries, webhook_queues as queues,
        webhooks,
    },
    seal::KeyRing,
    segments::KnownSegments,
};

pub async fn take(repo: &Repo, ctx: &Ctx, most: usize) -> Result<Vec<Turn>> {
    let now = ctx.now;
    // Without a transaction, as nearly every look finds nothing.
    if !repo.db.read(move |conn| is_due(conn, now)).await? {
        return Ok(Vec::new());
    }
    let lease = Id::<()>::new(now);
    let taken = repo.db.write(move |tx| lease_some(tx, now, lease, most)).await?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let (ring, known) = (repo.db.ring(), std::sync::Arc::clone(&repo.segments));
    let options = std::sync::Arc::clone(&repo.deps.options);
    let loaded = repo.db.read(move |conn| {
        let catalogue = &options.webhooks.catalogue;
        let load = |queue: &QueueRow| Loading { ring: &ring, known: &known, catalogue, now, lease }.load(conn, queue);
        taken.iter().map(load).collect::<Result<Vec<_>>>()
    });
    let (mut turns, mut rest) = (Vec::new(), Vec::new());
    for Loaded { webhook, turn, withheld, is_over } in loaded.await? {
        if !withheld.is_empty() || turn.is_none() {
            rest.push(Rest { webhook, withheld, is_over, gives_back: turn.is_none() });
        }
        turns.extend(turn);
    }
    if !rest.is_empty() {
        repo.db.write(move |tx| drop_rest(tx, lease, &rest)).await?;
    }
    Ok(turns)
}

fn is_due(conn: &mut Conn, now: Timestamp) -> Result<bool> {
    let due = queues::table.filter(queues::due_at.le(now));
    let due = due.filter(queues::lease_until.is_null().or(queues::lease_until.le(now)));
    Ok(diesel::select(exists(due.select(queues::webhook_id))).get_result(conn)?)
}

/// Those that have been due longest, and that nobody has or is just taking.
fn lease_some(tx: &mut Tx<'_>, now: Timestamp, lease: Id<()>, most: usize) -> Result<Vec<QueueRow>> {
    let due = queues::table
        .filter(queues::due_at.le(now))
        .filter(queues::lease_until.is_null().or(queues::lease_until.le(now)))
        .order((queues::due_at, queues::webhook_id))
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(QueueRow::as_select());
    let mut rows: Vec<QueueRow> = dialect::unclaimed!(due).load(tx.conn)?;
    for row in &mut rows {
        (row.holder, row.lease_until) = (Some(lease), Some(now.plus(LEASE)));
    }
    batch::webhooks::put_queues(tx.conn, &rows)?;
    Ok(rows)
}

/// What a turn is made with.
struct Loading<'l> {
    ring: &'l KeyRing,
    known: &'l KnownSegments,
    catalogue: &'l Catalogue,
    now: Timestamp,
    lease: Id<()>,
}

/// What was found of one endpoint.
struct Loaded {
    webhook: WebhookId,
    turn: Option<Turn>,
    /// What its owner may not see, or what is no longer there.
    withheld: Vec<DeliveryId>,
    /// Whether it gets nothing more for now.
    is_over: bool,
}

/// What is done with endpoints that get no calls, and with deliveries that nobody makes.
struct Rest {
    webhook: WebhookId,
    withheld: Vec<DeliveryId>,
    is_over: bool,
    gives_back: bool,
}

impl Loading<'_> {
    fn load(&self, conn: &mut Conn, queue: &QueueRow) -> Result<Loaded> {
        let webhook = queue.webhook_id;
        let over = Loaded { webhook, turn: None, withheld: Vec::new(), is_over: true };
        let active = webhooks::deleted_at.is_null().and(webhooks::disabled_reason.is_null());
        let row = webhooks::table.find(webhook).filter(active).select(WebhookRow::as_select());
        let Some(row) = row.first::<WebhookRow>(conn).optional()? else { return Ok(over) };
        let (Some(sealed), Ok(url)) = (&row.keys, WebhookUrl::parse_text(&row.url)) else { return Ok(over) };
        let keys = open_keys(self.ring, webhook, sealed)?;
        let is_failing = queue.health().is_failing();
        let [many, few] = PARCELS;
        let due = deliveries::table
            .filter(deliveries::webhook_id.eq(webhook).and(deliveries::next_at.le(self.now)))
            .order((deliveries::next_at, deliveries::id))
            .limit(if is_failing { few } else { many } as i64)
            .select(DeliveryRow::as_select());
        let rows: Vec<DeliveryRow> = due.load(conn)?;
        let mut bodies = self.bodies(conn, &row, &rows)?;
        let (mut parcels, mut withheld) = (Vec::new(), Vec::new());
        for row in rows {
            let happened = (row.tries == 0 && row.attempts == "[]").then_some(row.created_at);
            match bodies.remove(&row.id) {
                Some((body, at)) => {
                    parcels.push(Parcel { delivery: row.id, body, happened: happened.map(|_| at) });
                }
                None => withheld.push(row.id),
            }
        }
        let turn = (!parcels.is_empty()).then_some(Turn { webhook, lease: self.lease, url, keys, is_failing, parcels });
        Ok(Loaded { webhook, turn, withheld, is_over: false })
    }

    /// The bodies of those that the owner may see, each with when its event happened.
    fn bodies(
        &self,
        conn: &mut Conn,
        row: &WebhookRow,
        rows: &[DeliveryRow],
    ) -> Result<HashMap<DeliveryId, (Vec<u8>, Timestamp)>> {
        let mut bodies = HashMap::with_capacity(rows.len());
        let Some(owner) = Owner::find(conn, row.user_id, self.now)? else { return Ok(bodies) };
        let oldest = policy::oldest(self.now);
        let young: Vec<&DeliveryRow> = rows.iter().filter(|row| row.created_at > oldest).collect();
        for row in young.iter().filter(|row| row.event_type == PING) {
            bodies.insert(row.id, (body::of_ping(row.webhook_id, row.created_at)?, row.created_at));
        }
        let (of_server, own): (Vec<&DeliveryRow>, Vec<_>) =
            young.into_iter().partition(|row| row.event_type.starts_with(server_events::PREFIX));
        let places = |rows: &[&DeliveryRow]| rows.iter().filter_map(|row| row.place()).collect::<Vec<_>>();
        if owner.hears_server() && !of_server.is_empty() {
            let changes = by_place(changes_at(conn, self.known, &places(&of_server))?);
            for row in of_server {
                if let Some(change) = row.place().and_then(|place| changes.get(&place)) {
                    bodies.insert(row.id, (body::of_server_event(&row.event_type, change)?, change.at));
                }
            }
        }
        let places = places(&own);
        if !places.is_empty() {
            let changes = changes_at(conn, self.known, &places)?;
            let seen = by_place(visible(conn, self.catalogue, owner.id, self.now, changes)?);
            for row in own {
                if let Some(change) = row.place().and_then(|place| seen.get(&place)) {
                    bodies.insert(row.id, (body::of_change(change)?, change.at));
                }
            }
        }
        Ok(bodies)
    }
}

fn by_place(changes: Vec<Recorded>) -> HashMap<(i16, i64), Recorded> {
    let place = |change: &Recorded| Some((i16::try_from(change.stream).ok()?, change.position));
    changes.into_iter().filter_map(|change| Some((place(&change)?, change))).collect()
}

/// Whether an endpoint gets anything now.
fn is_active(conn: &mut Conn, webhook: WebhookId) -> Result<bool> {
    let active = webhooks::deleted_at.is_null().and(webhooks::disabled_reason.is_null());
    Ok(diesel::select(exists(webhooks::table.find(webhook).filter(active))).get_result(conn)?)
}

/// Deletes what nobody may have, and gives endpoints back that get no calls.
fn drop_rest(tx: &mut Tx<'_>, lease: Id<()>, rest: &[Rest]) -> Result<()> {
    let mut ids: Vec<WebhookId> = rest.iter().map(|rest| rest.webhook).collect();
    ids.sort_unstable();
    let held = dialect::webhooks::lock_queues(tx.conn, &ids)?;
    let mut held: HashMap<WebhookId, QueueRow> = held.into_iter().map(|queue| (queue.webhook_id, queue)).collect();
    let mut changed = Vec::new();
    for Rest { webhook, withheld, is_over, gives_back } in rest {
        let Some(mut queue) = held.remove(webhook) else { continue };
        if !withheld.is_empty() {
            // Only while they wait: another node may have made the call in the meantime.
            let waiting = deliveries::table
                .filter(deliveries::webhook_id.eq(webhook).and(deliveries::next_at.is_not_null()))
                .filter(deliveries::id.eq_any(withheld));
            let gone = diesel::delete(waiting).execute(tx.conn)?;
            metrics::counter!("clowder_webhook_withheld_total").increment(gone as u64);
            queue.waiting = queue.waiting.saturating_sub(i32::try_from(gone).unwrap_or(i32::MAX)).max(0);
        }
        if *gives_back && queue.holder == Some(lease) {
            (queue.holder, queue.lease_until) = (None, None);
            // It may have been activated in the meantime.
            let first = if *is_over && !is_active(tx.conn, *webhook)? { None } else { first_due(tx.conn, *webhook)? };
            queue.due_at = queue.health().due(first);
        }
        changed.push(queue);
    }
    batch::webhooks::put_queues(tx.conn, &changed)
}
