//! The routes of reports and moderation.

use clowder_accounts::{
    refusals::{LAST_ADMIN, OUTRANKED, USER_UNKNOWN},
    scopes::ADMIN_READ,
};
use clowder_core::{UserId, idempotency};
use clowder_social::{
    groups::refusals::GROUP_UNKNOWN,
    pets::refusals::PET_UNKNOWN,
    reports::{
        Assigned, ModeratedReport, NewAppeal, NewReport, Report, ReportCategory, ReportCounts, ReportPatch, ReportSort,
        ReportStatus, ReportTargetType, Statement, TargetId,
        permissions::MANAGE_REPORTS,
        refusals::*,
        scopes::{REPORTS_READ, REPORTS_WRITE},
    },
};

use super::handlers;
use crate::{
    domains::messaging::MESSAGE_UNKNOWN,
    routes::{Endpoint, get, patch, post},
};

pub fn all() -> Vec<Endpoint> {
    let mut all = of_everybody();
    all.extend(of_moderators());
    all
}

fn of_everybody() -> Vec<Endpoint> {
    vec![
        post("/api/reports", handlers::report)
            .says("Report a person, a message, a group or a pet")
            .called("createReport")
            .notes("What you see of it at this moment is kept as evidence; with a message, so are up to five messages before it. You can report what you can see, and people with whom you share a chat; anything else does not exist. You can have 50 undecided reports, one for each target, and make 100 a day. A repeated call is 404 if the report has been deleted since.")
            .scope(REPORTS_WRITE)
            .creates()
            .takes::<NewReport>()
            .gives::<Report>(201, "A new report")
            .refuses(&[
                USER_UNKNOWN,
                MESSAGE_UNKNOWN,
                GROUP_UNKNOWN,
                PET_UNKNOWN,
                REPORT_OPEN,
                REPORT_LIMIT,
                REPORTS_TODAY,
                REPORT_UNKNOWN,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ]),
        get("/api/reports", handlers::list)
            .says("List your reports, the newest first")
            .called("listReports")
            .notes("Reports that nobody decides expire after 180 days. Reports are deleted 180 days after they were decided or have expired.")
            .scope(REPORTS_READ)
            .lists::<Report>(),
        get("/api/reports/{report_id}", handlers::one)
            .says("Read one of your reports")
            .called("getReport")
            .scope(REPORTS_READ)
            .gives::<Report>(200, "The report")
            .refuses(&[REPORT_UNKNOWN]),
        get("/api/users/me/statements", handlers::statements)
            .says("List what moderators decided about you, the newest first")
            .called("listStatements")
            .notes("Each statement says what was done and why, and never who reported it. Statements are deleted 180 days after the decision.")
            .scope(REPORTS_READ)
            .even_suspended()
            .lists::<Statement>(),
        post("/api/users/me/statements/{statement_id}/appeal", handlers::appeal)
            .says("Appeal against a decision")
            .called("appealStatement")
            .notes("Once for each statement. Another moderator than the one who decided it decides again; an administrator who is alone decides it, too, and the statement says so.")
            .scope(REPORTS_WRITE)
            .even_suspended()
            .creates()
            .takes::<NewAppeal>()
            .gives::<Statement>(200, "The statement, with your appeal")
            .refuses(&[STATEMENT_UNKNOWN, STATEMENT_APPEALED, idempotency::MISMATCH, idempotency::RUNNING]),
    ]
}

fn of_moderators() -> Vec<Endpoint> {
    vec![
        get("/api/admin/reports", handlers::moderated)
            .says("List all reports")
            .called("listAllReports")
            .notes("Without their evidence. Reports about you are not listed. Filters can be combined.")
            .needs(MANAGE_REPORTS)
            .scope(ADMIN_READ)
            .asks::<ReportStatus>("status", "Only reports with this status")
            .asks::<ReportCategory>("category", "Only reports of this category")
            .asks::<ReportTargetType>("target_type", "Only reports about things of this kind")
            .asks::<TargetId>("target_id", "Only reports about the thing with this id")
            .asks::<UserId>("reported", "Only reports about things for which this person answers")
            .asks::<Assigned>("assigned", "Only reports that you took, or that nobody took")
            .asks::<bool>("appeal", "Only reports whose decision is appealed against and not decided again, or only others")
            .asks::<ReportSort>("sort", "`newest` (first) when absent, or `oldest`")
            .lists::<ModeratedReport>(),
        get("/api/admin/reports/counts", handlers::counts)
            .says("Count the reports that wait")
            .called("countReports")
            .notes("Of those that you can list. 1,000 of each status are counted at most.")
            .needs(MANAGE_REPORTS)
            .scope(ADMIN_READ)
            .gives::<ReportCounts>(200, "How many there are"),
        get("/api/admin/reports/{report_id}", handlers::examine)
            .says("Read a report with its evidence")
            .called("examineReport")
            .notes("The evidence may contain private messages, so each call is in the audit log (`report.read`). A report about you does not exist for you.")
            .needs(MANAGE_REPORTS)
            .tagged()
            .gives::<ModeratedReport>(200, "The report")
            .refuses(&[REPORT_UNKNOWN]),
        patch("/api/admin/reports/{report_id}", handlers::handle)
            .or_put_whole()
            .says("Take a report, or decide about it")
            .called("handleReport")
            .notes("`reviewing` takes it, also from another moderator. `dismissed` and `resolved` decide it; the action happens at once, the reporter receives `report.decided`, and the person whom an action concerns a statement of reasons. `remove_content` takes away what was reported: a message is deleted; of a profile, everything goes that the person wrote; a group or a pet loses its texts and becomes secret or private. Nobody decides about a report of their own, or about an appeal against their own decision (except an administrator, if nobody else could), or acts against somebody of an equal or higher role. A decision that grants an appeal (`dismissed`, or the action `none`) lifts the suspension of the first one.")
            .needs(MANAGE_REPORTS)
            .edits()
            .takes::<ReportPatch>()
            .gives::<ModeratedReport>(200, "As it is now, without the evidence")
            .refuses(&[
                REPORT_UNKNOWN,
                REPORT_STALE,
                REPORT_DECIDED,
                REPORT_TAKEN,
                REPORT_INVOLVED,
                USER_UNKNOWN,
                OUTRANKED,
                LAST_ADMIN,
            ]),
    ]
}
