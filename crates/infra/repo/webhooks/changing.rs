//! Endpoints: changed, disabled, given other keys, and deleted.

use clowder_accounts::Own;
use clowder_core::{
    Ctx, Result, Timestamp, UserId, Versions, Word,
    audit::{Entry, Target},
    versions,
};
use clowder_notifications::webhooks::{
    Change, DisabledReason, KeyPair, PatchedStatus, RotatedSecret, Webhook, WebhookId, WebhookPatch, WebhookStatus,
    WebhookUrl,
    change::{WebhookDeleted, WebhookTold},
    model::Description,
    policy::{BOTH_SIGN_FOR, PlaceFacts, may_have, patched},
    port::READER,
    refusals::{WEBHOOK_STALE, WEBHOOK_UNKNOWN},
    schedule::Health,
};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        audit,
        credentials::mailed,
        db::Tx,
        dialect::{self, Conn},
        journal,
        two_factor::require_recent,
    },
    endpoints::{closed, keys, own, role_of},
};
use crate::{
    domains::{
        accounts::{UserRow, users},
        webhooks::{
            QueueRow, WebhookRow, open_keys, seal_keys, webhook_deliveries, webhook_queues, webhook_topics,
            webhooks as table,
        },
    },
    emails::Recipient,
};

/// Before every time at which anything can be due.
const EARLIEST: Timestamp = Timestamp::from_micros(0);

/// The first time at which a delivery of an endpoint is due. A comparison leaves out what does not wait without reading it;
/// on SQLite, `IS NOT NULL` does not.
pub fn first_due(conn: &mut Conn, webhook: WebhookId) -> Result<Option<Timestamp>> {
    let waiting = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook).and(webhook_deliveries::next_at.ge(EARLIEST)))
        .order(webhook_deliveries::next_at)
        .select(webhook_deliveries::next_at);
    Ok(waiting.first::<Option<Timestamp>>(conn).optional()?.flatten())
}

/// The queue of an endpoint, held.
pub fn hold(tx: &mut Tx<'_>, webhook: WebhookId) -> Result<QueueRow> {
    let mut held = dialect::webhooks::lock_queues(tx.conn, &[webhook])?;
    Ok(held.pop().ok_or(WEBHOOK_UNKNOWN)?)
}

pub fn edit(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    webhook: WebhookId,
    version: Option<&Versions>,
    patch: &WebhookPatch,
) -> Result<Webhook> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let role = role_of(tx.conn, user)?;
    let (before, _) = own(tx.conn, user, webhook)?;
    versions::check(version, before.version, WEBHOOK_STALE)?;
    let moves = patch.url.as_ref().is_some_and(|url| url.as_str() != before.url);
    if moves || patch.event_types.as_ref().is_some_and(|wanted| wanted.joined() != before.event_types) {
        require_recent(tx.conn, ctx)?;
    }
    let services = tx.services;
    let options = &services.options.webhooks;
    let closed = patch.url.as_ref().and_then(|url| closed(&services.options.egress, url));
    let facts = PlaceFacts { role, closed, catalogue: &options.catalogue };
    may_have(&facts, patch.event_types.as_ref())?;
    let mut queue = hold(tx, webhook)?;
    let disabled = patched(before.disabled()?, patch.status);
    let mut row = before.clone();
    if let Some(url) = &patch.url {
        url.as_str().clone_into(&mut row.url);
    }
    if let Some(wanted) = &patch.event_types {
        (row.event_types, row.hears_server) = (wanted.joined(), wanted.are_of_server());
    }
    if let Some(description) = &patch.description {
        row.description = description.0.clone().map(Description::into_string);
    }
    row.disabled_reason = disabled.map(|reason| reason.as_str().to_owned());
    if row == before {
        return row.webhook(&queue, ctx.now);
    }
    row.version += 1;
    tx.deleted_text |= row.url != before.url || row.description != before.description;
    diesel::update(table::table.find(webhook))
        .set((
            table::url.eq(&row.url),
            table::event_types.eq(&row.event_types),
            table::hears_server.eq(row.hears_server),
            table::description.eq(&row.description),
            table::disabled_reason.eq(&row.disabled_reason),
            table::version.eq(row.version),
        ))
        .execute(tx.conn)?;
    if moves || patch.status == Some(PatchedStatus::Active) {
        queue.set_health(Health::default());
    }
    let first = if disabled.is_some() { None } else { first_due(tx.conn, webhook)? };
    queue.due_at = queue.health().due(first);
    diesel::update(webhook_queues::table.find(webhook)).set(&queue).execute(tx.conn)?;
    let what =
        |row: &WebhookRow| json!({"url": row.url, "event_types": row.event_types, "disabled": row.disabled_reason});
    let entry =
        Entry::new("webhook.updated").on(Target::of("webhook", webhook)).before(what(&before)).after(what(&row));
    audit::record(tx, ctx, &entry)?;
    let shown = row.webhook(&queue, ctx.now)?;
    journal::append(tx, ctx, &Change::Updated(user, told(webhook, disabled)))?;
    Ok(shown)
}

