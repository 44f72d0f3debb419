//! Emails about decisions of moderators. They contain the reason, and never the text of a message.

use clowder_core::{Mail, Result, Timestamp};
use clowder_social::reports::{AppealStatus, ModerationAction, ReportTargetType};

use crate::emails::{EmailTemplates, Recipient, day};

const WHY: &str = "You received this email because this address belongs to the account that the decision is about.";

/// What a decision does.
fn done(about: ReportTargetType, action: ModerationAction, until: Option<Timestamp>) -> String {
    match (action, until) {
        (ModerationAction::None, _) => "Nothing was done.".to_owned(),
        (ModerationAction::Warn, _) => "You are warned; nothing else was done.".to_owned(),
        (ModerationAction::Suspend, Some(until)) => format!("Your account is suspended until {}.", day(until)),
        (ModerationAction::Suspend, None) => "Your account is suspended.".to_owned(),
        (ModerationAction::RemoveContent, _) => match about {
            ReportTargetType::Message => "A message of yours was deleted.",
            ReportTargetType::User => "The texts of your profile were deleted.",
            ReportTargetType::Group => "The texts of a group of yours were deleted, and it is hidden.",
            ReportTargetType::Pet => "The texts of a pet were deleted, and it is hidden.",
        }
        .to_owned(),
    }
}

impl EmailTemplates {
    /// What was done because of a report.
    pub fn statement_issued(
        &self,
        to: &Recipient,
        about: ReportTargetType,
        (action, until): (ModerationAction, Option<Timestamp>),
        reason: &str,
    ) -> Result<Mail> {
        let what = done(about, action, until);
        let says = [
            format!("A moderator has decided about a report. {what}"),
            format!("The reason: {reason}"),
            "You can read the decision under your statements, and appeal against it once. Another moderator will then \
             decide."
                .to_owned(),
        ];
        self.write(to, "A decision about your account", &says, None, WHY)
    }

    /// What became of an appeal.
    pub fn appeal_decided(
        &self,
        to: &Recipient,
        about: ReportTargetType,
        status: AppealStatus,
        (holds, until): (ModerationAction, Option<Timestamp>),
        (reason, same): (&str, bool),
    ) -> Result<Mail> {
        let who =
            if same { "The administrator who decided first, because nobody else could," } else { "Another moderator" };
        let what = match status {
            AppealStatus::Pending => "It is not decided yet.".to_owned(),
            AppealStatus::Upheld => format!("The appeal is rejected. {}", done(about, holds, until)),
            AppealStatus::Reversed => "The decision is taken back, as far as that is possible.".to_owned(),
        };
        let says = [format!("{who} has decided about your appeal. {what}"), format!("The reason: {reason}")];
        self.write(to, "Your appeal has been decided", &says, None, WHY)
    }
}
