//! The locks of subscriptions to push.

use clowder_core::Result;
use clowder_notifications::push::PushSubscriptionId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::push::push_subscriptions as subscriptions;

/// Taken by whoever adds something that waits for them: those of these that are still there stay until the end of the
/// transaction, and come in the order of their ids.
pub fn keep_subscriptions(conn: &mut Conn, ids: &[PushSubscriptionId]) -> Result<Vec<PushSubscriptionId>> {
    let some = subscriptions::table.filter(subscriptions::id.eq_any(ids)).order(subscriptions::id);
    Ok(some.select(subscriptions::id).for_key_share().load(conn)?)
}

/// Taken by whoever has sent something, before what waited.
pub fn lock_subscription(conn: &mut Conn, id: PushSubscriptionId) -> Result<()> {
    subscriptions::table
        .find(id)
        .select(subscriptions::id)
        .for_update()
        .first::<PushSubscriptionId>(conn)
        .optional()?;
    Ok(())
}
