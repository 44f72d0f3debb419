//! The rules of exports and erasure: how often a user may export, the grace period, and how an erased user is shown.

use std::time::Duration;

pub use clowder_core::export::status_of;
use clowder_core::{Card, Error, Limit, Result, Timestamp, UserId};

use crate::{
    model::{ExportId, ExportStatus},
    refusals::ERASURE_NONE,
    standing::{StandingFacts, may_erase},
};

/// How long an export can be downloaded.
pub const EXPORT_FOR: Duration = Duration::from_secs(7 * DAY);
/// How long it is listed.
pub const EXPORT_KNOWN_FOR: Duration = Duration::from_secs(30 * DAY);
/// How many exports a user may have made per day.
pub const EXPORTS_A_DAY: usize = 3;
/// An export younger than this is returned instead of a new one.
pub const FRESH: Duration = Duration::from_secs(3600);
/// The maximum size of a chunk of an export in octets.
pub const CHUNK: usize = 256 * 1024;

const DAY: u64 = 24 * 3600;

/// The result of requesting an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// This one is recent enough.
    Again(ExportId),
    New,
}

/// Whether another export is made, given those requested within a day. Failed ones do not count.
pub fn may_export(now: Timestamp, recent: &[(ExportId, ExportStatus, Timestamp)]) -> Result<Wish> {
    let good = || recent.iter().filter(|(_, status, _)| *status != ExportStatus::Failed);
    let will_do = good().find(|(_, status, at)| match status {
        ExportStatus::Queued | ExportStatus::Running => true,
        ExportStatus::Ready => now.since(*at) < FRESH,
        ExportStatus::Failed | ExportStatus::Expired => false,
    });
    if let Some((id, ..)) = will_do {
        return Ok(Wish::Again(*id));
    }
    let within = good().map(|(.., at)| *at).filter(|at| now.since(*at) < Duration::from_secs(DAY));
    match within.clone().min() {
        Some(first) if within.count() >= EXPORTS_A_DAY => {
            Err(Error::TooMany { limit: Limit::Exports, retry_after: first.left(Duration::from_secs(DAY), now) })
        }
        _ => Ok(Wish::New),
    }
}

/// What decides whether, and when, an account is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureFacts {
    pub standing: StandingFacts,
    /// When it is already due.
    pub pending: Option<Timestamp>,
}

/// When an account is erased; `after` is the grace period of its owner.
pub fn decide_erasure(now: Timestamp, facts: &ErasureFacts, after: Duration) -> Result<Timestamp> {
    may_erase(&facts.standing)?;
    let due = now.plus(after);
    Ok(facts.pending.map_or(due, |pending| pending.min(due)))
}

/// Whether an erasure can be cancelled: its time has not come. One ordered by an administrator is due at once, even
/// while its job waits for its turn.
pub fn may_undo(now: Timestamp, pending: Option<Timestamp>, deleted: bool) -> Result<()> {
    if pending.is_some_and(|due| due > now) && !deleted { Ok(()) } else { Err(ERASURE_NONE.into()) }
}

/// How an erased user is shown. The name identifies nobody; it is not a unique key either, so it may resemble another.
pub fn tombstone(id: UserId) -> Card {
    let id_text = id.uuid().simple().to_string();
    let (_, random) = id_text.split_at(20);
    Card::new(id, format!("deleted-{random}"), "Deleted user".to_owned())
}

#[cfg(test)]
mod tests {
    use clowder_core::Role;

    use super::*;
    use crate::{refusals::LAST_ADMIN, standing::By};
    use ExportStatus::{Expired, Failed, Queued, Ready, Running};

    fn at(hours_ago: u64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000).minus(Duration::from_secs(hours_ago * 3600))
    }

    #[test]
    fn may_export_table() {
        let now = at(0);
        let id = |n: u128| ExportId::from_uuid(uuid::Uuid::from_u128(n));
        for (recent, verdict) in [
            (vec![], Ok(Wish::New)),
            (vec![(Queued, 0)], Ok(Wish::Again(id(0)))),
            (vec![(Running, 23)], Ok(Wish::Again(id(0)))),
            (vec![(Ready, 0)], Ok(Wish::Again(id(0)))),
            (vec![(Ready, 1)], Ok(Wish::New)),
            (vec![(Failed, 0), (Failed, 0), (Failed, 0), (Failed, 0)], Ok(Wish::New)),
            (vec![(Ready, 2), (Ready, 3)], Ok(Wish::New)),
            (vec![(Ready, 2), (Ready, 3), (Ready, 20)], Err(4 * 3600)),
            (vec![(Ready, 2), (Ready, 3), (Ready, 24)], Ok(Wish::New)),
            (vec![(Ready, 2), (Expired, 3), (Ready, 4)], Err(20 * 3600)),
            (vec![(Ready, 2), (Ready, 3), (Ready, 4), (Queued, 0)], Ok(Wish::Again(id(3)))),
        ] {
            let recent: Vec<_> =
                recent.iter().enumerate().map(|(n, (status, ago))| (id(n as u128), *status, at(*ago))).collect();
            let said = may_export(now, &recent).map_err(|error| match error {
                Error::TooMany { retry_after, .. } => retry_after.as_secs(),
                other => panic!("{other}"),
            });
            assert_eq!(said, verdict, "{recent:?}");
        }
    }

    #[test]
    fn decide_erasure_table() {
        let now = at(100);
        let whom = UserId::from_uuid(uuid::Uuid::from_u128(1));
        let standing = StandingFacts { by: By::System, whom, role: Role::User, other_admins: false };
        let (hour, none) = (Duration::from_secs(3600), Duration::ZERO);
        for (pending, after, due) in [
            (None, hour, at(99)),
            (None, none, now),
            (Some(at(50)), hour, at(99)),
            (Some(at(100)), hour, now),
            (Some(at(50)), none, now),
        ] {
            assert_eq!(decide_erasure(now, &ErasureFacts { standing, pending }, after).unwrap(), due, "{pending:?}");
        }
        let last = StandingFacts { role: Role::Admin, ..standing };
        let refused = decide_erasure(now, &ErasureFacts { standing: last, pending: None }, none).unwrap_err();
        assert!(matches!(refused, Error::Refused(LAST_ADMIN)), "{refused}");
    }

    #[test]
    fn may_undo_table() {
        for (pending, deleted, may) in [
            (None, false, false),
            (Some(at(1)), false, true),
            (Some(at(2)), false, false),
            (Some(at(3)), false, false),
            (Some(at(1)), true, false),
            (None, true, false),
        ] {
            assert_eq!(may_undo(at(2), pending, deleted).is_ok(), may, "{pending:?} {deleted}");
        }
    }

    #[test]
    fn a_tombstone_tells_nothing() {
        let id: UserId = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10".parse().unwrap();
        let card = tombstone(id);
        assert_eq!((card.username.as_str(), card.display_name.as_str()), ("deleted-3f0c8a8f2d10", "Deleted user"));
    }
}
