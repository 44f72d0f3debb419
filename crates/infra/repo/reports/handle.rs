//! Moderators take reports and decide about them. What a decision does happens in the same transaction.

use std::slice;

use clowder_accounts::{
    Own,
    model::NewSuspension,
    refusals::{OUTRANKED, SESSION_ENDED, USER_UNKNOWN},
};
use clowder_core::{
    Change as Announced, Ctx, Id, Result, Role, Timestamp, UserId, Versions, Word,
    audit::{Entry, Target},
    versions,
};
use clowder_social::{
    Prose,
    reports::{
        Change, Handling, ModeratedReport, ModerationAction, ReportId, ReportPatch, ReportStatus, ReportTargetType,
        change::ReportTold,
        policy::{HandleFacts, Handled, decide, may_examine},
        refusals::{REPORT_STALE, REPORT_UNKNOWN},
    },
};
use diesel::{dsl::not, prelude::*};
use serde_json::json;

use super::{
    super::{
        audit,
        db::Tx,
        dialect::{self, Conn},
        groups, journal,
        messaging::edit,
        pets, profiles,
        staff::{self, search::is_suspended},
    },
    read,
    statements::{self, Deciding},
};
use crate::{
    domains::{
        accounts::users,
        reports::{REASON, ReportRow, reports as table},
    },
    seal::Place,
};

/// Reads a report with its evidence, and records that.
pub fn examine(tx: &mut Tx<'_>, ctx: &Ctx, report: ReportId) -> Result<ModeratedReport> {
    let row = read::row(tx.conn, report)?;
    let involved = read::involved(tx.conn, ctx.user()?, slice::from_ref(&row))?;
    let owns = read::owns(tx.conn, ctx.user()?, &row)?;
    if !may_examine(ctx.user()?, row.reported_id, owns) || !involved.is_empty() {
        return Err(REPORT_UNKNOWN.into());
    }
    let ring = &tx.services.ring;
    let report = ModeratedReport { evidence: read::evidence(tx.conn, ring, report)?, ..read::one(tx.conn, ring, row)? };
    audit::record(tx, ctx, &Entry::new("report.read").on(Target::of("report", report.id)))?;
    Ok(report)
}

/// The report as it is now, and the account whose standing has changed.
pub fn handle(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    report: ReportId,
    version: Option<&Versions>,
    patch: &ReportPatch,
) -> Result<(ModeratedReport, Option<Own>)> {
    let moderator = ctx.user()?;
    let people = read::row(tx.conn, report)?;
    if patch.status != Handling::Reviewing {
        dialect::accounts::lock_admins(tx.conn)?;
    }
    let people: Vec<_> = [Some(moderator), people.reporter_id, people.reported_id].into_iter().flatten().collect();
    dialect::accounts::lock_users(tx.conn, &people)?;
    dialect::reports::lock_report(tx.conn, report)?;
    let row = read::row(tx.conn, report)?;
    let facts = facts(tx.conn, ctx, moderator, &row)?;
    let handled = decide(&facts, patch, OUTRANKED, USER_UNKNOWN)?;
    versions::check(version, row.version, REPORT_STALE)?;
    match handled {
        Handled::Nothing => Ok((read::one(tx.conn, &tx.services.ring, row)?, None)),
        Handled::Taken => Ok((take(tx, ctx, row)?, None)),
        Handled::Decided { status, action } => {
            let reason = patch.reason.as_ref().map(Prose::as_str).unwrap_or_default();
            let alone = facts.decided_by == Some(moderator);
            settle(tx, ctx, row, status, Deciding { action, until: patch.until, reason, alone })
        }
    }
}

