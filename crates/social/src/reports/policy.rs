//! Pure rules: who may report what and how much, and who may decide about a report.

use std::time::Duration;

use clowder_core::{Error, Refusal, Result, Role, UserId};

use super::{AppealStatus, Handling, ModerationAction, ReportPatch, ReportStatus, ReportTargetType, refusals::*};

/// How many undecided reports one person can have.
pub const MOST_OPEN: i64 = 50;
/// How many reports one person can make within [`A_DAY`].
pub const MOST_A_DAY: i64 = 100;
pub const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// How long a report is kept after it was decided, with its evidence and its statement.
pub const KEPT_FOR: Duration = Duration::from_secs(180 * 24 * 3600);
/// How long a report waits for a decision.
pub const OPEN_FOR: Duration = Duration::from_secs(180 * 24 * 3600);
/// How many messages before a reported one are part of its evidence.
pub const BEFORE: i64 = 5;

/// What is known when somebody reports something that they can see. The reporter is locked, so that it stays true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportFacts {
    /// Whether it is the reporter, or something of theirs.
    pub own: bool,
    /// Whether the reporter has an undecided report about it.
    pub reported: bool,
    /// How many undecided reports they have.
    pub open: i64,
    /// How many reports they have made within a day.
    pub today: i64,
}

pub fn may_report(facts: ReportFacts) -> Result<()> {
    if facts.own {
        return Err(Error::field("/target/id", "self", "must not be yourself, or something of your own"));
    }
    let refusal = if facts.reported {
        REPORT_OPEN
    } else if facts.open >= MOST_OPEN {
        REPORT_LIMIT
    } else if facts.today >= MOST_A_DAY {
        REPORTS_TODAY
    } else {
        return Ok(());
    };
    Err(refusal.into())
}

/// Nobody sees reports about themselves or about their pets, so that nobody learns who reported them. `owns`: the caller
/// owns or co-owns the reported pet, or did so when it was reported.
pub fn may_examine(caller: UserId, reported: Option<UserId>, owns: bool) -> bool {
    reported != Some(caller) && !owns
}

/// What is known of a report that a moderator handles. It is locked, and so are the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandleFacts {
    pub caller: UserId,
    pub role: Role,
    pub target: ReportTargetType,
    pub status: ReportStatus,
    pub reporter: Option<UserId>,
    pub reported: Option<UserId>,
    /// The role of the person who is reported; `None` if their account is gone.
    pub reported_role: Option<Role>,
    pub assigned: Option<UserId>,
    /// Who decided it before an appeal.
    pub decided_by: Option<UserId>,
    /// Whether nobody else could answer an appeal: asked only if the caller decided before it.
    pub nobody_else: bool,
    /// The caller owns the pet that is reported, or did so then.
    pub owns: bool,
    /// The caller takes care of the pet or runs the group that is reported.
    pub involved: bool,
}

/// What becomes of handling a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is so already.
    Nothing,
    Taken,
    Decided {
        status: ReportStatus,
        action: ModerationAction,
    },
}

/// `outranked` and `unknown` are the refusals of accounts with an equal or higher role, and of those that are gone.
pub fn decide(facts: &HandleFacts, patch: &ReportPatch, outranked: Refusal, unknown: Refusal) -> Result<Handled> {
    if !may_examine(facts.caller, facts.reported, facts.owns) {
        return Err(REPORT_UNKNOWN.into());
    }
    // Their role may have changed since the call was let in.
    if facts.role < Role::Moderator {
        return Err(outranked.into());
    }
    if facts.involved || facts.reporter == Some(facts.caller) {
        return Err(REPORT_INVOLVED.into());
    }
    if facts.status.is_decided() {
        return Err(REPORT_DECIDED.into());
    }
    // It was decided and is open again: that is an appeal. It has an answer even if there is only one administrator.
    if facts.decided_by == Some(facts.caller) && !(facts.role == Role::Admin && facts.nobody_else) {
        return Err(REPORT_INVOLVED.into());
    }
    let status = match patch.status {
        Handling::Reviewing if facts.assigned == Some(facts.caller) => return Ok(Handled::Nothing),
        Handling::Reviewing => return Ok(Handled::Taken),
        Handling::Resolved => ReportStatus::Resolved,
        Handling::Dismissed => ReportStatus::Dismissed,
    };
    if facts.assigned.is_some_and(|assigned| assigned != facts.caller) {
        return Err(REPORT_TAKEN.into());
    }
    match patch.action {
        ModerationAction::None => {}
        ModerationAction::Warn | ModerationAction::Suspend | ModerationAction::RemoveContent => {
            match facts.reported_role {
                // What somebody wrote elsewhere than in their profile stays when they are gone, and can still be removed.
                None if !stays(facts.target, patch.action) => return Err(unknown.into()),
                Some(role) if facts.role <= role => return Err(outranked.into()),
                _ => {}
            }
        }
    }
    Ok(Handled::Decided { status, action: patch.action })
}

