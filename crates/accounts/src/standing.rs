//! The standing of an account: its role, and whether it is suspended; and who may change it.

use clowder_core::{Ctx, Error, Refusal, Result, Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    model::NewSuspension,
    refusals::{LAST_ADMIN, OUTRANKED},
};

/// Why an account is suspended, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suspension {
    /// When it ends by itself; `null` if it does not.
    pub until: Option<Timestamp>,
    /// The reason that the account's owner reads.
    #[schema(example = "advertising in strangers' chats")]
    pub reason: String,
}

impl Suspension {
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// One sentence for the suspended user.
    pub fn sentence(&self) -> String {
        match self.until {
            Some(until) => format!("Suspended until {until}: {}", self.reason),
            None => format!("Suspended: {}", self.reason),
        }
    }
}

/// The current standing of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub role: Role,
    pub suspension: Option<Suspension>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { role: Role::User, suspension: None }
    }
}

/// Who wants to change a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The command line: the operator.
    System,
    User(UserId, Role),
}

/// What is known when somebody's standing is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingFacts {
    pub by: By,
    pub whom: UserId,
    pub role: Role,
    /// Whether there is another administrator who can act, and stays.
    pub other_admins: bool,
}

impl StandingFacts {
    fn is_self(&self) -> bool {
        matches!(self.by, By::User(id, _) if id == self.whom)
    }

    /// Staff can only govern accounts with a lower role.
    fn outranks(&self) -> bool {
        match self.by {
            By::System => true,
            By::User(_, role) => role > self.role,
        }
    }

    fn is_last_admin(&self) -> bool {
        self.role == Role::Admin && !self.other_admins
    }
}

/// Staff can give accounts with a lower role any role up to their own, and can step down themselves. At least one
/// administrator always remains.
pub fn may_set_role(facts: &StandingFacts, to: Role) -> Result<(), Refusal> {
    let within = match facts.by {
        By::System => true,
        By::User(_, role) => to <= role && (facts.outranks() || facts.is_self()),
    };
    match within {
        false => Err(OUTRANKED),
        true if to < Role::Admin && facts.is_last_admin() => Err(LAST_ADMIN),
        true => Ok(()),
    }
}

/// Nobody can suspend accounts with an equal or higher role, including themselves. At least one administrator always
/// remains.
pub fn may_suspend(facts: &StandingFacts) -> Result<(), Refusal> {
    match facts.outranks() {
        false => Err(OUTRANKED),
        true if facts.is_last_admin() => Err(LAST_ADMIN),
        true => Ok(()),
    }
}

/// Whoever may suspend an account may also lift the suspension and help its owner sign in again.
pub fn may_govern(facts: &StandingFacts) -> Result<(), Refusal> {
    if facts.outranks() { Ok(()) } else { Err(OUTRANKED) }
}

/// Everybody may have their own account erased, and accounts with a lower role. At least one administrator always
/// remains.
pub fn may_erase(facts: &StandingFacts) -> Result<(), Refusal> {
    match facts.outranks() || facts.is_self() {
        false => Err(OUTRANKED),
        true if facts.is_last_admin() => Err(LAST_ADMIN),
        true => Ok(()),
    }
}

/// Everybody may end their own sessions, and those of accounts with a lower role.
pub fn may_end_sessions(facts: &StandingFacts) -> Result<(), Refusal> {
    if facts.outranks() || facts.is_self() { Ok(()) } else { Err(OUTRANKED) }
}

