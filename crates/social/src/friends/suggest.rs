//! Whom to suggest as a friend: friends of friends, by how many friends the two have in common. The work is bounded,
//! however many friends anybody has.

use std::collections::{HashMap, HashSet};

use clowder_core::UserId;

/// How many of somebody's friends are looked at, the latest first.
pub const FRIENDS: usize = 100;
/// How many of their friends are looked at, all together.
pub const LOOKED_AT: i64 = 20_000;
/// How many of the best are checked, whether they may be shown.
pub const CHECKED: usize = 400;

/// Whose lists are read, of friends with lists of these lengths: the shortest first, because a friend with few friends
/// says more about somebody than one whom everybody knows. Lists are read whole, so that the choice does not depend on
/// the order in which a database finds rows.
pub fn look_at(mut lists: Vec<(UserId, i64)>, mut room: i64) -> Vec<UserId> {
    lists.sort_unstable_by_key(|(user, friends)| (*friends, *user));
    let fit = lists.into_iter().take_while(|(_, friends)| {
        room -= friends;
        room >= 0
    });
    fit.map(|(user, _)| user).collect()
}

/// Those who occur most often among friends of friends, with how often, without those who are not suggested anyway:
/// otherwise the friends of a close circle, who know each other, would leave no room for anybody else.
pub fn best(theirs: impl IntoIterator<Item = UserId>, without: &HashSet<UserId>) -> Vec<(UserId, i64)> {
    let mut counts = HashMap::<UserId, i64>::new();
    for user in theirs.into_iter().filter(|user| !without.contains(user)) {
        *counts.entry(user).or_default() += 1;
    }
    let mut best: Vec<_> = counts.into_iter().collect();
    // Ids decide among equals, so that the order stays the same.
    best.sort_unstable_by_key(|(user, count)| (-count, *user));
    best.truncate(CHECKED);
    best
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};

    use super::*;

    fn people(count: usize) -> Vec<UserId> {
        let mut ids: Vec<UserId> = (0..count).map(|_| Id::new(Timestamp::from_micros(1))).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn short_lists_are_looked_at_first_and_whole() {
        let ids = people(6);
        let looked_at = |lengths: &[i64]| {
            let chosen = look_at(ids.iter().copied().zip(lengths.iter().copied()).collect(), LOOKED_AT);
            chosen.iter().map(|user| ids.iter().position(|id| id == user).unwrap()).collect::<Vec<_>>()
        };
        for (lengths, expected) in [
            (vec![], vec![]),
            (vec![3, 1, 2], vec![1, 2, 0]),
            (vec![7, 7, 7], vec![0, 1, 2]),
            (vec![5_000, 5_000, 5_000, 5_000, 1, 2], vec![4, 5, 0, 1, 2]),
            (vec![5_000, 5_000, 5_000, 5_000], vec![0, 1, 2, 3]),
            (vec![20_000, 1], vec![1]),
        ] {
            assert_eq!(looked_at(&lengths), expected, "{lengths:?}");
        }
    }

    #[test]
    fn the_best_occur_most_often() {
        let ids = people(4);
        let theirs = [ids[2], ids[1], ids[2], ids[0], ids[3], ids[3], ids[3]];
        assert_eq!(best(theirs, &HashSet::new()), [(ids[3], 3), (ids[2], 2), (ids[0], 1), (ids[1], 1)]);
        assert_eq!(best(theirs, &HashSet::from([ids[3], ids[0]])), [(ids[2], 2), (ids[1], 1)]);
        assert_eq!(best([], &HashSet::new()), []);
    }

    #[test]
    fn a_close_circle_leaves_room_for_others() {
        let ids = people(CHECKED + 1);
        let (circle, new) = (&ids[..CHECKED], ids[CHECKED]);
        let theirs: Vec<_> = circle.iter().chain(circle).chain([&new]).copied().collect();
        let without: HashSet<_> = circle.iter().copied().collect();
        assert_eq!(best(theirs, &without), [(new, 1)]);
    }
}
