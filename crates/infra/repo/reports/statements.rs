//! Statements of reasons: told to the person whom a decision concerns, who may appeal once.

use clowder_core::{
    Ctx, Page, PageRequest, Result, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use clowder_social::reports::{
    AppealStatus, Change, ModerationAction, NewAppeal, ReportStatus, Statement, StatementId,
    change::StatementTold,
    policy::{may_appeal, outcome},
    refusals::STATEMENT_UNKNOWN,
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        accounts::profile,
        audit,
        credentials::mailed,
        db::Tx,
        dialect::{self, Conn},
        journal,
    },
    handle, read,
};
use crate::{
    domains::{
        accounts::{UserRow, users},
        reports::{ANSWER, APPEAL, ReportRow, STATED, StatementRow, reports, statements as table},
    },
    emails::Recipient,
    seal::{KeyRing, Place},
};

pub fn list(conn: &mut Conn, ring: &KeyRing, user: UserId, page: &PageRequest) -> Result<Page<Statement>> {
    let mut query = table::table
        .filter(table::user_id.eq(user))
        .order(table::id.desc())
        .limit(page.fetch())
        .select(StatementRow::as_select())
        .into_boxed();
    if let Some(before) = page.id()? {
        query = query.filter(table::id.lt::<StatementId>(before));
    }
    let rows: Vec<StatementRow> = query.load(conn)?;
    Page::fill(rows.iter().map(|row| row.statement(ring)), page, |statement| statement.id.to_string())
}

/// What a moderator decides, and why.
#[derive(Clone, Copy)]
pub struct Deciding<'d> {
    pub action: ModerationAction,
    pub until: Option<Timestamp>,
    pub reason: &'d str,
    /// Whether somebody answers an appeal against their own decision.
    pub alone: bool,
}

/// What came of telling the person.
#[derive(Default)]
pub struct Stated {
    pub change: Option<Change>,
    /// Whether the suspension of the first decision is to be lifted: it was appealed against, and still holds.
    pub lifts: bool,
}

/// Tells the person whom a decision concerns: by a new statement if something is done, or as the answer to their appeal.
/// The people and the report are locked.
pub fn issue(tx: &mut Tx<'_>, ctx: &Ctx, report: &ReportRow, deciding: Deciding<'_>) -> Result<Stated> {
    let Deciding { action, until, reason, .. } = deciding;
    let Some(user) = report.reported_id else { return Ok(Stated::default()) };
    let person = users::table.find(user).filter(users::deleted_at.is_null()).select(UserRow::as_select());
    let person: Option<UserRow> = person.first(tx.conn).optional()?;
    let Some(own) = person.map(UserRow::own).transpose()? else { return Ok(Stated::default()) };
    let earlier = table::table.filter(table::report_id.eq(report.id)).select(StatementRow::as_select());
    let earlier: Option<StatementRow> = earlier.first(tx.conn).optional()?;
    if let Some(earlier) = earlier {
        return answer(tx, ctx, report, &earlier, &own, deciding);
    }
    if action == ModerationAction::None {
        return Ok(Stated::default());
    }
    let (to, about) = (Recipient::of(&own), report.target()?.kind);
    let mail = tx.services.email_templates.statement_issued(&to, about, (action, until), reason)?;
    mailed::notify(tx, ctx, &own, &mail)?;
    let id = StatementId::new(ctx.now);
    let row = StatementRow {
        id,
        user_id: user,
        report_id: report.id,
        target_type: report.target_type.clone(),
        target_id: report.target_id,
        category: report.category.clone(),
        action: action.as_str().to_owned(),
        until,
        reason: Some(tx.services.ring.seal(Place::new(STATED, id), reason.as_bytes())?),
        created_at: ctx.now,
        appeal: None,
        appeal_status: None,
        appealed_at: None,
        answer: None,
        answered_at: None,
        self_answered: false,
    };
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    let told = StatementTold { statement_id: id, action, appeal_status: None };
    Ok(Stated { change: Some(Change::StatementIssued(user, told)), lifts: false })
}

