//! Locks of the queues of webhooks.

use clowder_core::Result;
use clowder_notifications::webhooks::WebhookId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::webhooks::{QueueRow, webhook_queues as queues};

/// Taken by everybody who changes what waits for these endpoints, in one order. Those that exist are returned, in the order of
/// their ids.
pub fn lock_queues(conn: &mut Conn, webhooks: &[WebhookId]) -> Result<Vec<QueueRow>> {
    let some = queues::table.filter(queues::webhook_id.eq_any(webhooks)).order(queues::webhook_id);
    Ok(some.select(QueueRow::as_select()).for_no_key_update().load(conn)?)
}
