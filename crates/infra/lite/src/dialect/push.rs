//! The locks of subscriptions to push.

use clowder_core::Result;
use clowder_notifications::push::PushSubscriptionId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::push::push_subscriptions as subscriptions;

/// Nothing is locked, because there is only one writer: those that are there, in the order of their ids.
pub fn keep_subscriptions(conn: &mut Conn, ids: &[PushSubscriptionId]) -> Result<Vec<PushSubscriptionId>> {
    let some = subscriptions::table.filter(subscriptions::id.eq_any(ids)).order(subscriptions::id);
    Ok(some.select(subscriptions::id).load(conn)?)
}

/// Not needed: there is only one writer.
pub fn lock_subscription(_: &mut Conn, _: PushSubscriptionId) -> Result<()> {
    Ok(())
}
