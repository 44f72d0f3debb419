//! Reports, as their authors and as moderators see them, and the statements of reasons that follow.

mod evidence;
mod input;
mod words;

pub use evidence::{Evidence, ReportedFile, ReportedGroup, ReportedMessage, ReportedPet, ReportedUser};
pub use input::{Handling, NewAppeal, NewReport, ReportFilter, ReportPatch};
pub use words::{AppealStatus, Assigned, ModerationAction, ReportCategory, ReportSort, ReportStatus, ReportTargetType};

use clowder_core::{Card, Fields, FileId, Id, Input, Timestamp};
use serde::{Deserialize, Serialize};

pub enum ReportKind {}
pub type ReportId = Id<ReportKind>;
pub enum StatementKind {}
pub type StatementId = Id<StatementKind>;
/// Something that can be reported, of whatever kind.
pub enum TargetKind {}
pub type TargetId = Id<TargetKind>;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"type": "user", "id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"}))]
pub struct ReportTarget {
    #[serde(rename = "type")]
    pub kind: ReportTargetType,
    pub id: TargetId,
}

impl Input for ReportTarget {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (kind, id) = (fields.required("type"), fields.required("id"));
        Some(Self { kind: kind?, id: id? })
    }
}

/// A report, as its author sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    pub id: ReportId,
    pub target: ReportTarget,
    pub category: ReportCategory,
    #[schema(max_length = 2000, example = "The same link in every chat")]
    pub comment: Option<String>,
    /// Your files that it has; those that you have deleted are left out.
    #[schema(max_items = 10)]
    pub attachments: Vec<FileId>,
    pub status: ReportStatus,
    /// `null` until it is decided.
    pub resolution: Option<Resolution>,
    pub created_at: Timestamp,
}

/// What was decided about a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ReportResolution)]
pub struct Resolution {
    pub action: ModerationAction,
    pub decided_at: Timestamp,
}

/// A report, as moderators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModeratedReport {
    pub id: ReportId,
    pub target: ReportTarget,
    pub category: ReportCategory,
    #[schema(max_length = 2000, example = "The same link in every chat")]
    pub comment: Option<String>,
    /// Files of the reporter that it has; those that they have deleted are left out.
    #[schema(max_items = 10)]
    pub attachments: Vec<FileId>,
    pub status: ReportStatus,
    /// `null` if their account was erased.
    pub reporter: Option<Card>,
    /// Who answers for the target: the user, the sender of the message, the owner of the group, or who last wrote a text of
    /// the pet.
    pub reported: Option<Card>,
    /// Who took it.
    pub assigned: Option<Card>,
    /// The latest decision; after an appeal, the one that is appealed against.
    pub decision: Option<ReportDecision>,
    /// The appeal against it, if there is one.
    pub appeal: Option<Appeal>,
    /// What the reporter could see when they reported it; `null` in lists.
    pub evidence: Option<Evidence>,
    pub created_at: Timestamp,
    /// Starts at 1 and grows by one with each change; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
}

/// How many reports wait, as far as a moderator can list them; 1,000 of each are counted at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportCounts {
    /// Those that nobody has taken.
    #[schema(minimum = 0, maximum = 1000)]
    pub open: i64,
    /// Those that somebody has taken and not decided.
    #[schema(minimum = 0, maximum = 1000)]
    pub reviewing: i64,
}

/// What a moderator decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportDecision {
    pub action: ModerationAction,
    /// When a suspension ends by itself; `null` if it does not, or if there is none.
    pub until: Option<Timestamp>,
    /// `null` if it cannot be read any more.
    #[schema(max_length = 500, example = "Advertising in strangers' chats")]
    pub reason: Option<String>,
    pub decided_by: Option<Card>,
    pub decided_at: Timestamp,
}

/// An objection to a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = StatementAppeal)]
pub struct Appeal {
    /// `null` if it cannot be read any more.
    #[schema(max_length = 2000, example = "That was a link to my own photographs")]
    pub text: Option<String>,
    pub status: AppealStatus,
    /// Why it was decided like this; `null` until then.
    #[schema(max_length = 500, example = "The link leads to a shop")]
    pub answer: Option<String>,
    pub created_at: Timestamp,
    /// `null` until it is decided.
    pub decided_at: Option<Timestamp>,
    /// Whether the administrator who made the decision also decided about the appeal, because nobody else could.
    pub same_moderator: bool,
}

/// A statement of reasons: what was done because of a report, told to the person whom it concerns. It does not say who
/// reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Statement {
    pub id: StatementId,
    pub target: ReportTarget,
    pub category: ReportCategory,
    pub action: ModerationAction,
    /// When a suspension ends by itself; `null` if it does not, or if there is none.
    pub until: Option<Timestamp>,
    /// `null` if it cannot be read any more.
    #[schema(max_length = 500, example = "Advertising in strangers' chats")]
    pub reason: Option<String>,
    pub created_at: Timestamp,
    /// `null` if you have not appealed.
    pub appeal: Option<Appeal>,
}
