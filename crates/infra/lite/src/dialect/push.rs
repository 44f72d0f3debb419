//! The locks of subscriptions to push.

use clowder_core::{Result, UserId};
use clowder_notifications::push::PushSubscriptionId;
use diesel::prelude::*;

use super::Conn;
use crate::domains::push::{PushId, push_subscriptions as subscriptions, pushes};

/// Nothing is locked, because there is only one writer: those that are there, in the order of their ids.
pub fn keep_subscriptions(conn: &mut Conn, ids: &[PushSubscriptionId]) -> Result<Vec<PushSubscriptionId>> {
    let some = subscriptions::table.filter(subscriptions::id.eq_any(ids)).order(subscriptions::id);
    Ok(some.select(subscriptions::id).load(conn)?)
}

/// Not needed: there is only one writer.
pub fn lock_subscription(_: &mut Conn, _: PushSubscriptionId) -> Result<()> {
    Ok(())
}

/// Nothing is locked either.
pub fn lock_subscriptions_of(conn: &mut Conn, user: UserId) -> Result<Vec<PushSubscriptionId>> {
    let own = subscriptions::table.filter(subscriptions::user_id.eq(user)).order(subscriptions::id);
    Ok(own.select(subscriptions::id).load(conn)?)
}

pub fn lock_pushes_by(conn: &mut Conn, actor: UserId, most: i64) -> Result<Vec<PushId>> {
    let caused = pushes::table.filter(pushes::actor_id.eq(actor)).order((pushes::subscription_id, pushes::group_key));
    Ok(caused.limit(most).select(pushes::id).load(conn)?)
}