fn told(webhook: WebhookId, disabled: Option<DisabledReason>) -> WebhookTold {
    let status = if disabled.is_some() { WebhookStatus::Disabled } else { WebhookStatus::Active };
    WebhookTold { webhook_id: webhook, status, disabled_reason: disabled }
}

/// Nothing of it is shown any more. Its deliveries are deleted later, in pieces.
pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId) -> Result<()> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    // It also writes what owners follow, before it takes queues.
    dialect::readers::lock_reader(tx.conn, READER)?;
    let (row, _) = own(tx.conn, user, webhook)?;
    hold(tx, webhook)?;
    diesel::update(table::table.find(webhook))
        .set((
            table::url.eq(""),
            table::description.eq(None::<String>),
            table::keys.eq(None::<crate::seal::Sealed>),
            table::public_key.eq(None::<String>),
            table::hears_server.eq(false),
            table::deleted_at.eq(ctx.now),
        ))
        .execute(tx.conn)?;
    diesel::delete(webhook_queues::table.find(webhook)).execute(tx.conn)?;
    tx.deleted_text = true;
    let left = table::table.filter(table::user_id.eq(user).and(table::deleted_at.is_null())).count();
    if left.get_result::<i64>(tx.conn)? == 0 {
        diesel::delete(webhook_topics::table.filter(webhook_topics::user_id.eq(user))).execute(tx.conn)?;
    }
    let what = json!({"url": row.url, "event_types": row.event_types});
    audit::record(tx, ctx, &Entry::new("webhook.deleted").on(Target::of("webhook", webhook)).before(what))?;
    journal::append(tx, ctx, &Change::Deleted(user, WebhookDeleted { webhook_id: webhook }))
}

pub fn rotate(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId) -> Result<RotatedSecret> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    require_recent(tx.conn, ctx)?;
    let (row, _) = own(tx.conn, user, webhook)?;
    let services = tx.services;
    let before = open_keys(&services.ring, webhook, row.keys.as_ref().ok_or(WEBHOOK_UNKNOWN)?)?;
    let until = ctx.now.plus(BOTH_SIGN_FOR);
    let after = before.rotated(keys(before.current.pair.is_some())?, until);
    let public_key = after.current.pair.as_ref().map(KeyPair::public);
    diesel::update(table::table.find(webhook))
        .set((
            table::keys.eq(seal_keys(&services.ring, webhook, &after)?),
            table::public_key.eq(&public_key),
            table::former_keys_until.eq(until),
            table::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    audit::record(tx, ctx, &Entry::new("webhook.rotated").on(Target::of("webhook", webhook)))?;
    journal::append(tx, ctx, &Change::Updated(user, told(webhook, row.disabled()?)))?;
    Ok(RotatedSecret { secret: after.current.secret.expose(), public_key, former_keys_until: until })
}

/// Disables an endpoint because of what its calls came to, and tells its owner.
pub fn disable(tx: &mut Tx<'_>, ctx: &Ctx, webhook: WebhookId, reason: DisabledReason) -> Result<()> {
    let owner = table::table.find(webhook).select(table::user_id).first::<UserId>(tx.conn).optional()?;
    let Some(owner) = owner else { return Ok(()) };
    dialect::accounts::lock_user(tx.conn, owner)?;
    let active = table::deleted_at.is_null().and(table::disabled_reason.is_null());
    let row = table::table.find(webhook).filter(active).select(WebhookRow::as_select());
    let Some(row) = row.first::<WebhookRow>(tx.conn).optional()? else { return Ok(()) };
    let person = users::table.find(owner).filter(users::deleted_at.is_null()).select(UserRow::as_select());
    let person: Option<UserRow> = person.first(tx.conn).optional()?;
    let Some(own) = person.map(UserRow::own).transpose()? else { return Ok(()) };
    notify(tx, ctx, &own, &row, reason)?;
    let mut queue = hold(tx, webhook)?;
    queue.set_health(Health::default());
    queue.due_at = None;
    diesel::update(webhook_queues::table.find(webhook)).set(&queue).execute(tx.conn)?;
    diesel::update(table::table.find(webhook))
        .set((table::disabled_reason.eq(reason.as_str()), table::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    let entry = Entry::new("webhook.disabled").on(Target::of("webhook", webhook)).about(owner);
    audit::record(tx, ctx, &entry.after(json!({"reason": reason})))?;
    journal::append(tx, ctx, &Change::Updated(owner, told(webhook, Some(reason))))
}

/// An email, because nobody who reads the endpoint's events may be there to notice. It names the host alone: paths of
/// endpoints are often secrets.
fn notify(tx: &mut Tx<'_>, ctx: &Ctx, own: &Own, row: &WebhookRow, reason: DisabledReason) -> Result<()> {
    let url = WebhookUrl::parse_text(&row.url).ok();
    let host = url.as_ref().and_then(|url| url.url().host_str()).unwrap_or_default();
    let mail = tx.services.email_templates.webhook_disabled(&Recipient::of(own), host, reason)?;
    mailed::notify(tx, ctx, own, &mail)
}
