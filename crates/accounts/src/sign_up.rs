//! Who may make an account, and what has to happen first.

use std::time::Duration;

use clowder_core::{Refusal, Result, Timestamp, Word};

use crate::refusals::{EMAIL_TAKEN, INVITE_GONE, INVITE_REQUIRED, SIGN_UP_CLOSED, USERNAME_TAKEN};

/// How long somebody may take to confirm the address they signed up with.
pub const CONFIRM_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a sign-up waits for somebody's approval.
pub const APPROVE_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Open,
    /// Whoever has an invitation.
    Invite,
    /// Whoever a moderator lets in.
    Approval,
    Closed,
}

impl Word for Mode {
    const WHAT: &'static str = "sign-up mode";
    const WORDS: &'static [(&'static str, Self)] =
        &[("open", Self::Open), ("invite", Self::Invite), ("approval", Self::Approval), ("closed", Self::Closed)];
}

/// How this server takes people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub mode: Mode,
    /// Whether somebody who registers learns that an address has an account already. If not, an account comes to be
    /// only when its address has been confirmed: whoever cannot read the mail learns nothing.
    pub reveal_taken: bool,
}

/// What must be known to decide.
#[derive(Debug, Clone, Default)]
pub struct SignUpFacts {
    /// By an account or by somebody who is about to get one.
    pub username_taken: bool,
    pub email_taken: bool,
    pub invite: Invitation,
}

/// What came as an invitation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Invitation {
    #[default]
    None,
    /// Unknown, revoked, used up or past.
    Gone,
    Good,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The account is made.
    Welcome,
    /// It is made when this has been done.
    Wait(Steps),
    /// As `Wait`, but nothing will ever come of it, for the address has an account: its owner is told.
    Pretend(Steps),
}

/// What has to happen before a sign-up becomes an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    pub confirm: bool,
    pub approve: bool,
}

impl Steps {
    pub fn until(self, now: Timestamp) -> Timestamp {
        now.plus(if self.confirm { CONFIRM_FOR } else { APPROVE_FOR })
    }
}

pub fn decide(rules: Rules, facts: &SignUpFacts) -> Result<Verdict, Refusal> {
    match (rules.mode, facts.invite) {
        (Mode::Closed, _) => return Err(SIGN_UP_CLOSED),
        (Mode::Invite, Invitation::None) => return Err(INVITE_REQUIRED),
        (_, Invitation::Gone) => return Err(INVITE_GONE),
        _ => {}
    }
    if facts.username_taken {
        return Err(USERNAME_TAKEN);
    }
    // An invitation is an approval.
    let approve = rules.mode == Mode::Approval && facts.invite != Invitation::Good;
    let steps = Steps { confirm: !rules.reveal_taken, approve };
    match (facts.email_taken, rules.reveal_taken) {
        (true, true) => Err(EMAIL_TAKEN),
        (true, false) => Ok(Verdict::Pretend(steps)),
        (false, _) if steps.confirm || steps.approve => Ok(Verdict::Wait(steps)),
        (false, _) => Ok(Verdict::Welcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decide_table() {
        use Invitation::*;
        let wait = |confirm, approve| Ok(Verdict::Wait(Steps { confirm, approve }));
        for (mode, reveal_taken, invite, username_taken, email_taken, verdict) in [
            (Mode::Open, true, None, false, false, Ok(Verdict::Welcome)),
            (Mode::Open, true, None, true, false, Err("username.taken")),
            (Mode::Open, true, None, false, true, Err("email.taken")),
            (Mode::Open, true, Gone, false, false, Err("invite.gone")),
            (Mode::Open, false, None, false, false, wait(true, false)),
            (Mode::Open, false, None, true, true, Err("username.taken")),
            (Mode::Open, false, None, false, true, Ok(Verdict::Pretend(Steps { confirm: true, approve: false }))),
            (Mode::Invite, true, None, false, false, Err("invite.required")),
            (Mode::Invite, true, Gone, false, false, Err("invite.gone")),
            (Mode::Invite, true, Good, false, false, Ok(Verdict::Welcome)),
            (Mode::Invite, false, Good, false, false, wait(true, false)),
            (Mode::Approval, true, None, false, false, wait(false, true)),
            (Mode::Approval, true, Good, false, false, Ok(Verdict::Welcome)),
            (Mode::Approval, false, None, false, false, wait(true, true)),
            (Mode::Closed, true, Good, false, false, Err("sign_up.closed")),
        ] {
            let rules = Rules { mode, reveal_taken };
            let facts = SignUpFacts { username_taken, email_taken, invite };
            assert_eq!(decide(rules, &facts).map_err(|refusal| refusal.code), verdict, "{rules:?} {facts:?}");
        }
    }
}
