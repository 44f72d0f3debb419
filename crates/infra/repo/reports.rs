//! Reports over the database: making them, deciding about them, and the statements of reasons that follow.

mod expiry;
mod files;
mod handle;
mod make;
mod privacy;
mod read;
mod statements;
mod targets;

use async_trait::async_trait;
use clowder_accounts::activity::{Rule, Target, Whose};
use clowder_core::{Ctx, Page, PageRequest, Result, Versions};
use clowder_social::{
    Reports,
    reports::{
        ModeratedReport, NewAppeal, NewReport, Report, ReportCounts, ReportFilter, ReportId, ReportPatch, Statement,
        StatementId, policy::KEPT_FOR,
    },
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo,
    clock::{CHOSEN, SHOWN, never},
    db::Tx,
    dialect,
    domains::{Domain, Sweep},
    idempotency::Stub,
    upkeep::PIECE,
};
use crate::domains::reports::{ANSWER, APPEAL, COMMENT, EVIDENCE, REASON, STATED, reports as table};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("report.made", "report.made", Whose::Actor, Target::Subject("report")),
        Rule::new("statement.issued", "statement.received", Whose::Told, Target::Subject("statement")),
    ],
    files: &[files::HOLDER],
    evidence: files::evidence,
    sealed: &[COMMENT, EVIDENCE, REASON, STATED, APPEAL, ANSWER],
    words: &[
        "report_parties.kind",
        "reports.action",
        "reports.category",
        "reports.status",
        "reports.target_type",
        "statements.action",
        "statements.appeal_status",
        "statements.category",
        "statements.target_type",
    ],
    times: &[
        never("reports.created_at", "what lies after now counts as now"),
        never("reports.decided_at", "evidence is kept for longer rather than lost"),
        never("reports.until", CHOSEN),
        never("statements.answered_at", SHOWN),
        never("statements.appealed_at", SHOWN),
        never("statements.created_at", SHOWN),
        never("statements.until", CHOSEN),
    ],
    sweeps: &[Sweep::Steps(expiry::expire), Sweep::Rows(sweep)],
    ..Domain::NONE
};

/// Reports that were decided long ago, with their statements; an open appeal keeps them.
fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let decided = table::decided_at.le(ctx.now.minus(KEPT_FOR)).and(table::status.eq_any(read::DECIDED));
    let past = table::table.filter(decided).select(table::id).order(table::id).limit(PIECE);
    let past: Vec<ReportId> = dialect::unclaimed!(past).load(tx.conn)?;
    files::take_away(tx, &past)?;
    Ok(diesel::delete(table::table.filter(table::id.eq_any(past))).execute(tx.conn)?)
}

/// What is stored of a new report: its id.
#[derive(Serialize, Deserialize)]
struct Stored(ReportId);

impl Stub for Stored {}

/// What is stored of an appeal: that there is one. The call itself says against which statement.
#[derive(Serialize, Deserialize)]
struct Appealed;

impl Stub for Appealed {}

#[async_trait]
impl Reports for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn report(&self, ctx: &Ctx, new: NewReport) -> Result<Report> {
        let (caller, reporter) = (ctx.clone(), ctx.user()?);
        let first = move |tx: &mut Tx<'_>| {
            let report = make::report(tx, &caller, new.clone())?;
            let stub = Stored(report.id);
            Ok((report, stub))
        };
        let again = move |tx: &mut Tx<'_>, Stored(id): Stored| read::own(tx.conn, &tx.services.ring, reporter, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reports(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Report>> {
        let (caller, ring) = (ctx.user()?, self.db.ring());
        self.db.read(move |conn| read::list_own(conn, &ring, caller, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn one_report(&self, ctx: &Ctx, report: ReportId) -> Result<Report> {
        let (caller, ring) = (ctx.user()?, self.db.ring());
        self.db.read(move |conn| read::own(conn, &ring, caller, report)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn moderated(&self, ctx: &Ctx, filter: ReportFilter, page: PageRequest) -> Result<Page<ModeratedReport>> {
        let (caller, ring) = (ctx.user()?, self.db.ring());
        self.db.read(move |conn| read::list(conn, &ring, caller, filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn report_counts(&self, ctx: &Ctx) -> Result<ReportCounts> {
        let caller = ctx.user()?;
        self.db.read(move |conn| read::counts(conn, caller)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn examine(&self, ctx: &Ctx, report: ReportId) -> Result<ModeratedReport> {
        let ctx = ctx.clone();
        self.db.write(move |tx| handle::examine(tx, &ctx, report)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn handle(
        &self,
        ctx: &Ctx,
        report: ReportId,
        version: Option<Versions>,
        patch: ReportPatch,
    ) -> Result<ModeratedReport> {
        let caller = ctx.clone();
        let handled = self.db.write(move |tx| handle::handle(tx, &caller, report, version.as_ref(), &patch));
        let (report, own) = handled.await?;
        // This process applies a suspension before it answers; other nodes learn of it from the journal.
        if let Some(own) = own {
            self.deps.memory.learn(&own);
        }
        Ok(report)
    }

    #[instrument(level = "debug", skip_all)]
    async fn statements(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Statement>> {
        let (caller, ring) = (ctx.user()?, self.db.ring());
        self.db.read(move |conn| statements::list(conn, &ring, caller, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn appeal(&self, ctx: &Ctx, statement: StatementId, new: NewAppeal) -> Result<Statement> {
        let (caller, user) = (ctx.clone(), ctx.user()?);
        let first = move |tx: &mut Tx<'_>| Ok((statements::appeal(tx, &caller, statement, &new)?, Appealed));
        let again = move |tx: &mut Tx<'_>, Appealed| statements::own(tx, user, statement);
        self.db.create(ctx, first, again).await
    }
}
