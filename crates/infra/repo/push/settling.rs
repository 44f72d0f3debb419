//! What becomes of something that was tried to be sent, and of subscriptions of sessions that have ended.

use clowder_core::{
    Ctx, Result, Timestamp,
    audit::{Entry, Target as AuditTarget},
};
use clowder_notifications::push::{
    Outcome, PushSubscriptionId,
    policy::{Next, Tries, next},
};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{audit, db::Tx, dialect, upkeep::forget},
    telling,
};
use crate::domains::{
    accounts::sessions,
    push::{PushId, PushRow, SubscriptionRow, push_subscriptions as subscriptions, pushes as table},
};

/// Stores what has become of a try with a subscription as it was then.
pub fn settle(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    sent: &PushRow,
    to: &SubscriptionRow,
    jitter: f64,
    outcome: &Outcome,
) -> Result<()> {
    dialect::push::lock_subscription(tx.conn, to.id)?;
    let found = subscriptions::table.find(to.id).select(SubscriptionRow::as_select()).first(tx.conn).optional()?;
    let Some(now): Option<SubscriptionRow> = found else { return Ok(()) };
    // The device has subscribed anew meanwhile: then this says nothing about where it is now.
    let is_same = now.target == to.target;
    let tries = Tries {
        now: ctx.now,
        until: sent.until,
        tries: sent.tries,
        refusals: now.refusals,
        failing_since: now.failing_since,
    };
    match next(&tries, jitter, outcome) {
        Next::Forget if is_same => {
            diesel::delete(subscriptions::table.find(to.id)).execute(tx.conn)?;
            let what = json!({"kind": now.kind, "why": outcome.word()});
            let entry = Entry::new("push.pruned").on(AuditTarget::of("push_subscription", to.id)).about(now.user_id);
            return audit::record(tx, ctx, &entry.before(what));
        }
        Next::Done | Next::Dropped | Next::Forget => finish(tx, ctx, sent)?,
        Next::Again(at) => later(tx, ctx, sent, at, !matches!(outcome, Outcome::Waits(_)))?,
    }
    if is_same {
        note(tx, ctx, to.id, now.failing_since, outcome)?;
    }
    Ok(())
}

/// How the subscription does.
fn note(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    id: PushSubscriptionId,
    failing_since: Option<Timestamp>,
    outcome: &Outcome,
) -> Result<()> {
    let subscription = subscriptions::table.find(id);
    let well = (subscriptions::refusals.eq(0), subscriptions::failing_since.eq(None::<Timestamp>));
    match outcome {
        Outcome::Delivered => {
            diesel::update(subscription).set((well, subscriptions::last_used_at.eq(ctx.now))).execute(tx.conn)?;
        }
        Outcome::Refused(_) => {
            let more = subscriptions::refusals.eq(subscriptions::refusals + 1);
            diesel::update(subscription).set(more).execute(tx.conn)?;
        }
        Outcome::Failed { .. } if failing_since.is_none() => {
            diesel::update(subscription).set(subscriptions::failing_since.eq(ctx.now)).execute(tx.conn)?;
        }
        _ => {}
    }
    Ok(())
}

/// It waits no more, unless something later has taken its place.
pub fn finish(tx: &mut Tx<'_>, ctx: &Ctx, sent: &PushRow) -> Result<()> {
    let same = table::table.filter(table::id.eq(sent.id).and(table::revision.eq(sent.revision)));
    if diesel::delete(same).execute(tx.conn)? == 0 {
        later(tx, ctx, sent, ctx.now, false)?;
    }
    Ok(())
}

/// It, or what has taken its place, is sent at this time.
fn later(tx: &mut Tx<'_>, ctx: &Ctx, sent: &PushRow, at: Timestamp, counts: bool) -> Result<()> {
    let put_off: Option<PushRow> = diesel::update(table::table.find(sent.id))
        .set(table::tries.eq(table::tries + i16::from(counts)))
        .returning(PushRow::as_returning())
        .get_result(tx.conn)
        .optional()?;
    put_off.map_or(Ok(()), |row| telling::order(tx, ctx, &row, at))
}

/// Subscriptions of sessions that have ended, and what nobody has sent while it was worth it.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let ended = sessions::table
        .filter(sessions::ended_at.is_not_null().or(sessions::expires_at.le(ctx.now)))
        .filter(sessions::id.eq(subscriptions::session_id))
        .select(sessions::id);
    let unused = forget!(tx, subscriptions by id: PushSubscriptionId, diesel::dsl::exists(ended));
    Ok(unused + forget!(tx, table by id: PushId, table::until.le(ctx.now)))
}
