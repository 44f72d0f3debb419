//! Deliveries of webhooks.

use clowder_core::{
    Result,
    sql::{Ts, Uid},
};
use clowder_notifications::webhooks::WebhookId;
use diesel::{
    prelude::*,
    sql_types::{Integer, Nullable, Text},
    sqlite::Sqlite,
};

use super::Conn;
use crate::{
    domains::webhooks::{
        DeliveryRow, QueueRow, WebhookTopicRow, webhook_deliveries as deliveries, webhook_topics as topics,
    },
    statement::statement,
};

/// Adds deliveries, except those of events that an endpoint has already. Returns for which endpoints one was added.
pub fn insert_deliveries(conn: &mut Conn, rows: &[DeliveryRow]) -> Result<Vec<WebhookId>> {
    let mut added = Vec::with_capacity(rows.len());
    for row in rows {
        let new = diesel::insert_into(deliveries::table).values(row).on_conflict_do_nothing();
        if new.execute(conn)? > 0 {
            added.push(row.webhook_id);
        }
    }
    Ok(added)
}

/// Stores what became of deliveries.
pub fn update_deliveries(conn: &mut Conn, rows: &[DeliveryRow]) -> Result<()> {
    for row in rows {
        statement::<(), Sqlite>(
            "UPDATE webhook_deliveries SET status = ?, attempts = ?, tries = ?, next_at = ? \
             WHERE webhook_id = ? AND id = ?",
        )
        .bind::<Text, _>(row.status.clone())
        .bind::<Text, _>(row.attempts.clone())
        .bind::<Integer, _>(row.tries)
        .bind::<Nullable<Ts>, _>(row.next_at)
        .bind::<Uid, _>(row.webhook_id)
        .bind::<Uid, _>(row.id)
        .execute(conn)?;
    }
    Ok(())
}

/// Stores queues.
pub fn put_queues(conn: &mut Conn, rows: &[QueueRow]) -> Result<()> {
    for row in rows {
        statement::<(), Sqlite>(
            "UPDATE webhook_queues SET due_at = ?, holder = ?, lease_until = ?, waiting = ?, kept = ?, failures = ?, \
             failing_since = ?, paused_until = ? WHERE webhook_id = ?",
        )
        .bind::<Nullable<Ts>, _>(row.due_at)
        .bind::<Nullable<Uid>, _>(row.holder)
        .bind::<Nullable<Ts>, _>(row.lease_until)
        .bind::<Integer, _>(row.waiting)
        .bind::<Integer, _>(row.kept)
        .bind::<Integer, _>(row.failures)
        .bind::<Nullable<Ts>, _>(row.failing_since)
        .bind::<Nullable<Ts>, _>(row.paused_until)
        .bind::<Uid, _>(row.webhook_id)
        .execute(conn)?;
    }
    Ok(())
}

/// Stores what owners follow. No two rows are about the same topic and owner.
pub fn put_topics(conn: &mut Conn, rows: &[WebhookTopicRow]) -> Result<()> {
    for row in rows {
        diesel::insert_into(topics::table)
            .values(row)
            .on_conflict((topics::topic_id, topics::user_id))
            .do_update()
            .set(topics::after_seq.eq(row.after_seq))
            .execute(conn)?;
    }
    Ok(())
}