/// The second decision about a report answers the appeal.
fn answer(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    report: &ReportRow,
    earlier: &StatementRow,
    own: &clowder_accounts::Own,
    Deciding { action, until, reason, alone }: Deciding<'_>,
) -> Result<Stated> {
    let status = outcome(action);
    // Somebody may have suspended them for another reason since.
    let (suspended, why) = (earlier.action()? == ModerationAction::Suspend, earlier.reason(&tx.services.ring));
    let suspended = suspended
        && own
            .suspension
            .as_ref()
            .is_some_and(|suspension| (Some(&suspension.reason), suspension.until) == (why.as_ref(), earlier.until));
    // What is taken back is still shown as what it was.
    let now = if status == AppealStatus::Upheld { action } else { earlier.action()? };
    let until = if status == AppealStatus::Upheld { until } else { earlier.until };
    let holds = if status == AppealStatus::Upheld { now } else { ModerationAction::None };
    let (to, about) = (Recipient::of(own), report.target()?.kind);
    let mail = tx.services.email_templates.appeal_decided(&to, about, status, (holds, until), (reason, alone))?;
    mailed::notify(tx, ctx, own, &mail)?;
    diesel::update(table::table.find(earlier.id))
        .set((
            table::action.eq(now.as_str()),
            table::until.eq(until),
            table::appeal_status.eq(status.as_str()),
            table::answer.eq(tx.services.ring.seal(Place::new(ANSWER, earlier.id), reason.as_bytes())?),
            table::answered_at.eq(ctx.now),
            table::self_answered.eq(alone),
        ))
        .execute(tx.conn)?;
    let told = StatementTold { statement_id: earlier.id, action: now, appeal_status: Some(status) };
    Ok(Stated {
        change: Some(Change::StatementUpdated(earlier.user_id, told)),
        lifts: suspended && action != ModerationAction::Suspend && !is_suspended_otherwise(tx.conn, ctx.now, earlier)?,
    })
}

/// Whether another decision still suspends the person.
fn is_suspended_otherwise(conn: &mut Conn, now: Timestamp, statement: &StatementRow) -> Result<bool> {
    let stands = table::appeal_status.is_null().or(table::appeal_status.ne(AppealStatus::Reversed.as_str()));
    let others = table::table
        .filter(table::user_id.eq(statement.user_id).and(table::id.ne(statement.id)))
        .filter(table::action.eq(ModerationAction::Suspend.as_str()))
        .filter(table::until.is_null().or(table::until.gt(now)))
        .filter(stands);
    Ok(diesel::select(exists(others)).get_result(conn)?)
}

pub fn appeal(tx: &mut Tx<'_>, ctx: &Ctx, id: StatementId, new: &NewAppeal) -> Result<Statement> {
    let user = ctx.user()?;
    let report = one(tx.conn, user, id)?.report_id;
    let reporter = read::row(tx.conn, report)?.reporter_id;
    let people: Vec<_> = [Some(user), reporter].into_iter().flatten().collect();
    dialect::accounts::lock_users(tx.conn, &people)?;
    dialect::reports::lock_report(tx.conn, report)?;
    // Their account is not gone, nor is the statement.
    profile::own(tx.conn, user)?;
    let (statement, report) = (one(tx.conn, user, id)?, read::row(tx.conn, report)?);
    may_appeal(statement.appeal_status.is_some(), report.status()?)?;
    let statement: StatementRow = diesel::update(table::table.find(id))
        .set((
            table::appeal.eq(tx.services.ring.seal(Place::new(APPEAL, id), new.text.as_str().as_bytes())?),
            table::appeal_status.eq(AppealStatus::Pending.as_str()),
            table::appealed_at.eq(ctx.now),
        ))
        .returning(StatementRow::as_returning())
        .get_result(tx.conn)?;
    let report: ReportRow = diesel::update(reports::table.find(report.id))
        .set((
            reports::status.eq(ReportStatus::Open.as_str()),
            reports::assigned_id.eq(None::<UserId>),
            reports::version.eq(reports::version + 1),
        ))
        .returning(ReportRow::as_returning())
        .get_result(tx.conn)?;
    audit::record(tx, ctx, &Entry::new("statement.appealed").on(Target::of("statement", id)))?;
    let told =
        StatementTold { statement_id: id, action: statement.action()?, appeal_status: statement.appeal_status()? };
    let mut changes = vec![Change::StatementUpdated(user, told)];
    if let Some(reporter) = report.reporter_id {
        changes.push(Change::Updated(reporter, handle::told(&report)?));
    }
    let changes: Vec<_> = changes.iter().map(|change| (ctx, change)).collect();
    let shown = statement.statement(&tx.services.ring)?;
    journal::append_all(tx, &changes)?;
    Ok(shown)
}

/// A statement about somebody as it is now.
pub fn own(tx: &mut Tx<'_>, user: UserId, id: StatementId) -> Result<Statement> {
    one(tx.conn, user, id)?.statement(&tx.services.ring)
}

fn one(conn: &mut Conn, user: UserId, id: StatementId) -> Result<StatementRow> {
    let row = table::table.find(id).filter(table::user_id.eq(user)).select(StatementRow::as_select());
    Ok(row.first(conn).optional()?.ok_or(STATEMENT_UNKNOWN)?)
}
