//! Endpoints: made and shown.

use std::sync::Arc;

use clowder_accounts::refusals::SESSION_ENDED;
use clowder_core::{
    Ctx, Id, Page, PageRequest, Result, Role, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use clowder_egress::{Egress, Failure};
use clowder_notifications::webhooks::{
    Change, EventTypes, IssuedWebhook, KeyPair, Keys, NewWebhook, Secret, SigningKeys, Webhook, WebhookId,
    WebhookStatus, WebhookUrl,
    change::WebhookTold,
    model::Description,
    policy::{PlaceFacts, may_create},
    port::READER,
    refusals::WEBHOOK_UNKNOWN,
    signing::{SECRET_OCTETS, SEED_OCTETS},
};
use diesel::{dsl::exists, prelude::*};
use serde_json::json;

use super::super::{
    audit, batch,
    db::Tx,
    dialect::{self, Conn},
    domains, journal, readers,
    two_factor::require_recent,
};
use crate::{
    domains::{
        accounts::users,
        webhooks::{
            QueueRow, WebhookRow, WebhookTopicRow, seal_keys, webhook_queues, webhook_topics, webhooks as table,
        },
    },
    keys::random,
    segments::KnownSegments,
};

/// Whether anybody has one.
pub fn are_any(conn: &mut Conn) -> Result<bool> {
    Ok(diesel::select(exists(webhook_queues::table.select(webhook_queues::webhook_id))).get_result(conn)?)
}

pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, known: &Arc<KnownSegments>, new: &NewWebhook) -> Result<IssuedWebhook> {
    let user = ctx.user()?;
    // Of two endpoints made at once, the second is counted after the first.
    dialect::accounts::lock_user(tx.conn, user)?;
    require_recent(tx.conn, ctx)?;
    let role = role_of(tx.conn, user)?;
    let count = table::table.filter(table::user_id.eq(user).and(table::deleted_at.is_null())).count();
    let count: i64 = count.get_result(tx.conn)?;
    let services = tx.services;
    let options = &services.options.webhooks;
    let closed = closed(&services.options.egress, &new.url);
    let facts = PlaceFacts { role, closed, catalogue: &options.catalogue };
    may_create(count, &facts, &new.event_types)?;
    // What the owner follows now is noted while the reader waits: it has yet to come to the steps that follow.
    dialect::readers::lock_reader(tx.conn, READER)?;
    let (epoch, heads, _) = readers::heads(tx.conn, known)?;
    if count == 0 {
        note_topics(tx, user)?;
    }
    let id = WebhookId::new(ctx.now);
    let keys = SigningKeys { current: keys(new.asymmetric)?, former: None };
    let row = WebhookRow {
        id,
        user_id: user,
        url: new.url.as_str().to_owned(),
        event_types: new.event_types.joined(),
        hears_server: new.event_types.are_of_server(),
        description: new.description.clone().map(Description::into_string),
        keys: Some(seal_keys(&tx.services.ring, id, &keys)?),
        public_key: keys.current.pair.as_ref().map(KeyPair::public),
        former_keys_until: None,
        disabled_reason: None,
        epoch: Id::from_uuid(epoch),
        heads: serde_json::to_string(heads.as_slice())?,
        created_at: ctx.now,
        deleted_at: None,
        version: 1,
    };
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    let queue = QueueRow::new(id);
    diesel::insert_into(webhook_queues::table).values(&queue).execute(tx.conn)?;
    let what = json!({"url": row.url, "event_types": new.event_types.words()});
    audit::record(tx, ctx, &Entry::new("webhook.created").on(Target::of("webhook", id)).after(what))?;
    let told = WebhookTold { webhook_id: id, status: WebhookStatus::Active, disabled_reason: None };
    journal::append(tx, ctx, &Change::Created(user, told))?;
    Ok(IssuedWebhook { webhook: row.webhook(&queue, ctx.now)?, secret: Some(keys.current.secret.expose()) })
}

/// The role of somebody who is still there.
pub fn role_of(conn: &mut Conn, user: UserId) -> Result<Role> {
    let living = users::table.find(user).filter(users::deleted_at.is_null()).select(users::role);
    let role: Option<String> = living.first(conn).optional()?;
    Role::parse_word(&role.ok_or(SESSION_ENDED)?)
}

/// Why this address cannot be called, if it cannot.
pub fn closed(egress: &Egress, url: &WebhookUrl) -> Option<&'static str> {
    egress.check(url.url()).err().map(|failure| match failure {
        Failure::Forbidden(why) => why,
        other => other.word(),
    })
}

/// New keys.
pub fn keys(asymmetric: bool) -> Result<Keys> {
    let (mut secret, mut seed) = ([0; SECRET_OCTETS], [0; SEED_OCTETS]);
    random(&mut secret)?;
    random(&mut seed)?;
    Ok(Keys { secret: Secret::new(secret)?, pair: asymmetric.then(|| KeyPair::new(&seed)) })
}

/// Notes what an owner follows, in place of what was noted for an earlier endpoint. The reader is held.
fn note_topics(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    diesel::delete(webhook_topics::table.filter(webhook_topics::user_id.eq(user))).execute(tx.conn)?;
    let followed = domains::followed(tx.conn, user)?;
    let row = |topic: clowder_core::follow::Following| WebhookTopicRow {
        topic_kind: topic.topic.kind.to_string(),
        topic_id: Id::from_uuid(topic.topic.id),
        user_id: user,
        after_seq: topic.after,
    };
    let rows: Vec<_> = followed.into_iter().map(row).collect();
    batch::webhooks::put_topics(tx.conn, &rows)
}

/// An endpoint of this user with its queue, or `webhook.unknown`.
pub fn own(conn: &mut Conn, user: UserId, webhook: WebhookId) -> Result<(WebhookRow, QueueRow)> {
    let own = table::table
        .inner_join(webhook_queues::table)
        .filter(table::id.eq(webhook).and(table::user_id.eq(user)).and(table::deleted_at.is_null()))
        .select((WebhookRow::as_select(), QueueRow::as_select()));
    let found: Option<(WebhookRow, QueueRow)> = own.first(conn).optional()?;
    Ok(found.ok_or(WEBHOOK_UNKNOWN)?)
}

pub fn one(conn: &mut Conn, user: UserId, webhook: WebhookId, now: Timestamp) -> Result<Webhook> {
    let (row, queue) = own(conn, user, webhook)?;
    row.webhook(&queue, now)
}

pub fn list(conn: &mut Conn, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Page<Webhook>> {
    let mut own = table::table
        .inner_join(webhook_queues::table)
        .filter(table::user_id.eq(user).and(table::deleted_at.is_null()))
        .order(table::id.desc())
        .limit(page.fetch())
        .select((WebhookRow::as_select(), QueueRow::as_select()))
        .into_boxed();
    if let Some(last) = page.id()? {
        own = own.filter(table::id.lt::<WebhookId>(last));
    }
    let rows: Vec<(WebhookRow, QueueRow)> = own.load(conn)?;
    Page::fill(rows.into_iter().map(|(row, queue)| row.webhook(&queue, now)), page, |webhook| webhook.id.to_string())
}

/// What an endpoint wants.
pub fn wanted(row: &WebhookRow) -> EventTypes {
    EventTypes::split(&row.event_types)
}
