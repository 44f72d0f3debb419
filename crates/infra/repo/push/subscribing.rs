//! Subscribing devices, listing them, and ending that.

use clowder_core::{
    Ctx, Error, Page, PageRequest, Result, SessionId, Timestamp, UserId, Word,
    audit::{Entry, Target as AuditTarget},
};
use clowder_notifications::push::{
    NewPushSubscription, PushSubscription, PushSubscriptionId, Target,
    policy::{is_offered, may_subscribe},
    refusals::PUSH_UNKNOWN,
};
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    audit,
    db::Tx,
    dialect::{self, Conn},
    two_factor::require_open,
};
use crate::{
    domains::{
        accounts::sessions,
        push::{Options, SubscriptionRow, device, push_subscriptions as subscriptions, sealed},
    },
    seal::{KeyRing, unreadable},
};

/// The device of a new subscription, if this server can reach it.
pub fn reachable(options: &Options, new: NewPushSubscription) -> Result<Target> {
    let target = new.target().ok_or_else(|| Error::internal("a subscription without its parts was read"))?;
    is_offered(&options.offers, &target)?;
    let may_call = |endpoint: &str| options.sender.as_ref().is_some_and(|sender| sender.may_call(endpoint));
    match &target {
        Target::Web(web) if !may_call(&web.endpoint) => {
            Err(Error::field("/endpoint", "unreachable", "this server does not call this address"))
        }
        _ => Ok(target),
    }
}

pub fn subscribe(tx: &mut Tx<'_>, ctx: &Ctx, target: &Target) -> Result<PushSubscription> {
    let (user, session) = (ctx.user()?, ctx.session()?);
    dialect::accounts::lock_user(tx.conn, user)?;
    // Whoever ends the session at this moment either ends this subscription, too, or is seen here.
    require_open(tx.conn, ctx)?;
    let device = device(&tx.services.keys, target);
    let same = subscriptions::table.filter(subscriptions::device.eq(&device));
    let known: Option<SubscriptionRow> = same.select(SubscriptionRow::as_select()).first(tx.conn).optional()?;
    let own = known.as_ref().filter(|known| known.user_id == user);
    let others = open_of(tx.conn, user, ctx.now)?.into_iter().filter(|id| own.is_none_or(|own| own.id != *id));
    may_subscribe(others.count() as i64)?;
    if let Some(own) = own {
        // What waits for the device is still for the same person.
        let row = SubscriptionRow {
            session_id: session,
            target: sealed(&tx.services.ring, own.id, target)?,
            refusals: 0,
            failing_since: None,
            ..own.clone()
        };
        let fresh = (
            subscriptions::session_id.eq(row.session_id),
            subscriptions::target.eq(&row.target),
            subscriptions::refusals.eq(row.refusals),
            subscriptions::failing_since.eq(row.failing_since),
        );
        if diesel::update(subscriptions::table.find(row.id)).set(fresh).execute(tx.conn)? == 1 {
            return row.subscription(Some(target), session);
        }
    }
    // Somebody else was signed in on this device: what waits for them must not be shown to this person.
    if let Some(known) = known {
        diesel::delete(subscriptions::table.find(known.id)).execute(tx.conn)?;
    }
    let id = PushSubscriptionId::new(ctx.now);
    let row = SubscriptionRow {
        id,
        user_id: user,
        session_id: session,
        kind: target.kind().as_str().to_owned(),
        device,
        target: sealed(&tx.services.ring, id, target)?,
        refusals: 0,
        failing_since: None,
        created_at: ctx.now,
        last_used_at: None,
    };
    let made = diesel::insert_into(subscriptions::table).values(&row).on_conflict_do_nothing().execute(tx.conn)?;
    if made == 0 {
        return Err(Error::unavailable("another call subscribes the same device"));
    }
    let what = json!({"kind": target.kind().as_str(), "service": target.service(), "app": target.app()});
    let entry = Entry::new("push.subscribed").on(AuditTarget::of("push_subscription", id)).after(what);
    audit::record(tx, ctx, &entry)?;
    row.subscription(Some(target), session)
}

/// The subscriptions of somebody whose sessions have not ended.
fn open_of(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<Vec<PushSubscriptionId>> {
    let open = sessions::ended_at.is_null().and(sessions::expires_at.gt(now));
    let own = subscriptions::table.inner_join(sessions::table).filter(subscriptions::user_id.eq(user)).filter(open);
    Ok(own.select(subscriptions::id).load(conn)?)
}

pub fn own(
    conn: &mut Conn,
    ring: &KeyRing,
    user: UserId,
    session: SessionId,
    id: PushSubscriptionId,
) -> Result<PushSubscription> {
    let own = subscriptions::table.find(id).filter(subscriptions::user_id.eq(user));
    let row: Option<SubscriptionRow> = own.select(SubscriptionRow::as_select()).first(conn).optional()?;
    shown(row.ok_or(PUSH_UNKNOWN)?, ring, session)
}

pub fn list(conn: &mut Conn, ring: &KeyRing, ctx: &Ctx, page: &PageRequest) -> Result<Page<PushSubscription>> {
    let session = ctx.session()?;
    let open = sessions::ended_at.is_null().and(sessions::expires_at.gt(ctx.now));
    let mut own = subscriptions::table
        .inner_join(sessions::table)
        .filter(subscriptions::user_id.eq(ctx.user()?))
        .filter(open)
        .order(subscriptions::id.desc())
        .limit(page.fetch())
        .select(SubscriptionRow::as_select())
        .into_boxed();
    if let Some(last) = page.id()? {
        own = own.filter(subscriptions::id.lt::<PushSubscriptionId>(last));
    }
    let rows: Vec<SubscriptionRow> = own.load(conn)?;
    let rows = rows.into_iter().map(|row| shown(row, ring, session));
    Page::fill(rows, page, |subscription| subscription.id.to_string())
}

/// One that cannot be decrypted must not hide the others.
fn shown(row: SubscriptionRow, ring: &KeyRing, session: SessionId) -> Result<PushSubscription> {
    let target = row.target(ring).map_or_else(|error| unreadable(&error), Some);
    row.subscription(target.as_ref(), session)
}

pub fn unsubscribe(tx: &mut Tx<'_>, ctx: &Ctx, id: PushSubscriptionId) -> Result<()> {
    let user = ctx.user()?;
    ctx.session()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let own = subscriptions::table.filter(subscriptions::id.eq(id).and(subscriptions::user_id.eq(user)));
    let kind: Option<String> = diesel::delete(own).returning(subscriptions::kind).get_result(tx.conn).optional()?;
    let what = json!({"kind": kind.ok_or(PUSH_UNKNOWN)?});
    let entry = Entry::new("push.unsubscribed").on(AuditTarget::of("push_subscription", id)).before(what);
    audit::record(tx, ctx, &entry)
}
