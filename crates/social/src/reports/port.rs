//! What an implementation of reports must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, Versions};

use super::{
    ModeratedReport, NewAppeal, NewReport, Report, ReportCounts, ReportFilter, ReportId, ReportPatch, Statement,
    StatementId,
};

/// Each method is one use case and one transaction; its changes and its entries of the audit log are committed with it.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Reports something that the caller can see; what they cannot see is unknown, with the refusal of its kind. What they
    /// see of it is kept as evidence. `report.open` if they have an undecided report about it.
    async fn report(&self, ctx: &Ctx, new: NewReport) -> Result<Report>;

    /// The caller's reports, the newest first.
    async fn reports(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Report>>;

    /// One of the caller's reports, or `report.unknown`.
    async fn one_report(&self, ctx: &Ctx, report: ReportId) -> Result<Report>;

    /// All reports without their evidence, in the order of the filter. Nobody sees reports about themselves or their pets. For
    /// moderators, as the next three.
    async fn moderated(&self, ctx: &Ctx, filter: ReportFilter, page: PageRequest) -> Result<Page<ModeratedReport>>;

    /// How many of these are open, and how many somebody reviews.
    async fn report_counts(&self, ctx: &Ctx) -> Result<ReportCounts>;

    /// A report with its evidence. That it was read is in the audit log before this returns.
    async fn examine(&self, ctx: &Ctx, report: ReportId) -> Result<ModeratedReport>;

    /// Takes a report, or decides about it: the action, the statement of reasons and the notices happen in the same
    /// transaction. What a decision does to accounts follows the rules of suspensions. Answers without the evidence.
    async fn handle(
        &self,
        ctx: &Ctx,
        report: ReportId,
        version: Option<Versions>,
        patch: ReportPatch,
    ) -> Result<ModeratedReport>;

    /// What was decided about the caller, the newest first.
    async fn statements(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Statement>>;

    /// Objects to a decision, once. The report is open again, for another moderator than the one who decided it.
    /// Honours `ctx.idempotency_key`.
    async fn appeal(&self, ctx: &Ctx, statement: StatementId, new: NewAppeal) -> Result<Statement>;
}