/// Whether an action is possible when the account that answers for the target is gone.
fn stays(target: ReportTargetType, action: ModerationAction) -> bool {
    action == ModerationAction::RemoveContent && target != ReportTargetType::User
}

/// What the second decision makes of an appeal.
pub fn outcome(action: ModerationAction) -> AppealStatus {
    match action {
        ModerationAction::None => AppealStatus::Reversed,
        ModerationAction::Warn | ModerationAction::Suspend | ModerationAction::RemoveContent => AppealStatus::Upheld,
    }
}

/// An appeal is about a decision, and there is one.
pub fn may_appeal(appealed: bool, status: ReportStatus) -> Result<(), Refusal> {
    if appealed || !status.is_decided() { Err(STATEMENT_APPEALED) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Input, Timestamp, error::Kind};
    use serde_json::json;

    use super::*;

    const OUTRANKED: Refusal = Refusal::new(Kind::Forbidden, "user.outranked", "");
    const GONE: Refusal = Refusal::new(Kind::Unknown, "user.unknown", "");

    fn code<T: std::fmt::Debug>(result: Result<T>) -> String {
        match result {
            Ok(value) => format!("{value:?}"),
            Err(Error::Refused(refusal)) => refusal.code.to_owned(),
            Err(Error::Invalid(errors)) => errors[0].code.to_string(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn may_report_table() {
        let free = ReportFacts::default();
        for (facts, expected) in [
            (free, "()"),
            (ReportFacts { open: 49, today: 99, ..free }, "()"),
            (ReportFacts { own: true, reported: true, ..free }, "self"),
            (ReportFacts { reported: true, open: 50, ..free }, "report.open"),
            (ReportFacts { open: 50, today: 100, ..free }, "report.limit"),
            (ReportFacts { today: 100, ..free }, "report.today"),
        ] {
            assert_eq!(code(may_report(facts)), expected, "{facts:?}");
        }
    }

    #[test]
    fn decide_table() {
        use {ReportStatus::*, ReportTargetType::*, Role::*};
        let now = Timestamp::from_micros(1);
        let [me, other, reporter, reported]: [UserId; 4] = std::array::from_fn(|_| Id::new(now));
        let open = HandleFacts {
            caller: me,
            role: Moderator,
            target: Message,
            status: Open,
            reporter: Some(reporter),
            reported: Some(reported),
            reported_role: Some(Role::User),
            assigned: None,
            decided_by: None,
            nobody_else: false,
            owns: false,
            involved: false,
        };
        let gone = HandleFacts { reported_role: None, ..open };
        let take = json!({"status": "reviewing"});
        let dismiss = json!({"status": "dismissed", "reason": "x"});
        let act = |action: &str| json!({"status": "resolved", "action": action, "reason": "x"});
        let decided = |status: &str, action: &str| format!("Decided {{ status: {status}, action: {action} }}");
        for (facts, patch, expected) in [
            (open, take.clone(), "Taken".to_owned()),
            (HandleFacts { status: Reviewing, assigned: Some(me), ..open }, take.clone(), "Nothing".to_owned()),
            (HandleFacts { status: Reviewing, assigned: Some(other), ..open }, take.clone(), "Taken".to_owned()),
            (HandleFacts { status: Resolved, ..open }, take.clone(), "report.decided".to_owned()),
            (HandleFacts { status: Dismissed, ..open }, dismiss.clone(), "report.decided".to_owned()),
            (HandleFacts { reported: Some(me), ..open }, take.clone(), "report.unknown".to_owned()),
            (HandleFacts { owns: true, involved: true, ..open }, take.clone(), "report.unknown".to_owned()),
            (HandleFacts { reporter: Some(me), ..open }, take.clone(), "report.involved".to_owned()),
            (HandleFacts { involved: true, ..open }, take.clone(), "report.involved".to_owned()),
            (HandleFacts { role: Role::User, ..open }, take.clone(), "user.outranked".to_owned()),
            (HandleFacts { status: Expired, ..open }, take.clone(), "report.decided".to_owned()),
            (HandleFacts { decided_by: Some(me), role: Admin, ..open }, take.clone(), "report.involved".to_owned()),
            (
                HandleFacts { decided_by: Some(me), nobody_else: true, ..open },
                take.clone(),
                "report.involved".to_owned(),
            ),
            (HandleFacts { decided_by: Some(me), role: Admin, nobody_else: true, ..open }, take, "Taken".to_owned()),
            (HandleFacts { decided_by: Some(other), ..open }, dismiss.clone(), decided("Dismissed", "None")),
            (HandleFacts { assigned: Some(other), ..open }, dismiss.clone(), "report.taken".to_owned()),
            (HandleFacts { assigned: Some(me), ..open }, dismiss, decided("Dismissed", "None")),
            (open, act("none"), decided("Resolved", "None")),
            (open, act("warn"), decided("Resolved", "Warn")),
            (open, act("suspend"), decided("Resolved", "Suspend")),
            (open, act("remove_content"), decided("Resolved", "RemoveContent")),
            (
                HandleFacts { target: ReportTargetType::User, ..open },
                act("remove_content"),
                decided("Resolved", "RemoveContent"),
            ),
            (HandleFacts { target: Group, ..open }, act("remove_content"), decided("Resolved", "RemoveContent")),
            (HandleFacts { target: ReportTargetType::User, ..gone }, act("remove_content"), "user.unknown".to_owned()),
            (HandleFacts { target: Pet, ..gone }, act("remove_content"), decided("Resolved", "RemoveContent")),
            (gone, act("warn"), "user.unknown".to_owned()),
            (gone, act("suspend"), "user.unknown".to_owned()),
            (gone, act("remove_content"), decided("Resolved", "RemoveContent")),
            (gone, act("none"), decided("Resolved", "None")),
            (HandleFacts { reported_role: Some(Moderator), ..open }, act("warn"), "user.outranked".to_owned()),
            (HandleFacts { reported_role: Some(Admin), ..open }, act("remove_content"), "user.outranked".to_owned()),
            (HandleFacts { reported_role: Some(Admin), ..open }, act("none"), decided("Resolved", "None")),
            (
                HandleFacts { role: Admin, reported_role: Some(Moderator), ..open },
                act("suspend"),
                decided("Resolved", "Suspend"),
            ),
        ] {
            let read = ReportPatch::from_json(patch.clone()).unwrap();
            assert_eq!(code(decide(&facts, &read, OUTRANKED, GONE)), expected, "{patch} {facts:?}");
        }
    }

    #[test]
    fn appeals_table() {
        use {AppealStatus::*, ModerationAction::*};
        for (action, expected) in [(None, Reversed), (Warn, Upheld), (Suspend, Upheld), (RemoveContent, Upheld)] {
            assert_eq!(outcome(action), expected);
        }
        for (appealed, status, allowed) in [
            (false, ReportStatus::Resolved, true),
            (true, ReportStatus::Resolved, false),
            (false, ReportStatus::Reviewing, false),
            (true, ReportStatus::Open, false),
        ] {
            assert_eq!(may_appeal(appealed, status).is_ok(), allowed, "{appealed} {status:?}");
        }
    }
}
