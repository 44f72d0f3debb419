//! Somebody's reports and statements: exported to them. An erasure takes the reporter and their comment out of a report,
//! and deletes the statements; the evidence about somebody stays for as long as it is needed.

use clowder_core::{Ctx, Result, UserId, Word};
use clowder_social::reports::{AppealStatus, ReportId, ReportStatus, StatementId};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
        },
    },
    files,
    read::UNDECIDED,
};
use crate::{
    domains::reports::{ReportRow, StatementRow, report_parties, reports, statements},
    privacy::{erased, kept},
    seal::Sealed,
};

const OF_MODERATORS: &str = "who decided what must stay known while the decision does; only an id";

pub const PARTS: &[Part] = &[Part {
    name: "reports",
    phase: Phase::Content,
    references: &[
        erased("reports", "reporter_id"),
        kept("reports", "reported_id", "the evidence is kept until 180 days after the decision"),
        kept("reports", "target_id", "the same; the target may be a user"),
        kept("reports", "assigned_id", OF_MODERATORS),
        kept("reports", "decided_by", OF_MODERATORS),
        erased("report_parties", "user_id"),
        erased("statements", "user_id"),
        kept("statements", "target_id", "deleted with the statement"),
    ],
    files: &[
        File { name: "reports.json", about: "what you have reported", shape: Shape::List, read: export_reports },
        File {
            name: "statements.json",
            about: "decisions of moderators about you, and your appeals",
            shape: Shape::List,
            read: export_statements,
        },
    ],
    erase,
}];

fn export_reports(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: ReportId = after(mark)?;
    let own = reports::table.filter(reports::reporter_id.eq(asking.user).and(reports::id.gt(next)));
    let rows: Vec<ReportRow> = own.order(reports::id).limit(ROWS).select(ReportRow::as_select()).load(conn)?;
    let mut attached = files::of(conn, rows.iter().map(|row| row.id))?;
    let item = |row: &ReportRow| -> Result<_> {
        let attachments = attached.remove(&row.id).unwrap_or_default();
        Ok(json!(row.report(&asking.ring, attachments)?))
    };
    let items = rows.iter().map(item).collect::<Result<_>>()?;
    Ok(ExportPage::by_id(items, rows.last().map(|row| row.id)))
}

fn export_statements(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: StatementId = after(mark)?;
    let own = statements::table.filter(statements::user_id.eq(asking.user).and(statements::id.gt(next)));
    let rows: Vec<StatementRow> = own.order(statements::id).limit(ROWS).select(StatementRow::as_select()).load(conn)?;
    let items = rows.iter().map(|row| Ok(json!(row.statement(&asking.ring)?))).collect::<Result<_>>()?;
    Ok(ExportPage::by_id(items, rows.last().map(|row| row.id)))
}

/// A bounded number of rows at a time. Moderators still have to decide about what was reported, so the report stays.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    let made = reports::table.filter(reports::reporter_id.eq(user)).order(reports::id).limit(ROWS);
    let made: Vec<ReportId> = made.select(reports::id).load(tx.conn)?;
    let nobody = (reports::reporter_id.eq(None::<UserId>), reports::comment.eq(None::<Sealed>));
    let mut gone = diesel::update(reports::table.filter(reports::id.eq_any(made))).set(nobody).execute(tx.conn)?;
    let told = statements::table.filter(statements::user_id.eq(user)).order(statements::id).limit(ROWS);
    let told: Vec<(StatementId, ReportId)> = told.select((statements::id, statements::report_id)).load(tx.conn)?;
    let (told, about): (Vec<StatementId>, Vec<ReportId>) = told.into_iter().unzip();
    // An appeal that is not decided goes with the statement; what was decided before stays, and is forgotten in time.
    let pending = statements::table
        .filter(statements::report_id.eq_any(about))
        .filter(statements::appeal_status.eq(AppealStatus::Pending.as_str()))
        .order(statements::report_id);
    let pending: Vec<ReportId> = pending.select(statements::report_id).load(tx.conn)?;
    for report in pending {
        dialect::reports::lock_report(tx.conn, report)?;
        let decided = (reports::status.eq(ReportStatus::Resolved.as_str()), reports::version.eq(reports::version + 1));
        let open = reports::table.find(report).filter(reports::status.eq_any(UNDECIDED));
        diesel::update(open).set(decided).execute(tx.conn)?;
    }
    let owned = report_parties::table.filter(report_parties::user_id.eq(user)).order(report_parties::report_id);
    let owned: Vec<ReportId> = owned.limit(ROWS).select(report_parties::report_id).load(tx.conn)?;
    let owned =
        report_parties::table.filter(report_parties::user_id.eq(user).and(report_parties::report_id.eq_any(owned)));
    gone += diesel::delete(owned).execute(tx.conn)?;
    gone += diesel::delete(statements::table.filter(statements::id.eq_any(told))).execute(tx.conn)?;
    tx.deleted_text |= gone > 0;
    all_gone(gone, gone > 0)
}
