//! Deliveries: listed, and ordered by hand.

use clowder_core::{Ctx, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_notifications::webhooks::{
    DeliveryFilter, DeliveryId, DeliveryStatus, WebhookDelivery, WebhookId,
    body::PING,
    policy::{may_order, waits_anew},
    refusals::DELIVERY_UNKNOWN,
};
use diesel::prelude::*;

use super::{
    super::{
        batch,
        db::Tx,
        dialect::{self, Conn},
    },
    changing::hold,
    endpoints::own,
    oldest,
};
use crate::domains::webhooks::{DeliveryRow, QueueRow, webhook_deliveries as table};

pub fn list(
    conn: &mut Conn,
    user: UserId,
    webhook: WebhookId,
    filter: DeliveryFilter,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Page<WebhookDelivery>> {
    own(conn, user, webhook)?;
    let mut some = table::table
        .filter(table::webhook_id.eq(webhook))
        .order(table::id.desc())
        .limit(page.fetch())
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(status) = filter.status {
        some = some.filter(table::status.eq(status.as_str()));
    }
    if let Some(last) = page.id()? {
        some = some.filter(table::id.lt::<DeliveryId>(last));
    }
    let rows: Vec<DeliveryRow> = some.load(conn)?;
    let shown = rows.into_iter().filter(|row| row.created_at > clowder_notifications::webhooks::policy::oldest(now));
    Page::fill(shown.map(DeliveryRow::delivery), page, |delivery| delivery.id.to_string())
}

pub fn one(
    conn: &mut Conn,
    user: UserId,
    webhook: WebhookId,
    delivery: DeliveryId,
    now: Timestamp,
) -> Result<WebhookDelivery> {
    own(conn, user, webhook)?;
    let row = table::table.find((webhook, delivery)).select(DeliveryRow::as_select()).first(conn).optional()?;
    let row: DeliveryRow = row.ok_or(DELIVERY_UNKNOWN)?;
    if row.created_at <= clowder_notifications::webhooks::policy::oldest(now) {
        return Err(DELIVERY_UNKNOWN.into());
    }
    row.delivery()
}

/// The queue of an endpoint of the caller, held, if one more delivery can be ordered.
fn open(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId) -> Result<QueueRow> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (row, _) = own(tx.conn, user, webhook)?;
    let queue = hold(tx, webhook)?;
    may_order(row.disabled()?, queue.waiting)?;
    Ok(queue)
}

pub fn test(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId) -> Result<WebhookDelivery> {
    let mut queue = open(tx, ctx, webhook)?;
    let row = DeliveryRow::new(webhook, None, PING, ctx.now);
    batch::webhooks::insert_deliveries(tx.conn, std::slice::from_ref(&row))?;
    queue.waiting = queue.waiting.saturating_add(1);
    // Whoever tests an endpoint wants to know now whether it is well again.
    queue.paused_until = None;
    queue.expects(ctx.now);
    batch::webhooks::put_queues(tx.conn, &[queue])?;
    row.delivery()
}

pub fn resend(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId, delivery: DeliveryId) -> Result<WebhookDelivery> {
    let mut queue = open(tx, ctx, webhook)?;
    let row = table::table.find((webhook, delivery)).select(DeliveryRow::as_select()).first(tx.conn).optional()?;
    let mut row: DeliveryRow = row.ok_or(DELIVERY_UNKNOWN)?;
    if row.created_at <= oldest(ctx) {
        return Err(DELIVERY_UNKNOWN.into());
    }
    if waits_anew(row.status()?) {
        (queue.waiting, queue.kept) = (queue.waiting.saturating_add(1), queue.kept.saturating_sub(1));
    }
    row.again(ctx.now);
    batch::webhooks::update_deliveries(tx.conn, std::slice::from_ref(&row))?;
    queue.paused_until = None;
    queue.expects(ctx.now);
    batch::webhooks::put_queues(tx.conn, &[queue])?;
    row.delivery()
}

/// Some of those that failed since a time wait again. Returns how many.
pub fn again(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId, since: Timestamp, most: i64) -> Result<usize> {
    let mut held = dialect::webhooks::lock_queues(tx.conn, &[webhook])?;
    let Some(mut queue) = held.pop() else { return Ok(0) };
    let room = i64::try_from(queue.room()).unwrap_or(0).min(most);
    let failed = table::table
        .filter(table::webhook_id.eq(webhook).and(table::status.eq(DeliveryStatus::Failed.as_str())))
        .filter(table::created_at.ge(since).and(table::created_at.gt(oldest(ctx))))
        .filter(table::event_type.ne(PING))
        .order(table::id)
        .limit(room)
        .select(DeliveryRow::as_select());
    let mut rows: Vec<DeliveryRow> = failed.load(tx.conn)?;
    rows.iter_mut().for_each(|row| row.again(ctx.now));
    batch::webhooks::update_deliveries(tx.conn, &rows)?;
    let count = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    if count > 0 {
        (queue.waiting, queue.kept) = (queue.waiting.saturating_add(count), queue.kept.saturating_sub(count));
        queue.expects(ctx.now);
        batch::webhooks::put_queues(tx.conn, &[queue])?;
    }
    Ok(rows.len())
}
