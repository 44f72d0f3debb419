//! A cache of all accounts with a special standing: the few with a role, and suspended ones. It is complete, so that
//! checking a token needs no database query.
//!
//! It is as fresh as the journal is followed: changes by this process count at once, others when `user.updated`
//! arrives.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use clowder_accounts::{Own, Standing};
use clowder_core::{Timestamp, UserId};

/// How many accounts that are ordinary again are remembered, so that late changes are recognised as outdated.
const FORMER: usize = 1024;

#[derive(Default)]
pub struct Standings {
    known: RwLock<HashMap<UserId, Kept>>,
    /// Increased when the journal turned out to be another one.
    turn: AtomicU64,
}

struct Kept {
    /// The journal by whose versions it is known: within one, they only rise.
    turn: u64,
    /// The version of the profile it was read from: nothing older may replace it.
    version: i64,
    standing: Standing,
}

impl Standings {
    pub fn of(&self, user: UserId, now: Timestamp) -> Standing {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Kept { standing, .. }) = known.get(&user) else { return Standing::default() };
        let suspension = standing.suspension.as_ref().filter(|suspension| suspension.holds(now));
        Standing { role: standing.role, suspension: suspension.cloned() }
    }

    /// Updates the standing of an account, unless something newer is known.
    pub fn keep(&self, own: &Own) {
        let standing = Standing { role: own.role, suspension: own.suspension.clone() };
        // Most profiles end here, and wait for no lock.
        if standing == Standing::default() && !self.read().contains_key(&own.id) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.load(Ordering::SeqCst);
        if known.get(&own.id).is_none_or(|kept| (kept.turn, kept.version) < (turn, own.version)) {
            known.insert(own.id, Kept { turn, version: own.version, standing });
            if known.len() % FORMER == FORMER - 1 {
                known.retain(|_, kept| kept.standing != Standing::default());
            }
        }
    }

    /// A user was erased: from now on they are an ordinary account, whatever arrives late.
    pub fn bury(&self, user: UserId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.get_mut(&user) {
            let turn = self.turn.load(Ordering::SeqCst);
            *kept = Kept { turn, version: i64::MAX, standing: Standing::default() };
        }
    }

    /// The journal is another one, whose versions may be lower. What is known counts until all standings have been read
    /// again.
    pub fn begin_turn(&self) {
        let _known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.turn.fetch_add(1, Ordering::SeqCst);
    }

    /// All standings have been read again.
    pub fn end_turn(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.load(Ordering::SeqCst);
        known.retain(|_, kept| kept.turn == turn);
    }

    /// The accounts about which something is known.
    pub fn known(&self) -> Vec<UserId> {
        self.read().keys().copied().collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<UserId, Kept>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clowder_accounts::Suspension;
    use clowder_core::{Id, Role, Visibility};

    use super::*;

    fn own(id: UserId, version: i64, role: Role, suspended_until: Option<Timestamp>) -> Own {
        let suspension = suspended_until.map(|until| Suspension { until: Some(until), reason: "spam".to_owned() });
        Own {
            id,
            username: String::new(),
            display_name: String::new(),
            bio: None,
            status_text: None,
            status_until: None,
            pronouns: None,
            location: None,
            links: Vec::new(),
            badges: Vec::new(),
            email: String::new(),
            email_verified: false,
            role,
            two_factor: false,
            visibility: Visibility::Public,
            avatar: None,
            cover: None,
            presence: None,
            last_seen_at: None,
            friendship: None,
            friends_count: None,
            pets_count: None,
            erase_at: None,
            suspension,
            created_at: Timestamp::from_micros(0),
            version,
        }
    }

    #[test]
    fn the_newest_version_counts_in_whatever_order_they_arrive() {
        let now = Timestamp::from_micros(1);
        let (standings, ada) = (Standings::default(), Id::new(now));
        let role = || standings.of(ada, now).role;
        assert_eq!(role(), Role::User);
        standings.keep(&own(ada, 2, Role::Admin, None));
        assert_eq!(role(), Role::Admin);
        standings.keep(&own(ada, 3, Role::User, None));
        standings.keep(&own(ada, 2, Role::Admin, None));
        assert_eq!(role(), Role::User, "the second arrived again, late");
    }

    #[test]
    fn in_another_journal_versions_begin_anew() {
        let now = Timestamp::from_micros(1);
        let (standings, [ada, bob]) = (Standings::default(), [Id::new(now), Id::new(now)]);
        standings.keep(&own(ada, 7, Role::Admin, None));
        standings.keep(&own(bob, 7, Role::Admin, None));
        standings.begin_turn();
        assert_eq!(standings.of(ada, now).role, Role::Admin, "until it is known again");
        standings.keep(&own(ada, 2, Role::Moderator, None));
        standings.end_turn();
        assert_eq!([ada, bob].map(|user| standings.of(user, now).role), [Role::Moderator, Role::User]);
    }

    #[test]
    fn whoever_was_erased_has_no_role_any_more() {
        let now = Timestamp::from_micros(1);
        let (standings, ada) = (Standings::default(), Id::new(now));
        standings.keep(&own(ada, 2, Role::Admin, None));
        standings.bury(ada);
        standings.keep(&own(ada, 3, Role::Admin, None));
        assert_eq!(standings.of(ada, now), Standing::default());
    }

    #[test]
    fn a_suspension_ends_by_itself() {
        let now = Timestamp::from_micros(1);
        let (standings, ada, later) = (Standings::default(), Id::new(now), now.plus(Duration::from_secs(1)));
        standings.keep(&own(ada, 2, Role::User, Some(later)));
        assert!(standings.of(ada, now).suspension.is_some());
        assert_eq!(standings.of(ada, later), Standing::default());
    }

    #[test]
    fn those_who_are_everybodys_again_do_not_pile_up() {
        let standings = Standings::default();
        for n in 0..5_000 {
            let id = Id::new(Timestamp::from_micros(n));
            standings.keep(&own(id, 1, Role::Moderator, None));
            standings.keep(&own(id, 2, Role::User, None));
        }
        assert!(standings.known().len() <= FORMER);
    }
}