/// The suspension to be. One that would already be over is a mistake.
pub fn decide_suspension(ctx: &Ctx, facts: &StandingFacts, new: NewSuspension) -> Result<Suspension> {
    may_suspend(facts)?;
    let suspension = Suspension { until: new.until, reason: new.reason };
    if !suspension.holds(ctx.now) {
        return Err(Error::field("/until", "past", "must be in the future"));
    }
    Ok(suspension)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clowder_core::{Actor, Id};

    use super::*;

    const ROLES: [Role; 3] = [Role::User, Role::Moderator, Role::Admin];

    fn facts(by: Option<Role>, is_self: bool, role: Role, other_admins: bool) -> StandingFacts {
        let [me, other]: [UserId; 2] = std::array::from_fn(|_| Id::new(Timestamp::from_micros(1)));
        let by = by.map_or(By::System, |role| By::User(me, role));
        StandingFacts { by, whom: if is_self { me } else { other }, role, other_admins }
    }

    #[test]
    fn may_set_role_table() {
        use Role::{Admin, Moderator, User};
        let (ok, outranked, last) = (None, Some("user.outranked"), Some("role.last_admin"));
        for (by, is_self, role, to, other_admins, verdict) in [
            (Some(Admin), false, User, Moderator, false, ok),
            (Some(Admin), false, User, Admin, false, ok),
            (Some(Admin), false, Moderator, User, false, ok),
            (Some(Admin), false, Admin, User, true, outranked),
            (Some(Admin), false, Admin, Admin, true, outranked),
            (Some(Admin), true, Admin, User, true, ok),
            (Some(Admin), true, Admin, User, false, last),
            (Some(Admin), true, Admin, Moderator, false, last),
            (Some(Admin), true, Admin, Admin, false, ok),
            (Some(Moderator), false, User, Moderator, true, ok),
            (Some(Moderator), false, User, Admin, true, outranked),
            (Some(Moderator), true, Moderator, Admin, true, outranked),
            (Some(Moderator), true, Moderator, User, false, ok),
            (Some(User), false, User, User, true, outranked),
            (None, false, User, Admin, false, ok),
            (None, false, Admin, User, true, ok),
            (None, false, Admin, User, false, last),
            (None, false, Admin, Admin, false, ok),
        ] {
            let refused = may_set_role(&facts(by, is_self, role, other_admins), to).err().map(|refusal| refusal.code);
            assert_eq!(refused, verdict, "{by:?} self: {is_self} {role:?} -> {to:?} others: {other_admins}");
        }
    }

    /// Rows: the actor's role; columns: user, moderator, admin as the other account.
    #[test]
    fn governing_table() {
        for (by, verdicts) in [
            (Some(Role::User), [false, false, false]),
            (Some(Role::Moderator), [true, false, false]),
            (Some(Role::Admin), [true, true, false]),
            (None, [true, true, true]),
        ] {
            for (role, verdict) in ROLES.into_iter().zip(verdicts) {
                let other = facts(by, false, role, true);
                let all = [may_suspend(&other), may_govern(&other), may_end_sessions(&other), may_erase(&other)];
                assert_eq!(all.map(|given| given.is_ok()), [verdict; 4], "{by:?} {role:?}");
            }
        }
        for role in ROLES {
            let own = facts(Some(role), true, role, true);
            assert_eq!((may_suspend(&own), may_govern(&own)), (Err(OUTRANKED), Err(OUTRANKED)));
            assert_eq!((may_end_sessions(&own), may_erase(&own)), (Ok(()), Ok(())));
        }
        let last = facts(None, false, Role::Admin, false);
        assert_eq!((may_suspend(&last), may_erase(&last)), (Err(LAST_ADMIN), Err(LAST_ADMIN)));
        assert_eq!(may_erase(&facts(Some(Role::Admin), true, Role::Admin, false)), Err(LAST_ADMIN));
    }

    #[test]
    fn a_suspension_holds_until_its_time() {
        let now = Timestamp::from_micros(1_000_000_000);
        let ctx = Ctx::new(Actor::System, now, "test");
        let later = now.plus(Duration::from_secs(1));
        let new = |until| NewSuspension { until, reason: "spam".to_owned() };
        let by_system = facts(None, false, Role::User, true);
        let timed = decide_suspension(&ctx, &by_system, new(Some(later))).unwrap();
        assert!(timed.holds(now) && !timed.holds(later));
        assert!(decide_suspension(&ctx, &by_system, new(None)).unwrap().holds(later));
        assert!(matches!(decide_suspension(&ctx, &by_system, new(Some(now))), Err(Error::Invalid(_))));
    }
}
