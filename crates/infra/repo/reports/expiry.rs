//! Reports that nobody decides any more: open for too long, or about what is gone, made by somebody who is gone. They are
//! closed without their evidence, and forgotten as decided ones are.

use std::{collections::HashSet, time::Duration};

use clowder_core::{
    Ctx, Id, Result, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use clowder_social::reports::{
    Change, Evidence, ModerationAction, ReportId, ReportStatus, ReportTargetType, TargetId, policy::OPEN_FOR,
};
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    super::{
        Repo, audit,
        db::Tx,
        dialect::{self, Conn},
        domains::Steps,
        journal,
    },
    files, handle,
    read::{self, UNDECIDED},
};
use crate::{
    domains::{
        accounts::users,
        groups::groups,
        messaging::messages,
        pets::pets,
        reports::{EVIDENCE, ReportRow, reports as table},
    },
    seal::Place,
};

/// How many reports are looked at together.
const PIECE: i64 = 200;

/// Closes them, each in a transaction of its own.
pub fn expire<'a>(repo: &'a Repo, ctx: &'a Ctx, _: Duration) -> Steps<'a> {
    Box::pin(async move {
        let before = ctx.now.minus(OPEN_FOR);
        let mut due = repo.db.read(move |conn| too_old(conn, before)).await?;
        let mut after = ReportId::from_uuid(Uuid::nil());
        loop {
            let (seen, gone) = repo.db.read(move |conn| of_the_gone(conn, after)).await?;
            due.extend(gone);
            let Some(last) = seen else { break };
            after = last;
        }
        let mut count = 0;
        for report in due {
            let ctx = ctx.clone();
            count += repo.db.write(move |tx| expire_one(tx, &ctx, report)).await?;
        }
        Ok(count)
    })
}

/// The oldest that nobody has decided, appeals not included.
fn too_old(conn: &mut Conn, before: Timestamp) -> Result<Vec<ReportId>> {
    let mut found = Vec::new();
    for status in UNDECIDED {
        let oldest = table::table.filter(table::status.eq(status)).order(table::id).limit(PIECE);
        let oldest = oldest.select((table::id, table::created_at, table::decided_at));
        let oldest: Vec<(ReportId, Timestamp, Option<Timestamp>)> = oldest.load(conn)?;
        let due =
            oldest.into_iter().filter(|(_, created_at, decided_at)| *created_at <= before && decided_at.is_none());
        found.extend(due.map(|(id, ..)| id));
    }
    Ok(found)
}

/// Some undecided reports of nobody after this one: the last of them, and those whose target is gone, too.
fn of_the_gone(conn: &mut Conn, after: ReportId) -> Result<(Option<ReportId>, Vec<ReportId>)> {
    let some = table::reporter_id.is_null().and(table::status.eq_any(UNDECIDED)).and(table::decided_at.is_null());
    let some = table::table.filter(some).filter(table::id.gt(after)).order(table::id).limit(PIECE);
    let rows: Vec<ReportRow> = some.select(ReportRow::as_select()).load(conn)?;
    let last = rows.last().filter(|_| rows.len() as i64 == PIECE).map(|row| row.id);
    let mut gone = Vec::new();
    for row in rows {
        let target = row.target()?;
        if !lives(conn, target.kind, target.id)? {
            gone.push(row.id);
        }
    }
    Ok((last, gone))
}

/// Whether there is still something to decide about.
fn lives(conn: &mut Conn, kind: ReportTargetType, target: TargetId) -> Result<bool> {
    let id = target.uuid();
    macro_rules! finds {
        ($some:expr) => {
            diesel::select(diesel::dsl::exists($some)).get_result(conn)?
        };
    }
    Ok(match kind {
        ReportTargetType::User => {
            finds!(users::table.find(UserId::from_uuid(id)).filter(users::deleted_at.is_null()))
        }
        ReportTargetType::Message => {
            let one = messages::table.filter(messages::id.eq(Id::<()>::from_uuid(id)));
            finds!(one.filter(messages::deleted_at.is_null()))
        }
        ReportTargetType::Group => {
            finds!(groups::table.find(Id::<()>::from_uuid(id)).filter(groups::deleted_at.is_null()))
        }
        ReportTargetType::Pet => finds!(pets::table.find(Id::<()>::from_uuid(id))),
    })
}

fn expire_one(tx: &mut Tx<'_>, ctx: &Ctx, report: ReportId) -> Result<usize> {
    let known: Option<Option<UserId>> =
        table::table.find(report).select(table::reporter_id).first(tx.conn).optional()?;
    let Some(reporter) = known else { return Ok(0) };
    let people: Vec<UserId> = reporter.into_iter().collect();
    dialect::accounts::lock_users(tx.conn, &people)?;
    dialect::reports::lock_report(tx.conn, report)?;
    let row = read::row(tx.conn, report)?;
    // Somebody may have decided it meanwhile, or the reporter may be gone since.
    if row.status()?.is_decided() || row.decided_at.is_some() || row.reporter_id != reporter {
        return Ok(0);
    }
    let nothing = serde_json::to_vec(&Evidence::default())?;
    let closed: ReportRow = diesel::update(table::table.find(report))
        .set((
            table::status.eq(ReportStatus::Expired.as_str()),
            table::action.eq(ModerationAction::None.as_str()),
            table::decided_at.eq(ctx.now),
            table::evidence.eq(tx.services.ring.seal(Place::new(EVIDENCE, report), &nothing)?),
            table::version.eq(table::version + 1),
        ))
        .returning(ReportRow::as_returning())
        .get_result(tx.conn)?;
    files::take_away(tx, &[report])?;
    audit::record(tx, ctx, &Entry::new("report.expired").on(Target::of("report", report)))?;
    let lives: HashSet<UserId> = people_who_live(tx.conn, &people)?;
    if let Some(reporter) = closed.reporter_id.filter(|reporter| lives.contains(reporter)) {
        journal::append(tx, ctx, &Change::Decided(reporter, handle::told(&closed)?))?;
    }
    Ok(1)
}

fn people_who_live(conn: &mut Conn, people: &[UserId]) -> Result<HashSet<UserId>> {
    let living = users::table.filter(users::id.eq_any(people)).filter(users::deleted_at.is_null());
    Ok(living.select(users::id).load(conn)?.into_iter().collect())
}
