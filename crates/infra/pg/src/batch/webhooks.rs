//! Deliveries of webhooks: a statement for all that a piece of the journal, or a number of turns, changes.

use clowder_core::{
    Result,
    sql::{Ts, Uid},
};
use clowder_notifications::webhooks::WebhookId;
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text},
};

use super::Conn;
use crate::{
    domains::webhooks::{DeliveryRow, QueueRow, WebhookTopicRow},
    statement::statement,
};

/// Adds deliveries, except those of events that an endpoint has already. Returns for which endpoints one was added.
pub fn insert_deliveries(conn: &mut Conn, rows: &[DeliveryRow]) -> Result<Vec<WebhookId>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let added: Vec<(WebhookId,)> = statement::<(Uid,), Pg>(
        "INSERT INTO webhook_deliveries (webhook_id, id, stream, position, event_type, status, attempts, tries, next_at, \
         created_at) SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING webhook_id",
    )
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.webhook_id).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .bind::<Array<Nullable<SmallInt>>, _>(rows.iter().map(|row| row.stream).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(rows.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.event_type.clone()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.status.clone()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.attempts.clone()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.tries).collect::<Vec<_>>())
    .bind::<Array<Nullable<Ts>>, _>(rows.iter().map(|row| row.next_at).collect::<Vec<_>>())
    .bind::<Array<Ts>, _>(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
    .load(conn)?;
    Ok(added.into_iter().map(|(webhook,)| webhook).collect())
}

/// Stores what became of deliveries. The queues of their endpoints are held.
pub fn update_deliveries(conn: &mut Conn, rows: &[DeliveryRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "UPDATE webhook_deliveries d SET status = w.status, attempts = w.attempts, tries = w.tries, next_at = w.next_at \
         FROM unnest(?, ?, ?, ?, ?, ?) AS w(webhook_id, id, status, attempts, tries, next_at) \
         WHERE d.webhook_id = w.webhook_id AND d.id = w.id",
    )
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.webhook_id).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.status.clone()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.attempts.clone()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.tries).collect::<Vec<_>>())
    .bind::<Array<Nullable<Ts>>, _>(rows.iter().map(|row| row.next_at).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Stores queues, which are held.
pub fn put_queues(conn: &mut Conn, rows: &[QueueRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "UPDATE webhook_queues q SET due_at = w.due_at, holder = w.holder, lease_until = w.lease_until, \
         waiting = w.waiting, kept = w.kept, failures = w.failures, failing_since = w.failing_since, \
         paused_until = w.paused_until FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) \
         AS w(webhook_id, due_at, holder, lease_until, waiting, kept, failures, failing_since, paused_until) \
         WHERE q.webhook_id = w.webhook_id",
    )
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.webhook_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<Ts>>, _>(rows.iter().map(|row| row.due_at).collect::<Vec<_>>())
    .bind::<Array<Nullable<Uid>>, _>(rows.iter().map(|row| row.holder).collect::<Vec<_>>())
    .bind::<Array<Nullable<Ts>>, _>(rows.iter().map(|row| row.lease_until).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.waiting).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.kept).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.failures).collect::<Vec<_>>())
    .bind::<Array<Nullable<Ts>>, _>(rows.iter().map(|row| row.failing_since).collect::<Vec<_>>())
    .bind::<Array<Nullable<Ts>>, _>(rows.iter().map(|row| row.paused_until).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// Stores what owners follow. No two rows are about the same topic and owner.
pub fn put_topics(conn: &mut Conn, rows: &[WebhookTopicRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "INSERT INTO webhook_topics (topic_kind, topic_id, user_id, after_seq) SELECT * FROM unnest(?, ?, ?, ?) \
         ON CONFLICT (topic_id, user_id) DO UPDATE SET after_seq = excluded.after_seq",
    )
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.topic_kind.clone()).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.topic_id).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.user_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.after_seq).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}
