//! Making a report.

use clowder_core::{
    Ctx, FileId, Id, Result, Word,
    audit::{Entry, Target},
};
use clowder_social::{
    Prose,
    reports::{
        Change, NewReport, Report, ReportId, ReportStatus,
        policy::{A_DAY, ReportFacts, may_report},
    },
};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{accounts::profile, audit, db::Tx, dialect, journal, media::held},
    files,
    read::UNDECIDED,
    targets::{self, Seen},
};
use crate::{
    domains::reports::{COMMENT, EVIDENCE, NewReportRow, report_parties, reports as table},
    seal::Place,
};

/// What somebody has to do with a reported thing. Its owners do not learn of the report; who else has a part in it does not
/// learn who made it.
pub const OWNER: &str = "owner";
pub const INVOLVED: &str = "involved";

pub fn report(tx: &mut Tx<'_>, ctx: &Ctx, new: NewReport) -> Result<Report> {
    let reporter = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, reporter)?;
    // Their account is not gone.
    profile::own(tx.conn, reporter)?;
    let NewReport { target, category, comment, attachments } = new;
    let Seen { reported, parties, involved, evidence } = targets::seen(tx.conn, ctx, target)?;
    let own = || table::table.filter(table::reporter_id.eq(reporter));
    let open = || own().filter(table::status.eq_any(UNDECIDED));
    let same = open().filter(table::target_id.eq(target.id).and(table::target_type.eq(target.kind.as_str())));
    may_report(ReportFacts {
        own: reported == reporter || parties.contains(&reporter),
        reported: diesel::select(diesel::dsl::exists(same)).get_result(tx.conn)?,
        open: open().count().get_result(tx.conn)?,
        today: own().filter(table::created_at.gt(ctx.now.minus(A_DAY))).count().get_result(tx.conn)?,
    })?;
    files::hold(tx, reporter, &attachments)?;
    let shown: Vec<FileId> = evidence.files().map(|file| file.id).collect();
    let (id, ring) = (ReportId::new(ctx.now), &tx.services.ring);
    let comment = comment.map(Prose::into_string);
    let row = NewReportRow {
        id,
        reporter_id: reporter,
        target_type: target.kind.as_str(),
        target_id: target.id,
        reported_id: Some(reported),
        category: category.as_str(),
        comment: comment.as_ref().map(|text| ring.seal(Place::new(COMMENT, id), text.as_bytes())).transpose()?,
        evidence: ring.seal(Place::new(EVIDENCE, id), &serde_json::to_vec(&evidence)?)?,
        status: ReportStatus::Open.as_str(),
        created_at: ctx.now,
        version: 1,
    };
    diesel::insert_into(table::table).values(row).execute(tx.conn)?;
    files::put(tx.conn, id, &attachments)?;
    held::keep(tx, Id::from_uuid(id.uuid()), &shown)?;
    let involved = involved.into_iter().filter(|user| *user != reported && !parties.contains(user));
    let involved: Vec<_> = involved.map(|user| (user, INVOLVED)).collect();
    let all = parties.into_iter().map(|user| (user, OWNER)).chain(involved).map(|(user, kind)| {
        (report_parties::report_id.eq(id), report_parties::user_id.eq(user), report_parties::kind.eq(kind))
    });
    diesel::insert_into(report_parties::table).values(all.collect::<Vec<_>>()).execute(tx.conn)?;
    let (status, created_at) = (ReportStatus::Open, ctx.now);
    let report = Report { id, target, category, comment, attachments, status, resolution: None, created_at };
    let entry = Entry::new("report.made").on(Target::of("report", id));
    audit::record(tx, ctx, &entry.after(json!({"target": target, "category": category})))?;
    journal::append(tx, ctx, &Change::Made(reporter, (&report).into()))?;
    Ok(report)
}
