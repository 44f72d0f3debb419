//! A cache of lists of friends, to count what people have in common: measured, counting in the database costs more than
//! a hundred times as much for people with a thousand friends.
//!
//! It needs no invalidation: a list is stored under its version, and whoever looks it up has just read that version.

use std::sync::Arc;

use clowder_core::UserId;
use quick_cache::{Weighter, sync::Cache};

/// The size of the cache in octets.
const ROOM: u64 = 64 << 20;
/// The size of an entry without its friends.
const BARE: usize = 96;
/// The size of an entry of usual length.
const ORDINARY: usize = 2_048;

/// Somebody's friends, in the order of their ids.
pub type FriendIds = Arc<[UserId]>;

pub struct FriendLists {
    kept: Cache<UserId, (i64, FriendIds), Weight>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<UserId, (i64, FriendIds)> for Weight {
    fn weight(&self, _: &UserId, (_, friends): &(i64, FriendIds)) -> u64 {
        (BARE + size_of_val::<[UserId]>(friends)) as u64
    }
}

impl Default for FriendLists {
    fn default() -> Self {
        Self { kept: Cache::with_weighter(ROOM as usize / ORDINARY, ROOM, Weight) }
    }
}

impl FriendLists {
    pub fn get(&self, user: UserId, version: i64) -> Option<FriendIds> {
        self.kept.get(&user).filter(|(kept, _)| *kept == version).map(|(_, friends)| friends)
    }

    /// Caches what was read after this version was seen. It may be newer; then the next reader has seen a newer version,
    /// too.
    pub fn keep(&self, user: UserId, version: i64, friends: FriendIds) {
        self.kept.insert(user, (version, friends));
    }

    /// The lists are those of another database state, where the same versions may come again.
    pub fn clear(&self) {
        self.kept.clear();
    }
}

/// The people who are in both lists, which are in the order of their ids.
pub fn in_common(one: &[UserId], other: &[UserId]) -> Vec<UserId> {
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    // A search for each is cheaper than reading both, if one is much longer.
    if few.len() * 16 < many.len() {
        return few.iter().copied().filter(|user| many.binary_search(user).is_ok()).collect();
    }
    let (mut both, mut rest) = (Vec::new(), many.iter().peekable());
    for user in few {
        while rest.next_if(|next| *next < user).is_some() {}
        if rest.next_if_eq(&user).is_some() {
            both.push(*user);
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clowder_core::{Id, Timestamp};

    use super::*;

    #[test]
    fn in_common_is_the_intersection() {
        let mut ids: Vec<UserId> = (0..200).map(|_| Id::new(Timestamp::from_micros(1))).collect();
        ids.sort_unstable();
        let every = |step: usize, from: usize| ids.iter().skip(from).step_by(step).copied().collect::<Vec<_>>();
        for (one, other) in [
            (vec![], vec![]),
            (every(1, 0), vec![]),
            (every(1, 0), every(1, 0)),
            (every(2, 0), every(3, 0)),
            (every(2, 0), every(2, 1)),
            (every(100, 0), every(1, 0)),
            (every(50, 3), every(2, 1)),
        ] {
            let set: HashSet<_> = one.iter().collect();
            let expected: Vec<_> = other.iter().copied().filter(|user| set.contains(user)).collect();
            assert_eq!((in_common(&one, &other), in_common(&other, &one)), (expected.clone(), expected));
        }
    }

    #[test]
    fn a_list_is_found_under_its_version() {
        let (lists, ada) = (FriendLists::default(), Id::new(Timestamp::from_micros(1)));
        lists.keep(ada, 3, Arc::new([ada]));
        assert!(lists.get(ada, 3).is_some() && lists.get(ada, 4).is_none());
        lists.clear();
        assert!(lists.get(ada, 3).is_none());
    }
}
