//! Reports: somebody tells the moderators about something that breaks the rules, and what becomes of it.
//!
//! What the reporter could see is kept as evidence at once, so that neither an edit nor a deletion removes it. A moderator
//! takes a report and decides about it; the action happens in the same transaction, the person whom it concerns gets a
//! statement of reasons, and may appeal once, which brings the report before another moderator.

pub mod change;
pub mod model;
pub mod permissions;
pub mod policy;
pub mod port;
pub mod refusals;
pub mod scopes;

pub use change::Change;
pub use model::{
    Appeal, AppealStatus, Assigned, Evidence, Handling, ModeratedReport, ModerationAction, NewAppeal, NewReport,
    Report, ReportCategory, ReportCounts, ReportDecision, ReportFilter, ReportId, ReportPatch, ReportSort,
    ReportStatus, ReportTarget, ReportTargetType, ReportedFile, ReportedGroup, ReportedMessage, ReportedPet,
    ReportedUser, Resolution, Statement, StatementId, TargetId,
};
