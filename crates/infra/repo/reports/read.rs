//! Reading reports: one's own, and all of them as moderators see them.

use std::collections::{HashMap, HashSet};

use clowder_core::{Card, Error, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_social::{
    groups::{GroupId, Role},
    pets::PetId,
    reports::{
        AppealStatus, Assigned, Evidence, ModeratedReport, Report, ReportCounts, ReportDecision, ReportFilter,
        ReportId, ReportSort, ReportStatus, ReportTargetType, TargetId, refusals::REPORT_UNKNOWN,
    },
};
use diesel::{
    dsl::{exists, not},
    prelude::*,
    sql_types::{Bool, Nullable},
};
use uuid::Uuid;

use super::{
    super::{
        cards::Cards,
        dialect::{Backend, Conn},
        pets,
    },
    files,
    make::OWNER,
};
use crate::{
    domains::{
        groups::group_people,
        pets::pet_keepers,
        reports::{
            COMMENT, EVIDENCE, REASON, ReportRow, StatementRow, report_parties, reports as table, statements, text,
        },
    },
    seal::{KeyRing, Place, Sealed, unreadable},
};

pub const UNDECIDED: [&str; 2] = ["open", "reviewing"];
pub const DECIDED: [&str; 3] = ["resolved", "dismissed", "expired"];

pub fn row(conn: &mut Conn, report: ReportId) -> Result<ReportRow> {
    let row = table::table.find(report).select(ReportRow::as_select()).first(conn).optional()?;
    Ok(row.ok_or(REPORT_UNKNOWN)?)
}

pub fn own(conn: &mut Conn, ring: &KeyRing, reporter: UserId, report: ReportId) -> Result<Report> {
    let row = row(conn, report)?;
    if row.reporter_id != Some(reporter) {
        return Err(REPORT_UNKNOWN.into());
    }
    let attachments = files::of(conn, [report])?.remove(&report).unwrap_or_default();
    row.report(ring, attachments)
}

pub fn list_own(conn: &mut Conn, ring: &KeyRing, reporter: UserId, page: &PageRequest) -> Result<Page<Report>> {
    let mut query = table::table
        .filter(table::reporter_id.eq(reporter))
        .order(table::id.desc())
        .limit(page.fetch())
        .select(ReportRow::as_select())
        .into_boxed();
    if let Some(before) = page.id()? {
        query = query.filter(table::id.lt::<ReportId>(before));
    }
    let rows: Vec<ReportRow> = query.load(conn)?;
    let mut attached = files::of(conn, rows.iter().map(|row| row.id))?;
    let reports = rows.iter().map(|row| row.report(ring, attached.remove(&row.id).unwrap_or_default()));
    Page::fill(reports, page, |report| report.id.to_string())
}

/// Which reports a moderator can list: all but those about themselves, or about pets of theirs.
type Listed = Box<dyn BoxableExpression<table::table, Backend, SqlType = Nullable<Bool>>>;

fn listed(conn: &mut Conn, viewer: UserId) -> Result<Listed> {
    let own = report_parties::table.filter(report_parties::report_id.eq(table::id));
    let own = own.filter(report_parties::user_id.eq(viewer).and(report_parties::kind.eq(OWNER)));
    let about_others = table::reported_id.is_null().or(table::reported_id.ne(viewer)).and(not(exists(own)));
    let owned = pets::read::owned(conn, viewer)?;
    if owned.is_empty() {
        return Ok(Box::new(about_others));
    }
    let owned: Vec<TargetId> = owned.iter().map(|pet| TargetId::from_uuid(pet.uuid())).collect();
    Ok(Box::new(about_others.and(table::target_id.ne_all(owned))))
}

/// How many reports of a status are counted.
const MOST_COUNTED: i64 = 1_000;

pub fn counts(conn: &mut Conn, viewer: UserId) -> Result<ReportCounts> {
    let mut count = |status: ReportStatus| {
        let some = table::table.filter(table::status.eq(status.as_str())).filter(listed(conn, viewer)?);
        let some: Vec<ReportId> = some.order(table::id).limit(MOST_COUNTED).select(table::id).load(conn)?;
        Ok::<_, Error>(some.len() as i64)
    };
    Ok(ReportCounts { open: count(ReportStatus::Open)?, reviewing: count(ReportStatus::Reviewing)? })
}

pub fn list(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: UserId,
    filter: ReportFilter,
    page: &PageRequest,
) -> Result<Page<ModeratedReport>> {
    let mut query = table::table
        .filter(listed(conn, viewer)?)
        .limit(page.fetch())
        .select(ReportRow::as_select())
        .into_boxed::<Backend>();
    if let Some(status) = filter.status {
        query = query.filter(table::status.eq(status.as_str()));
    }
    if let Some(category) = filter.category {
        query = query.filter(table::category.eq(category.as_str()));
    }
    if let Some(kind) = filter.target_type {
        query = query.filter(table::target_type.eq(kind.as_str()));
    }
    if let Some(target) = filter.target_id {
        query = query.filter(table::target_id.eq(target));
    }
    if let Some(user) = filter.reported {
        query = query.filter(table::reported_id.eq(user));
    }
    match filter.assigned {
        Some(Assigned::Me) => query = query.filter(table::assigned_id.eq(viewer)),
        Some(Assigned::None) => query = query.filter(table::assigned_id.is_null()),
        None => {}
    }
    let pending = || {
        let pending = statements::appeal_status.eq(AppealStatus::Pending.as_str());
        statements::table.filter(pending).select(statements::report_id)
    };
    match filter.appeal {
        Some(true) => query = query.filter(table::id.eq_any(pending())),
        Some(false) => query = query.filter(table::id.ne_all(pending())),
        None => {}
    }
    let after: Option<ReportId> = page.id()?;
    query = match (filter.sort, after) {
        (ReportSort::Newest, Some(after)) => query.filter(table::id.lt(after)),
        (ReportSort::Oldest, Some(after)) => query.filter(table::id.gt(after)),
        (_, None) => query,
    };
    query = match filter.sort {
        ReportSort::Newest => query.order(table::id.desc()),
        ReportSort::Oldest => query.order(table::id.asc()),
    };
    let rows: Vec<ReportRow> = query.load(conn)?;
    let involved = involved(conn, viewer, &rows)?;
    let reports = moderated(conn, ring, rows)?.into_iter().map(|report| {
        let report = report?;
        if !involved.contains(&report.id) {
            return Ok(report);
        }
        Ok(ModeratedReport { reporter: None, comment: None, attachments: Vec::new(), ..report })
    });
    Page::fill(reports, page, |report| report.id.to_string())
}

/// Whether somebody owns or co-owns the pet that a report is about, or did so when it was reported.
pub fn owns(conn: &mut Conn, user: UserId, row: &ReportRow) -> Result<bool> {
    let then = report_parties::table.find((row.id, user)).filter(report_parties::kind.eq(OWNER));
    let then = diesel::select(exists(then)).get_result(conn)?;
    Ok(then || pets::read::owned(conn, user)?.iter().any(|pet| pet.uuid() == row.target_id.uuid()))
}

/// Those of the reports that are about pets that somebody keeps, or groups that they help to run: they do not learn who
/// made them, and do not decide about them. Whoever was part of it when it was reported stays involved. Whoever becomes
/// part of it later is not: otherwise its owner could make moderators so.
pub fn involved(conn: &mut Conn, user: UserId, rows: &[ReportRow]) -> Result<HashSet<ReportId>> {
    let of = |kind: ReportTargetType| {
        let some = rows.iter().filter(move |row| row.target_type == kind.as_str());
        some.map(|row| row.target_id.uuid()).collect::<Vec<_>>()
    };
    let pets: Vec<PetId> = of(ReportTargetType::Pet).into_iter().map(PetId::from_uuid).collect();
    let kept = pet_keepers::table.filter(pet_keepers::user_id.eq(user).and(pet_keepers::pet_id.eq_any(pets)));
    let kept = kept.filter(pet_keepers::accepted.eq(true)).select((pet_keepers::pet_id, pet_keepers::since));
    let kept: Vec<(PetId, Timestamp)> = kept.load(conn)?;
    let groups: Vec<GroupId> = of(ReportTargetType::Group).into_iter().map(GroupId::from_uuid).collect();
    let run = group_people::table
        .filter(group_people::user_id.eq(user).and(group_people::group_id.eq_any(groups)))
        .filter(group_people::role.ne(Role::Member.as_str()));
    // A role needs nobody's consent, so it counts since when they have it.
    let run = run.select((group_people::group_id, group_people::since, group_people::role_since));
    let run: Vec<(GroupId, Timestamp, Option<Timestamp>)> = run.load(conn)?;
    let kept = kept.into_iter().map(|(pet, since)| (pet.uuid(), since));
    let since: HashMap<Uuid, Timestamp> =
        kept.chain(run.into_iter().map(|(group, since, role)| (group.uuid(), role.unwrap_or(since)))).collect();
    let then = report_parties::table.filter(report_parties::user_id.eq(user));
    let then = then.filter(report_parties::report_id.eq_any(rows.iter().map(|row| row.id)));
    let mut found: HashSet<ReportId> = then.select(report_parties::report_id).load(conn)?.into_iter().collect();
    let now = rows.iter().filter(|row| since.get(&row.target_id.uuid()).is_some_and(|since| *since <= row.created_at));
    found.extend(now.map(|row| row.id));
    Ok(found)
}

/// One as moderators see it, without its evidence.
pub fn one(conn: &mut Conn, ring: &KeyRing, row: ReportRow) -> Result<ModeratedReport> {
    moderated(conn, ring, vec![row])?.pop().unwrap_or_else(|| Err(REPORT_UNKNOWN.into()))
}

/// A fixed number of queries, however many reports.
fn moderated(conn: &mut Conn, ring: &KeyRing, rows: Vec<ReportRow>) -> Result<Vec<Result<ModeratedReport>>> {
    let ids: Vec<ReportId> = rows.iter().map(|row| row.id).collect();
    let mut attached = files::of(conn, ids.iter().copied())?;
    let appealed = statements::table
        .filter(statements::report_id.eq_any(ids).and(statements::appealed_at.is_not_null()))
        .select(StatementRow::as_select());
    let appealed: Vec<StatementRow> = appealed.load(conn)?;
    let people = rows.iter().flat_map(|row| [row.reporter_id, row.reported_id, row.assigned_id, row.decided_by]);
    let cards = Cards::of(conn, None, people.flatten())?;
    let card = |user: Option<UserId>| -> Result<Option<Card>> { user.map(|user| cards.card(user)).transpose() };
    let reports = rows.into_iter().map(|row| {
        let appeal = appealed.iter().find(|statement| statement.report_id == row.id);
        let decision = row.resolution()?.map(|resolution| -> Result<_> {
            Ok(ReportDecision {
                action: resolution.action,
                until: row.until,
                reason: text(ring, REASON, row.id, row.reason.as_ref()),
                decided_by: card(row.decided_by)?,
                decided_at: resolution.decided_at,
            })
        });
        Ok(ModeratedReport {
            id: row.id,
            target: row.target()?,
            category: row.category()?,
            comment: text(ring, COMMENT, row.id, row.comment.as_ref()),
            attachments: attached.remove(&row.id).unwrap_or_default(),
            status: row.status()?,
            reporter: card(row.reporter_id)?,
            reported: card(row.reported_id)?,
            assigned: card(row.assigned_id)?,
            decision: decision.transpose()?,
            appeal: appeal.map(|statement| statement.appeal(ring)).transpose()?.flatten(),
            evidence: None,
            created_at: row.created_at,
            version: row.version,
        })
    });
    Ok(reports.collect())
}

/// What was kept of the target, if it can still be read.
pub fn evidence(conn: &mut Conn, ring: &KeyRing, report: ReportId) -> Result<Option<Evidence>> {
    let sealed: Sealed = table::table.find(report).select(table::evidence).first(conn)?;
    let opened = ring.open(Place::new(EVIDENCE, report), &sealed).and_then(|json| Ok(serde_json::from_slice(&json)?));
    Ok(opened.map_or_else(|error| unreadable(&error), Some))
}
