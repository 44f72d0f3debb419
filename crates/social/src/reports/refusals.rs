//! The refusals of reports and statements.

use clowder_core::{Refusal, error::Kind::*};

pub const REPORT_UNKNOWN: Refusal = Refusal::new(Unknown, "report.unknown", "There is no such report");
pub const REPORT_OPEN: Refusal =
    Refusal::new(Conflict, "report.open", "You have reported this already, and it is not decided yet");
pub const REPORT_LIMIT: Refusal =
    Refusal::new(Conflict, "report.limit", "You have as many undecided reports as one person can have");
pub const REPORTS_TODAY: Refusal =
    Refusal::new(Conflict, "report.today", "You have made as many reports today as one person can make in a day");
pub const REPORT_STALE: Refusal = Refusal::new(Stale, "report.stale", "The report has changed since you read it");
pub const REPORT_DECIDED: Refusal = Refusal::new(Conflict, "report.decided", "The report has been decided");
pub const REPORT_TAKEN: Refusal =
    Refusal::new(Conflict, "report.taken", "Another moderator has taken the report; take it over first");
pub const REPORT_INVOLVED: Refusal = Refusal::new(
    Forbidden,
    "report.involved",
    "Somebody else must decide this report: you made it, decided it before the appeal, or have a part in what was reported",
);
pub const STATEMENT_UNKNOWN: Refusal = Refusal::new(Unknown, "statement.unknown", "There is no such statement");
pub const STATEMENT_APPEALED: Refusal =
    Refusal::new(Conflict, "statement.appealed", "You can appeal once, and you have done so");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    REPORT_UNKNOWN,
    REPORT_OPEN,
    REPORT_LIMIT,
    REPORTS_TODAY,
    REPORT_STALE,
    REPORT_DECIDED,
    REPORT_TAKEN,
    REPORT_INVOLVED,
    STATEMENT_UNKNOWN,
    STATEMENT_APPEALED,
];
