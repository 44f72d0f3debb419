//! Who may create an account, and what has to happen first.

use std::time::Duration;

use clowder_core::{Error, Refusal, Result, Timestamp, Word};

use crate::model::NewInvite;
use crate::refusals::{EMAIL_TAKEN, INVITE_GONE, INVITE_LIMIT, INVITE_REQUIRED, SIGN_UP_CLOSED, USERNAME_TAKEN};

/// How long people have to confirm the address they signed up with.
pub const CONFIRM_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a sign-up waits for approval.
pub const APPROVE_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Open,
    /// People with an invitation.
    Invite,
    /// People whom an administrator approves.
    Approval,
    Closed,
}

impl Word for Mode {
    const WHAT: &'static str = "sign-up mode";
    const WORDS: &'static [(&'static str, Self)] =
        &[("open", Self::Open), ("invite", Self::Invite), ("approval", Self::Approval), ("closed", Self::Closed)];
}

/// The sign-up rules of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub mode: Mode,
    /// Whether somebody who registers learns that an address already has an account. If not, the account is created
    /// only when its address has been confirmed: whoever cannot read the mail learns nothing.
    pub reveal_taken: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { mode: Mode::Open, reveal_taken: true }
    }
}

/// What is known to decide.
#[derive(Debug, Clone, Default)]
pub struct SignUpFacts {
    /// By an account or a pending sign-up.
    pub username_taken: bool,
    pub email_taken: bool,
    pub invite: Invitation,
}

/// The presented invitation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Invitation {
    #[default]
    None,
    /// Unknown, revoked, used up or expired.
    Gone,
    Good,
}

/// What is known of a presented invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteFacts {
    pub revoked: bool,
    pub expires_at: Option<Timestamp>,
    /// How many accounts it can create.
    pub max_uses: Option<i32>,
    /// How many it has created.
    pub uses: i32,
    /// How many pending sign-ups use it: each may still become an account, so these uses are not free for others.
    pub waiting: i64,
}

/// Whether an invitation is valid; `None` is one that does not exist.
pub fn judge(now: Timestamp, invite: Option<InviteFacts>) -> Invitation {
    let is_good = |invite: &InviteFacts| {
        let free =
            invite.max_uses.is_none_or(|most| i64::from(invite.uses).saturating_add(invite.waiting) < most.into());
        !invite.revoked && invite.expires_at.is_none_or(|until| until > now) && free
    };
    if invite.as_ref().is_some_and(is_good) { Invitation::Good } else { Invitation::Gone }
}

/// How many valid invitations one person may have created.
pub const MOST_INVITES: i64 = 100;

/// Whether somebody with `open` invitations (neither used up, revoked nor expired) may create another one.
pub fn may_invite(now: Timestamp, new: &NewInvite, open: i64) -> Result<(), Error> {
    if open >= MOST_INVITES {
        return Err(INVITE_LIMIT.into());
    }
    match new.expires_at {
        Some(until) if until <= now => Err(Error::field("/expires_at", "past", "must be in the future")),
        _ => Ok(()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The account is created.
    Welcome,
    /// It is created when this has been done.
    Wait(Steps),
    /// Like `Wait`, but it will never become an account, because the address has one: its owner is notified.
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

/// What can be decided before any slow work: sign-up is closed, or an invitation is missing.
pub fn may_ask(mode: Mode, has_invite: bool) -> Result<(), Refusal> {
    match mode {
        Mode::Closed => Err(SIGN_UP_CLOSED),
        Mode::Invite if !has_invite => Err(INVITE_REQUIRED),
        _ => Ok(()),
    }
}

pub fn decide(rules: Rules, facts: &SignUpFacts) -> Result<Verdict, Refusal> {
    may_ask(rules.mode, facts.invite != Invitation::None)?;
    if facts.invite == Invitation::Gone {
        return Err(INVITE_GONE);
    }
    if facts.username_taken {
        return Err(USERNAME_TAKEN);
    }
    // An invitation counts as approval.
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
    fn judge_table() {
        let at = Timestamp::from_micros;
        let open = InviteFacts { revoked: false, expires_at: None, max_uses: None, uses: 7, waiting: 7 };
        let of = |max_uses, uses, waiting| InviteFacts { max_uses: Some(max_uses), uses, waiting, ..open };
        for (invite, good) in [
            (None, false),
            (Some(open), true),
            (Some(InviteFacts { revoked: true, ..open }), false),
            (Some(InviteFacts { expires_at: Some(at(5)), ..open }), false),
            (Some(InviteFacts { expires_at: Some(at(6)), ..open }), true),
            (Some(of(1, 0, 0)), true),
            (Some(of(1, 1, 0)), false),
            (Some(of(1, 0, 1)), false),
            (Some(of(3, 1, 1)), true),
            (Some(of(3, 2, 1)), false),
            (Some(of(3, 2, 2)), false),
        ] {
            assert_eq!(judge(at(5), invite) == Invitation::Good, good, "{invite:?}");
        }
    }

    #[test]
    fn may_invite_table() {
        let at = Timestamp::from_micros;
        for (expires_at, may) in [(None, true), (Some(at(4)), false), (Some(at(5)), false), (Some(at(6)), true)] {
            let new = NewInvite { note: None, max_uses: None, expires_at };
            assert_eq!(may_invite(at(5), &new, MOST_INVITES - 1).is_ok(), may, "{expires_at:?}");
            assert!(matches!(may_invite(at(5), &new, MOST_INVITES), Err(Error::Refused(INVITE_LIMIT))));
        }
    }

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
