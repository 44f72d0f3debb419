//! Who is near the viewer among those who are found by name: friends, and people with friends in common.

use std::collections::{BTreeSet, HashMap, HashSet};

use clowder_accounts::{
    policy::sight::FieldGroup,
    profiles::ranking::{Candidate, rank},
};
use clowder_core::{Result, UserId};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::super::{
    dialect::Conn,
    friends,
    people::{self, Viewer},
};
use crate::domains::{friends::friendships, profiles::name_grams as grams};

/// Of how many candidates the friends in common are counted.
const MUTUAL: usize = 100;
/// How many friends of friends are considered besides, if more people have a word than are considered.
const NEAR: i64 = 100;

/// Friends of friends who have this gram, a limited number: of the latest friends, those with the shortest lists are looked
/// at. Whether they show it is asked when friends in common are counted.
pub fn with_gram(conn: &mut Conn, viewer: Viewer, gram: &str) -> Result<BTreeSet<UserId>> {
    let looked_at = friends::near(conn, viewer.id)?;
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

/// Counts the friends in common of the candidates who fit best, and of those who are near. The unseen friends of the viewer do
/// not count.
pub fn add_mutual(
    conn: &mut Conn,
    viewer: Viewer,
    candidates: &mut [Candidate],
    sought: &str,
    near: &BTreeSet<UserId>,
    unseen: &HashSet<UserId>,
) -> Result<()> {
    if candidates.is_empty() {
        return Ok(());
    }
    let friends = friendships::table.filter(friendships::user_id.eq(viewer.id));
    let friends = friends.filter(friendships::friend_id.eq_any(candidates.iter().map(|candidate| candidate.id)));
    let friends: HashSet<UserId> = friends.select(friendships::friend_id).load(conn)?.into_iter().collect();
    for candidate in &mut *candidates {
        candidate.mutual = i64::from(friends.contains(&candidate.id));
    }
    let best = rank(sought, candidates.to_vec()).into_iter().take(MUTUAL).map(|(id, _)| id);
    let near = candidates.iter().map(|candidate| candidate.id).filter(|id| near.contains(id));
    let first: BTreeSet<UserId> = best.chain(near).collect();
    let first: Vec<UserId> = first.into_iter().collect();
    let hiding = people::hiding(conn, viewer, FieldGroup::FriendsList, &first)?;
    let first: Vec<UserId> = first.into_iter().filter(|user| !hiding.contains(user)).collect();
    let (mine, theirs) = diesel::alias!(friendships as mine, friendships as theirs);
    let common: HashMap<UserId, i64> = theirs
        .inner_join(mine.on(mine.field(friendships::friend_id).eq(theirs.field(friendships::friend_id))))
        .filter(mine.field(friendships::user_id).eq(viewer.id))
        .filter(theirs.field(friendships::user_id).eq_any(&first))
        .filter(theirs.field(friendships::friend_id).ne_all(unseen))
        .group_by(theirs.field(friendships::user_id))
        .select((theirs.field(friendships::user_id), count_star()))
        .load(conn)?
        .into_iter()
        .collect();
    for candidate in candidates {
        candidate.mutual += common.get(&candidate.id).copied().unwrap_or(0);
    }
    Ok(())
}
