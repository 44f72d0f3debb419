//! What people did, over the database: made by a reader of the journal, listed and cleared by its owner.

mod privacy;

use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use clowder_accounts::{
    ActivityLog, Session,
    activity::{ACTIONS, Act, Activity, ActivityDevice, ActivityId, ActivityType, KEPT_FOR, decide, of_entry, tally},
    refusals::SESSION_ENDED,
};
use clowder_core::{Ctx, Page, PageRequest, Recorded, Result, SessionId, Timestamp, UserId};
use diesel::prelude::*;
use tracing::instrument;
use uuid::Uuid;

use super::{
    Repo, accounts,
    clock::{SHOWN, never, when},
    db::Tx,
    dialect::{self, Conn},
    domains::{self, Domain, Sweep},
    readers::{Audited, Reader},
    upkeep::forget,
};
use crate::domains::{
    accounts::users,
    activity::{ActivityRow, activity, activity_clearings},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    readers: &[Reader { name: READER, changes: note_changes, actions: ACTIONS, entries: note_entries }],
    words: &["activity.kind", "activity.target_kind"],
    times: &[
        when!(OnReturn, activity.at),
        never("activity.last_at", SHOWN),
        when!(OnReturn, activity_clearings.cleared_at),
    ],
    sweeps: &[Sweep::Rows(sweep)],
    ..Domain::NONE
};

const READER: &str = "activity";
/// The kind of a session as a target.
const SESSION: &str = "session";
/// How many items of a log are deleted in one transaction.
const PIECE: i64 = 2_000;

#[async_trait]
impl ActivityLog for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn activity(&self, ctx: &Ctx, kind: Option<ActivityType>, page: PageRequest) -> Result<Page<Activity>> {
        let ctx = ctx.clone();
        self.db.read(move |conn| list(conn, &ctx, kind.as_ref(), &page)).await
    }

    /// In pieces, so that other writers get their turn in between: a log may be long.
    #[instrument(level = "debug", skip_all)]
    async fn clear_activity(&self, ctx: &Ctx) -> Result<()> {
        loop {
            let caller = ctx.clone();
            if self.db.write(move |tx| clear(tx, &caller)).await? < PIECE as usize {
                return Ok(());
            }
        }
    }
}

/// The latest first.
fn rows(conn: &mut Conn, user: UserId, kind: Option<&ActivityType>, page: &PageRequest) -> Result<Vec<ActivityRow>> {
    let mut own = activity::table
        .filter(activity::user_id.eq(user))
        .order((activity::at.desc(), activity::id.desc()))
        .limit(page.fetch())
        .select(ActivityRow::as_select())
        .into_boxed();
    if let Some(kind) = kind {
        own = own.filter(activity::kind.eq(kind.as_str()));
    }
    if let Some((at, id)) = page.moment()? {
        let id: ActivityId = id;
        own = own.filter(activity::at.lt(at).or(activity::at.eq(at).and(activity::id.lt(id))));
    }
    Ok(own.load(conn)?)
}

fn list(conn: &mut Conn, ctx: &Ctx, kind: Option<&ActivityType>, page: &PageRequest) -> Result<Page<Activity>> {
    let rows = rows(conn, ctx.user()?, kind, page)?;
    let mut devices = devices(conn, ctx, &rows)?;
    as_page(rows, page, |target| devices.remove(&target))
}

fn as_page(
    rows: Vec<ActivityRow>,
    page: &PageRequest,
    mut device: impl FnMut(Uuid) -> Option<ActivityDevice>,
) -> Result<Page<Activity>> {
    let items = rows.into_iter().map(|row| {
        let device = device(row.target_id.uuid());
        Ok(row.activity(device))
    });
    Page::fill(items, page, |item| Page::<()>::place(item.at, item.id))
}

/// The devices of sessions that these items are about, and that are still open.
fn devices(conn: &mut Conn, ctx: &Ctx, rows: &[ActivityRow]) -> Result<HashMap<Uuid, ActivityDevice>> {
    let of_sessions = rows.iter().filter(|row| row.target_kind == SESSION);
    let ids: Vec<SessionId> = of_sessions.map(|row| SessionId::from_uuid(row.target_id.uuid())).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let open = accounts::sessions::open_among(conn, ctx, &ids)?.into_iter();
    let device =
        |Session { id, name, agent, address, .. }: Session| (id.uuid(), ActivityDevice { name, agent, address });
    Ok(open.map(device).collect())
}