fn facts(conn: &mut Conn, ctx: &Ctx, moderator: UserId, row: &ReportRow) -> Result<HandleFacts> {
    let role = |conn: &mut Conn, user: UserId| -> Result<Option<Role>> {
        let lives = users::table.find(user).filter(users::deleted_at.is_null());
        let role: Option<String> = lives.select(users::role).first(conn).optional()?;
        role.as_deref().map(Role::parse_word).transpose()
    };
    let reported_role = row.reported_id.map(|user| role(conn, user)).transpose()?.flatten();
    let is_own = row.decided_by == Some(moderator);
    Ok(HandleFacts {
        caller: moderator,
        role: role(conn, moderator)?.ok_or(SESSION_ENDED)?,
        target: row.target()?.kind,
        status: row.status()?,
        reporter: row.reporter_id,
        reported: row.reported_id,
        reported_role,
        assigned: row.assigned_id,
        decided_by: row.decided_by,
        nobody_else: is_own && !others_could(conn, ctx.now, moderator, row, reported_role)?,
        owns: read::owns(conn, moderator, row)?,
        involved: !read::involved(conn, moderator, slice::from_ref(row))?.is_empty(),
    })
}

/// How many people who work for the server are looked at: where there are more, somebody can decide.
const STAFF: i64 = 100;

/// Whether somebody besides the moderator could decide a report, whatever the decision is.
fn others_could(
    conn: &mut Conn,
    now: Timestamp,
    moderator: UserId,
    row: &ReportRow,
    reported_role: Option<Role>,
) -> Result<bool> {
    let concerned: Vec<_> = [Some(moderator), row.reporter_id, row.reported_id].into_iter().flatten().collect();
    let others = users::table
        .filter(groups::read::IS_SERVER_STAFF)
        .filter(users::deleted_at.is_null())
        .filter(not(is_suspended(now)))
        .filter(users::id.ne_all(concerned))
        .order(users::id)
        .limit(STAFF);
    let others: Vec<(UserId, String)> = others.select((users::id, users::role)).load(conn)?;
    if others.len() as i64 == STAFF {
        return Ok(true);
    }
    for (other, role) in others {
        let outranks = reported_role.is_none_or(|reported| Role::parse_word(&role).is_ok_and(|role| role > reported));
        let is_free = !read::owns(conn, other, row)? && read::involved(conn, other, slice::from_ref(row))?.is_empty();
        if outranks && is_free {
            return Ok(true);
        }
    }
    Ok(false)
}

fn take(tx: &mut Tx<'_>, ctx: &Ctx, row: ReportRow) -> Result<ModeratedReport> {
    let taken: ReportRow = diesel::update(table::table.find(row.id))
        .set((
            table::status.eq(ReportStatus::Reviewing.as_str()),
            table::assigned_id.eq(ctx.user()?),
            table::version.eq(table::version + 1),
        ))
        .returning(ReportRow::as_returning())
        .get_result(tx.conn)?;
    let report = read::one(tx.conn, &tx.services.ring, taken.clone())?;
    audit::record(tx, ctx, &Entry::new("report.taken").on(Target::of("report", row.id)))?;
    // Who takes it over from another moderator changes nothing for the reporter.
    if row.status()? != ReportStatus::Reviewing
        && let Some(reporter) = taken.reporter_id
    {
        journal::append(tx, ctx, &Change::Updated(reporter, told(&taken)?))?;
    }
    Ok(report)
}

/// What the reporter is told of it.
pub fn told(row: &ReportRow) -> Result<ReportTold> {
    let status = row.status()?;
    Ok(ReportTold {
        report_id: row.id,
        target: row.target()?,
        status,
        resolution: row.resolution()?.filter(|_| status.is_decided()),
    })
}

