//! Changing a username: how often somebody may, and for how long they keep the name that they had before.

use std::time::Duration;

use clowder_core::{Error, Result, Timestamp};

use crate::{
    Username,
    refusals::{USERNAME_TAKEN, USERNAME_TOO_SOON},
    reserved::{Giver, may_give},
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long after a change people may change their username again.
pub const AGAIN_AFTER: Duration = DAY.saturating_mul(30);
/// For how long nobody else gets the name before, and its profile is found by it.
pub const KEPT_FOR: Duration = DAY.saturating_mul(30);

/// Who changes a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamer {
    Owner,
    /// An administrator, for whom there is no pause.
    Staff,
}

/// What is known when a username is to be changed.
#[derive(Debug, Clone, Copy)]
pub struct RenameFacts {
    pub by: Renamer,
    /// When it was last changed, by whomever.
    pub renamed_at: Option<Timestamp>,
    /// Somebody else has the name or a look-alike, or had it until recently, or waits for it.
    pub taken: bool,
}

/// Whether an account may get this name now. A change after `now`, by a clock that was ahead, counts as one of now.
pub fn may_rename(now: Timestamp, facts: RenameFacts, to: &Username) -> Result<()> {
    may_give(Giver::Anybody, to)?;
    let again_at = facts.renamed_at.map(|at| at.min(now).plus(AGAIN_AFTER));
    if let Some(until) = again_at.filter(|until| facts.by == Renamer::Owner && *until > now) {
        return Err(Error::TooEarly { refusal: USERNAME_TOO_SOON, until });
    }
    if facts.taken { Err(USERNAME_TAKEN.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use clowder_core::Field;
    use serde_json::json;

    use super::*;

    #[test]
    fn may_rename_table() {
        use Renamer::{Owner, Staff};
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let days_ago = |days: u32| Some(now.minus(DAY * days));
        for (by, renamed_at, taken, to, verdict) in [
            (Owner, None, false, "ada", "ok"),
            (Owner, None, true, "ada", "username.taken"),
            (Owner, None, false, "admin", "username.reserved"),
            (Owner, None, false, "deleted-1", "username.reserved"),
            (Owner, days_ago(30), false, "ada", "ok"),
            (Owner, days_ago(29), false, "ada", "username.too_soon for 1 days"),
            (Owner, days_ago(0), true, "ada", "username.too_soon for 30 days"),
            (Owner, Some(now.plus(DAY * 3)), false, "ada", "username.too_soon for 30 days"),
            (Staff, days_ago(0), false, "ada", "ok"),
            (Staff, days_ago(0), true, "ada", "username.taken"),
            (Staff, None, false, "admin", "username.reserved"),
        ] {
            let to = Username::parse(json!(to)).unwrap();
            let decided = match may_rename(now, RenameFacts { by, renamed_at, taken }, &to) {
                Ok(()) => "ok".to_owned(),
                Err(Error::Refused(refusal)) => refusal.code.to_owned(),
                Err(Error::TooEarly { refusal, until }) => {
                    format!("{} for {} days", refusal.code, until.since(now).as_secs() / DAY.as_secs())
                }
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(decided, verdict, "{by:?} {renamed_at:?} {taken} {to:?}");
        }
    }
}
