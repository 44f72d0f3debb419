//! What people did, over the database: made by a reader of the journal, listed and cleared by its owner.

mod privacy;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use clowder_accounts::{
    ActivityLog, Session,
    activity::{ACTIONS, Act, Activity, ActivityDevice, ActivityId, ActivityType, KEPT_FOR, decide, of_entry, tally},
    refusals::SESSION_ENDED,
};
use clowder_core::{Ctx, Id, Page, PageRequest, Positions, Recorded, Result, SessionId, UserId};
use diesel::prelude::*;
use tracing::instrument;
use uuid::Uuid;

use super::{
    Repo, accounts, batch,
    clock::{SHOWN, never, when},
    db::Tx,
    dialect::{self, Conn},
    domains::{self, Domain, Sweep},
    journal,
    readers::{self, Audited, Reader},
    upkeep::forget,
};
use crate::{
    domains::{
        accounts::users,
        activity::{ActivityRow, ClearingRow, activity, activity_clearings},
        readers::readers as readers_table,
    },
    segments::KnownSegments,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    readers: &[Reader { name: READER, changes: note_changes, actions: ACTIONS, repeats: false, entries: note_entries }],
    words: &["activity.kind", "activity.target_kind", "activity_clearings.heads"],
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
        // Sign-ins have a place in the audit log only then, and those until now must not come back.
        self.chain_pending().await;
        loop {
            let (caller, known) = (ctx.clone(), Arc::clone(&self.segments));
            if self.db.write(move |tx| clear(tx, &caller, &known)).await? < PIECE as usize {
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

fn clear(tx: &mut Tx<'_>, ctx: &Ctx, known: &KnownSegments) -> Result<usize> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let living = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(diesel::dsl::exists(living)).get_result::<bool>(tx.conn)? {
        return Err(SESSION_ENDED.into());
    }
    // What the reader is just writing is deleted, too; of what it writes next, these places say what came later. Times
    // do not: the clocks of nodes differ.
    dialect::readers::lock_reader(tx.conn, READER)?;
    let (epoch, heads, audit) = readers::heads(tx.conn, known)?;
    let row = ClearingRow {
        user_id: user,
        cleared_at: ctx.now,
        epoch: Id::from_uuid(epoch),
        heads: serde_json::to_string(heads.as_slice())?,
        audit,
    };
    diesel::insert_into(activity_clearings::table)
        .values(&row)
        .on_conflict(activity_clearings::user_id)
        .do_update()
        .set(&row)
        .execute(tx.conn)?;
    delete_some(tx, user, PIECE)
}

/// Up to where somebody has cleared their log.
struct Cleared {
    heads: Positions,
    audit: i64,
}

impl Cleared {
    fn has(&self, place: Place) -> bool {
        match place {
            Place::Journal { stream, position } => position <= self.heads.get(stream),
            Place::Audit(position) => position <= self.audit,
        }
    }
}

/// Where it is written that something was done.
#[derive(Clone, Copy)]
enum Place {
    Journal { stream: usize, position: i64 },
    Audit(i64),
}

/// What these people have cleared. In another journal than this one, positions mean nothing; the reader has passed over
/// what was before it. In an epoch that this one goes on from, they mean the same.
fn cleared(conn: &mut Conn, people: &BTreeSet<UserId>) -> Result<HashMap<UserId, Cleared>> {
    let rows = activity_clearings::table.filter(activity_clearings::user_id.eq_any(people));
    let rows: Vec<ClearingRow> = rows.select(ClearingRow::as_select()).load(conn)?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let present: Id<()> = readers_table::table.find(READER).select(readers_table::epoch).first(conn)?;
    let former = match rows.iter().all(|row| row.epoch == present) {
        true => Vec::new(),
        false => journal::former(conn, present.uuid())?,
    };
    let counts = |epoch: Id<()>| epoch == present || former.iter().any(|former| former.epoch == epoch.uuid());
    let cleared = rows.into_iter().map(|row| {
        let heads = if counts(row.epoch) { serde_json::from_str(&row.heads)? } else { Vec::new() };
        Ok((row.user_id, Cleared { heads: Positions::new(heads), audit: row.audit }))
    });
    cleared.collect()
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
    let acts = changes.iter().flat_map(|change| {
        let place = Place::Journal { stream: change.stream, position: change.position };
        decide(domains::activity(), change).map(move |act| (place, act))
    });
    note(tx, acts.collect())
}

fn note_entries(tx: &mut Tx<'_>, ctx: &Ctx, entries: &[Audited]) -> Result<()> {
    // The audit log is kept for longer.
    let oldest = ctx.now.minus(KEPT_FOR);
    let act = |entry: &Audited| {
        let (user, (target_kind, target)) = (entry.subject?, entry.target.clone()?);
        let kind = of_entry(&entry.action, entry.actor, user)?;
        Some((Place::Audit(entry.position), Act { user, kind, target_kind, target, at: entry.at }))
    };
    note(tx, entries.iter().filter(|entry| entry.at > oldest).filter_map(act).collect())
}

/// Counts what was done by people who are still there and have not cleared it away.
///
/// The people are not locked: their locks may be held for long, and one of them must not keep the log of all others
/// waiting. Instead an erasure, which has marked the account before, locks the reader when it deletes the log. So either
/// it finds these rows, or this finds the mark.
fn note(tx: &mut Tx<'_>, acts: Vec<(Place, Act)>) -> Result<()> {
    let people: BTreeSet<UserId> = acts.iter().map(|(_, act)| act.user).collect();
    if people.is_empty() {
        return Ok(());
    }
    let living = users::table.filter(users::id.eq_any(&people)).filter(users::deleted_at.is_null());
    let living: HashSet<UserId> = living.select(users::id).load(tx.conn)?.into_iter().collect();
    let cleared = cleared(tx.conn, &people)?;
    let counts = |place: Place, user: UserId| {
        living.contains(&user) && !cleared.get(&user).is_some_and(|cleared| cleared.has(place))
    };
    let counted = acts.into_iter().filter(|(place, act)| counts(*place, act.user)).map(|(_, act)| act);
    batch::readers::add_activity(tx.conn, tally(counted).into_iter().map(ActivityRow::new).collect())
}

fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let oldest = ctx.now.minus(KEPT_FOR);
    let items = forget!(tx, activity by id: ActivityId, activity::at.le(oldest));
    let clearings = forget!(tx, activity_clearings by user_id: UserId, activity_clearings::cleared_at.le(oldest));
    Ok(items + clearings)
}
