//! Who is near the viewer among those who are found by name: friends, and people with friends in common.

use std::collections::BTreeSet;

use clowder_accounts::{policy::sight::FieldGroup, profiles::ranking::Candidate};
use clowder_core::{Result, UserId};
use diesel::{dsl::exists, prelude::*};

use super::super::{
    dialect::Conn,
    friends::{self, mutual},
    people::{self, Viewer},
};
use crate::domains::{
    friends::{FriendIds, FriendLists, friendships, in_common},
    profiles::name_grams as grams,
};

/// How many friends of friends are looked at for a search.
const LOOKED_AT: i64 = 1_000;
/// How many friends of friends are considered besides, if more people have a word than are considered.
const NEAR: i64 = 100;

/// Friends of friends who have this gram, a limited number: of the latest friends, those with the shortest lists are looked
/// at. Whether they show it is asked when friends in common are counted.
pub fn with_gram(conn: &mut Conn, viewer: Viewer, gram: &str) -> Result<BTreeSet<UserId>> {
    let looked_at = friends::near(conn, viewer.id, LOOKED_AT)?;
    let having = grams::table.filter(grams::gram.eq(gram).and(grams::user_id.eq(friendships::friend_id)));
    let near = friendships::table
        .filter(friendships::user_id.eq_any(looked_at).and(friendships::friend_id.ne(viewer.id)))
        .filter(exists(having))
        .order(friendships::friend_id.desc())
        .select(friendships::friend_id)
        .distinct()
        .limit(NEAR);
    Ok(near.load(conn)?.into_iter().collect())
}

/// Counts the friends in common of candidates whom the viewer may see.
pub fn add_mutual(
    conn: &mut Conn,
    lists: &FriendLists,
    viewer: Viewer,
    mine: &FriendIds,
    candidates: &mut [Candidate],
) -> Result<()> {
    let people: Vec<UserId> = candidates.iter().map(|candidate| candidate.id).collect();
    let mut friends = mutual::friends_of(conn, lists, &people)?;
    friends.retain(|_, theirs| !in_common(mine, theirs).is_empty());
    let near: Vec<UserId> = friends.keys().copied().collect();
    let hiding = people::hiding(conn, viewer, FieldGroup::FriendsList, &near)?;
    friends.insert(viewer.id, FriendIds::clone(mine));
    let common = mutual::count(conn, viewer, &friends, near.into_iter().filter(|user| !hiding.contains(user)))?;
    for candidate in candidates {
        candidate.mutual += common.get(&candidate.id).copied().unwrap_or(0);
    }
    Ok(())
}
