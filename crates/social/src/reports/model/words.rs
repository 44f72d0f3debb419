//! The closed sets of reports.

use clowder_core::Word;
use serde::{Deserialize, Serialize};

/// What can be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportTargetType {
    Group,
    Message,
    Pet,
    User,
}

impl Word for ReportTargetType {
    const WHAT: &'static str = "kind of thing that is reported";
    const WORDS: &'static [(&'static str, Self)] =
        &[("group", Self::Group), ("message", Self::Message), ("pet", Self::Pet), ("user", Self::User)];
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportCategory {
    Spam,
    Abuse,
    Violence,
    Illegal,
    Other,
}

impl Word for ReportCategory {
    const WHAT: &'static str = "category of a report";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("spam", Self::Spam),
        ("abuse", Self::Abuse),
        ("violence", Self::Violence),
        ("illegal", Self::Illegal),
        ("other", Self::Other),
    ];
}

/// How far a report has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// Nobody has taken it, or an appeal has opened it again.
    Open,
    /// A moderator has taken it.
    Reviewing,
    /// It was decided, with or without an action.
    Resolved,
    /// It was decided that there is nothing to do.
    Dismissed,
    /// Nobody decided it in time, or it was about somebody or something that is gone.
    Expired,
}

impl ReportStatus {
    pub const fn is_decided(self) -> bool {
        matches!(self, Self::Resolved | Self::Dismissed | Self::Expired)
    }
}

impl Word for ReportStatus {
    const WHAT: &'static str = "status of a report";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("open", Self::Open),
        ("reviewing", Self::Reviewing),
        ("resolved", Self::Resolved),
        ("dismissed", Self::Dismissed),
        ("expired", Self::Expired),
    ];
}

/// What a decision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModerationAction {
    /// Nothing.
    None,
    /// The person gets a statement of reasons, and nothing else.
    Warn,
    /// The account of the person is suspended.
    Suspend,
    /// The message is deleted; or the texts of the profile, of the group or of the pet are, and the group or the pet is
    /// hidden.
    RemoveContent,
}

impl Word for ModerationAction {
    const WHAT: &'static str = "action of a moderator";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("warn", Self::Warn),
        ("suspend", Self::Suspend),
        ("remove_content", Self::RemoveContent),
    ];
}

/// What has become of an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppealStatus {
    /// Another moderator will decide.
    Pending,
    /// The action stays, or there is another one.
    Upheld,
    /// The action is taken back, as far as that is possible.
    Reversed,
}

impl Word for AppealStatus {
    const WHAT: &'static str = "status of an appeal";
    const WORDS: &'static [(&'static str, Self)] =
        &[("pending", Self::Pending), ("upheld", Self::Upheld), ("reversed", Self::Reversed)];
}

/// In which order reports are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ReportSort {
    #[default]
    Newest,
    Oldest,
}

impl Word for ReportSort {
    const WHAT: &'static str = "order of reports";
    const WORDS: &'static [(&'static str, Self)] = &[("newest", Self::Newest), ("oldest", Self::Oldest)];
}

/// Whose reports to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportAssigned)]
pub enum Assigned {
    /// Those that the caller took.
    Me,
    /// Those that nobody took.
    None,
}

impl Word for Assigned {
    const WHAT: &'static str = "assignment of a report";
    const WORDS: &'static [(&'static str, Self)] = &[("me", Self::Me), ("none", Self::None)];
}