fn clear(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let living = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(diesel::dsl::exists(living)).get_result::<bool>(tx.conn)? {
        return Err(SESSION_ENDED.into());
    }
    // What the reader is just writing is deleted, too; what it writes next is newer.
    dialect::readers::lock_reader(tx.conn, READER)?;
    diesel::insert_into(activity_clearings::table)
        .values((activity_clearings::user_id.eq(user), activity_clearings::cleared_at.eq(ctx.now)))
        .on_conflict(activity_clearings::user_id)
        .do_update()
        .set(activity_clearings::cleared_at.eq(ctx.now))
        .execute(tx.conn)?;
    delete_some(tx, user, PIECE)
}

/// Deletes the first items of somebody's log. The caller holds the reader.
fn delete_some(tx: &mut Tx<'_>, user: UserId, most: i64) -> Result<usize> {
    let some: Vec<ActivityId> = activity::table
        .filter(activity::user_id.eq(user))
        .order((activity::at, activity::id))
        .limit(most)
        .select(activity::id)
        .load(tx.conn)?;
    Ok(diesel::delete(activity::table.filter(activity::id.eq_any(some))).execute(tx.conn)?)
}

fn note_changes(tx: &mut Tx<'_>, _: &Ctx, changes: &[Recorded]) -> Result<()> {
    note(tx, changes.iter().filter_map(|change| decide(domains::activity(), change)).collect())
}

fn note_entries(tx: &mut Tx<'_>, ctx: &Ctx, entries: &[Audited]) -> Result<()> {
    // The audit log is kept for longer.
    let oldest = ctx.now.minus(KEPT_FOR);
    let act = |entry: &Audited| {
        let (user, (target_kind, target)) = (entry.subject?, entry.target.clone()?);
        Some(Act { user, kind: of_entry(&entry.action, entry.actor, user)?, target_kind, target, at: entry.at })
    };
    note(tx, entries.iter().filter(|entry| entry.at > oldest).filter_map(act).collect())
}

/// Counts what was done by people who are still there and have not cleared it away.
///
/// The people are not locked: their locks may be held for long, and one of them must not keep the log of all others
/// waiting. Instead an erasure, which has marked the account before, locks the reader when it deletes the log. So either
/// it finds these rows, or this finds the mark.
fn note(tx: &mut Tx<'_>, mut acts: Vec<Act>) -> Result<()> {
    let people: BTreeSet<UserId> = acts.iter().map(|act| act.user).collect();
    if people.is_empty() {
        return Ok(());
    }
    let living = users::table.filter(users::id.eq_any(&people)).filter(users::deleted_at.is_null());
    let living: HashSet<UserId> = living.select(users::id).load(tx.conn)?.into_iter().collect();
    let cleared = activity_clearings::table.filter(activity_clearings::user_id.eq_any(&people));
    let cleared: Vec<(UserId, Timestamp)> =
        cleared.select((activity_clearings::user_id, activity_clearings::cleared_at)).load(tx.conn)?;
    let cleared: HashMap<_, _> = cleared.into_iter().collect();
    acts.retain(|act| living.contains(&act.user) && cleared.get(&act.user).is_none_or(|cleared| act.at > *cleared));
    for tally in tally(acts) {
        let row = ActivityRow::new(tally);
        diesel::insert_into(activity::table)
            .values(&row)
            .on_conflict((activity::user_id, activity::day, activity::kind, activity::target_id))
            .do_update()
            .set((activity::count.eq(activity::count + row.count), activity::last_at.eq(row.last_at)))
            .execute(tx.conn)?;
    }
    Ok(())
}

fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let oldest = ctx.now.minus(KEPT_FOR);
    let items = forget!(tx, activity by id: ActivityId, activity::at.le(oldest));
    let clearings = forget!(tx, activity_clearings by user_id: UserId, activity_clearings::cleared_at.le(oldest));
    Ok(items + clearings)
}
