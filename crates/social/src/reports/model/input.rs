//! Inputs of reports: making one, deciding about it, and appealing.

use clowder_core::{
    Fields, FileId, Input, Timestamp, UserId, Word, input::Nested, picture::different_files, text::Flaw,
};
use serde::{Deserialize, Serialize};

use super::{
    Assigned, ModerationAction, ReportCategory, ReportSort, ReportStatus, ReportTarget, ReportTargetType, TargetId,
};
use crate::Prose;

/// How many files a report can have.
const MOST_FILES: usize = 10;

/// `{target, category, comment?, attachments?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({
    "target": {"type": "user", "id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"}, "category": "spam",
    "comment": "The same link in every chat"
}))]
pub struct NewReport {
    pub target: ReportTarget,
    pub category: ReportCategory,
    /// For the moderators.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    pub comment: Option<Prose<2_000>>,
    /// Files of one's own, such as pictures of a screen, for the moderators; all different.
    #[schema(required = false, max_items = 10)]
    pub attachments: Vec<FileId>,
}

impl Input for NewReport {
    fn read(fields: &mut Fields) -> Option<Self> {
        let target = fields.required::<Nested<ReportTarget>>("target");
        let (category, comment) = (fields.required("category"), fields.optional("comment"));
        let attachments = different_files(fields, "attachments", MOST_FILES);
        Some(Self {
            target: target?.0,
            category: category?,
            comment: comment?,
            attachments: attachments?.unwrap_or_default(),
        })
    }
}

/// What a moderator does with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportHandling)]
pub enum Handling {
    /// Takes it.
    Reviewing,
    /// Decides it, with the action.
    Resolved,
    /// Decides that there is nothing to do.
    Dismissed,
}

impl Word for Handling {
    const WHAT: &'static str = "handling of a report";
    const WORDS: &'static [(&'static str, Self)] =
        &[("reviewing", Self::Reviewing), ("resolved", Self::Resolved), ("dismissed", Self::Dismissed)];
}

/// `{status: reviewing}`, `{status: dismissed, reason}` or `{status: resolved, action, until?, reason}`
#[derive(Debug, Clone, PartialEq, Eq, utoipa::ToSchema)]
#[schema(example = json!({"status": "reviewing"}))]
pub struct ReportPatch {
    pub status: Handling,
    /// What is done. `none` without a decision about an action.
    #[schema(value_type = Option<ModerationAction>)]
    pub action: ModerationAction,
    /// When a suspension ends by itself; never if absent.
    pub until: Option<Timestamp>,
    /// Why. The person whom the action concerns reads it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub reason: Option<Prose<500>>,
}

impl Input for ReportPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let status = fields.required::<Handling>("status");
        let action = fields.optional::<ModerationAction>("action");
        let (until, reason) = (fields.optional::<Timestamp>("until"), fields.optional::<Prose<500>>("reason"));
        let (status, action, until, reason) = (status?, action?, until?, reason?);
        let mut is_whole = true;
        let mut flaw = |name: &str, flaw: Flaw| {
            fields.flaw(name, flaw);
            is_whole = false;
        };
        let unwanted = |why: &'static str| Flaw::new("unwanted", why);
        match (status, action) {
            (Handling::Resolved, None) => flaw("action", Flaw::new("required", "is required")),
            (Handling::Resolved, Some(_)) | (_, None) | (Handling::Dismissed, Some(ModerationAction::None)) => {}
            (Handling::Dismissed, Some(_)) => flaw("action", unwanted("a dismissed report has no action")),
            (Handling::Reviewing, Some(_)) => flaw("action", unwanted("is part of a decision")),
        }
        if until.is_some() && action != Some(ModerationAction::Suspend) {
            flaw("until", unwanted("only a suspension ends"));
        }
        match (status, &reason) {
            (Handling::Reviewing, Some(_)) => flaw("reason", unwanted("is part of a decision")),
            (Handling::Resolved | Handling::Dismissed, None) => flaw("reason", Flaw::new("required", "is required")),
            _ => {}
        }
        is_whole.then(|| Self { status, action: action.unwrap_or(ModerationAction::None), until, reason })
    }
}

/// `{text}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"text": "That was a link to my own photographs"}))]
pub struct NewAppeal {
    /// For the moderators.
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    pub text: Prose<2_000>,
}

impl Input for NewAppeal {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("text").map(|text| Self { text })
    }
}

/// Which reports a moderator wants to see.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportFilter {
    pub sort: ReportSort,
    pub status: Option<ReportStatus>,
    pub category: Option<ReportCategory>,
    pub target_type: Option<ReportTargetType>,
    pub target_id: Option<TargetId>,
    /// Who answers for the target.
    pub reported: Option<UserId>,
    pub assigned: Option<Assigned>,
    /// Whether there is an undecided appeal.
    pub appeal: Option<bool>,
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;
    use serde_json::json;

    use super::*;

    #[test]
    fn report_patch_table() {
        let until = "2099-12-31T18:04:05.678Z";
        for (body, wrong) in [
            (json!({"status": "reviewing"}), vec![]),
            (json!({"status": "reviewing", "action": null, "reason": null}), vec![]),
            (json!({"status": "reviewing", "action": "none", "reason": "x"}), vec!["/action", "/reason"]),
            (json!({"status": "dismissed", "reason": "x"}), vec![]),
            (json!({"status": "dismissed", "action": "none", "reason": "x"}), vec![]),
            (json!({"status": "dismissed", "action": "warn"}), vec!["/action", "/reason"]),
            (json!({"status": "resolved"}), vec!["/action", "/reason"]),
            (json!({"status": "resolved", "action": "warn", "reason": "x"}), vec![]),
            (json!({"status": "resolved", "action": "warn", "until": until, "reason": "x"}), vec!["/until"]),
            (json!({"status": "resolved", "action": "suspend", "until": until, "reason": "x"}), vec![]),
            (json!({"status": "resolved", "action": "suspend", "reason": "x"}), vec![]),
            (json!({"status": "open"}), vec!["/status"]),
            (json!({"status": "resolved", "action": "ban", "reason": ""}), vec!["/action", "/reason"]),
        ] {
            let found = match ReportPatch::from_json(body.clone()) {
                Ok(_) => vec![],
                Err(Error::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, wrong, "{body}");
        }
    }
}
