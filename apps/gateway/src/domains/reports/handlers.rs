//! Reports and moderation over HTTP.

use actix_web::web::Data;
use clowder_core::text::Flaw;
use clowder_social::{
    Reports,
    reports::{
        ModeratedReport, NewAppeal, NewReport, Report, ReportCounts, ReportFilter, ReportId, ReportPatch, Statement,
        StatementId,
    },
};

use crate::{
    answer::{Created, Listed, Shown, Versioned},
    auth::Caller,
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Reports>;

pub async fn report(reports: Port, Caller(ctx): Caller, Json(new): Json<NewReport>) -> Answer<Created<Report>> {
    Ok(Created(reports.report(&ctx, new).await?))
}

pub async fn list(reports: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Report>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(reports.reports(&ctx, page).await?))
}

pub async fn one(reports: Port, Caller(ctx): Caller, Path(report): Path<ReportId>) -> Answer<Shown<Report>> {
    Ok(Shown(reports.one_report(&ctx, report).await?))
}

pub async fn moderated(reports: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<ModeratedReport>> {
    let page = query.page();
    let filter = ReportFilter {
        sort: query.word("sort").unwrap_or_default(),
        status: query.word("status"),
        category: query.word("category"),
        target_type: query.word("target_type"),
        target_id: query.value("target_id", Flaw::new("uuid", "must be the id of a thing"), |text| text.parse().ok()),
        reported: query.value("reported", Flaw::new("uuid", "must be the id of a person"), |text| text.parse().ok()),
        assigned: query.word("assigned"),
        appeal: query.flag("appeal"),
    };
    query.check()?;
    Ok(Listed(reports.moderated(&ctx, filter, page).await?))
}

pub async fn counts(reports: Port, Caller(ctx): Caller) -> Answer<Shown<ReportCounts>> {
    Ok(Shown(reports.report_counts(&ctx).await?))
}

pub async fn examine(
    reports: Port,
    Caller(ctx): Caller,
    Path(report): Path<ReportId>,
) -> Answer<Versioned<ModeratedReport>> {
    let report = reports.examine(&ctx, report).await?;
    Ok(Versioned(report.version, report))
}

pub async fn handle(
    reports: Port,
    Caller(ctx): Caller,
    Path(report): Path<ReportId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<ReportPatch>,
) -> Answer<Versioned<ModeratedReport>> {
    let report = reports.handle(&ctx, report, version, patch).await?;
    Ok(Versioned(report.version, report))
}

pub async fn statements(reports: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Statement>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(reports.statements(&ctx, page).await?))
}

pub async fn appeal(
    reports: Port,
    Caller(ctx): Caller,
    Path(statement): Path<StatementId>,
    Json(new): Json<NewAppeal>,
) -> Answer<Shown<Statement>> {
    Ok(Shown(reports.appeal(&ctx, statement, new).await?))
}