fn settle(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    before: ReportRow,
    status: ReportStatus,
    deciding: Deciding<'_>,
) -> Result<(ModeratedReport, Option<Own>)> {
    let Deciding { action, until, reason, alone } = deciding;
    let sealed = tx.services.ring.seal(Place::new(REASON, before.id), reason.as_bytes())?;
    let after: ReportRow = diesel::update(table::table.find(before.id))
        .set((
            table::status.eq(status.as_str()),
            table::assigned_id.eq(ctx.user()?),
            table::action.eq(action.as_str()),
            table::until.eq(until),
            table::reason.eq(sealed),
            table::decided_by.eq(ctx.user()?),
            table::decided_at.eq(ctx.now),
            table::version.eq(table::version + 1),
        ))
        .returning(ReportRow::as_returning())
        .get_result(tx.conn)?;
    // The statement and its email come first: an action goes on to chats and to the journal, which are locked later.
    let stated = statements::issue(tx, ctx, &after, deciding)?;
    let entry = Entry::new("report.decided").on(Target::of("report", after.id));
    // Not the reason: it is kept with the report, and goes with it.
    let mut said = json!({"status": status, "action": action, "until": until});
    if alone {
        said["own_appeal"] = json!(true);
    }
    audit::record(tx, ctx, &entry.after(said))?;
    let (own, acted) = act(tx, ctx, &after, deciding, stated.lifts)?;
    // A suspension closes the sockets of the person, who hears of the statement before.
    let mut announced: Vec<Box<dyn Announced>> = Vec::new();
    announced.extend(stated.change.map(|change| Box::new(change) as Box<dyn Announced>));
    announced.extend(acted);
    if let Some(reporter) = after.reporter_id {
        announced.push(Box::new(Change::Decided(reporter, told(&after)?)));
    }
    let report = read::one(tx.conn, &tx.services.ring, after)?;
    let announced: Vec<&dyn Announced> = announced.iter().map(|change| &**change).collect();
    journal::append_each(tx, ctx, &announced)?;
    Ok((report, own))
}

type Acted = (Option<Own>, Vec<Box<dyn Announced>>);

/// Does what was decided, and lifts the suspension of an earlier decision. Answers what it announces.
fn act(tx: &mut Tx<'_>, ctx: &Ctx, row: &ReportRow, deciding: Deciding<'_>, lifts: bool) -> Result<Acted> {
    let mut announced: Vec<Box<dyn Announced>> = Vec::new();
    let mut blank = None;
    if deciding.action == ModerationAction::RemoveContent {
        blank = remove(tx, ctx, row, deciding.reason, &mut announced)?;
    }
    let (own, changes) = match row.reported_id {
        Some(user) if deciding.action == ModerationAction::Suspend => {
            let new = NewSuspension { until: deciding.until, reason: deciding.reason.to_owned() };
            staff::suspend_locked(tx, ctx, user, new)?
        }
        Some(user) if lifts => staff::lift_locked(tx, ctx, user)?,
        _ => return Ok((blank, announced)),
    };
    announced.extend(changes.into_iter().map(|change| Box::new(change) as Box<dyn Announced>));
    Ok((Some(own.at(ctx.now)), announced))
}

/// Takes away what was reported. Answers the account, if it is a profile.
fn remove(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    row: &ReportRow,
    reason: &str,
    announced: &mut Vec<Box<dyn Announced>>,
) -> Result<Option<Own>> {
    let target = row.target()?;
    let id = target.id.uuid();
    match target.kind {
        ReportTargetType::Message => {
            let change = edit::delete_by_decision(tx, ctx, Id::from_uuid(id))?;
            announced.extend(change.map(|change| Box::new(change) as Box<dyn Announced>));
        }
        ReportTargetType::Group => {
            let change = groups::blank_by_decision(tx, ctx, Id::from_uuid(id))?;
            announced.extend(change.map(|change| Box::new(change) as Box<dyn Announced>));
        }
        ReportTargetType::Pet => {
            let changes = pets::blank_by_decision(tx, Id::from_uuid(id))?;
            announced.extend(changes.into_iter().map(|change| Box::new(change) as Box<dyn Announced>));
        }
        ReportTargetType::User => {
            let Some((changes, own)) = profiles::blank_by_decision(tx, ctx, UserId::from_uuid(id), reason)? else {
                return Ok(None);
            };
            announced.extend(changes.into_iter().map(|change| Box::new(change) as Box<dyn Announced>));
            return Ok(Some(own));
        }
    }
    Ok(None)
}
