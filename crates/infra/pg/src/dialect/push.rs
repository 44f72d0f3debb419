//! The locks of subscriptions to push.

use clowder_core::{Result, UserId};
use clowder_notifications::push::PushSubscriptionId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::push::{PushId, push_subscriptions as subscriptions, pushes};

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

/// Taken by an erasure: the subscriptions of somebody, in the order in which all others take them.
pub fn lock_subscriptions_of(conn: &mut Conn, user: UserId) -> Result<Vec<PushSubscriptionId>> {
    let own = subscriptions::table.filter(subscriptions::user_id.eq(user)).order(subscriptions::id);
    Ok(own.select(subscriptions::id).for_update().load(conn)?)
}

/// The same for some of what waits because of somebody, after the subscriptions.
pub fn lock_pushes_by(conn: &mut Conn, actor: UserId, most: i64) -> Result<Vec<PushId>> {
    let caused = pushes::table.filter(pushes::actor_id.eq(actor)).order((pushes::subscription_id, pushes::group_key));
    Ok(caused.limit(most).select(pushes::id).for_update().load(conn)?)
}
