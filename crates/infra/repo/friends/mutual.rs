//! Friends in common, counted from lists that are cached.

use std::collections::{HashMap, HashSet};

use clowder_core::{Result, UserId};
use diesel::{dsl::not, prelude::*};

use super::super::{
    among::AmongIds,
    dialect::Conn,
    people::{self, Viewer},
};
use crate::domains::{
    accounts::users,
    friends::{FriendIds, FriendLists, friend_lists, friendships, in_common},
};

/// The friends of these people: from the cache, and from the database what is not there. Who has none is missing.
pub fn friends_of(conn: &mut Conn, lists: &FriendLists, people: &[UserId]) -> Result<HashMap<UserId, FriendIds>> {
    let versions: Vec<(UserId, i64)> = friend_lists::table
        .filter(friend_lists::user_id.among(people).and(friend_lists::friends.gt(0)))
        .select((friend_lists::user_id, friend_lists::version))
        .load(conn)?;
    let (mut found, mut unknown) = (HashMap::with_capacity(versions.len()), HashMap::new());
    for (user, version) in versions {
        match lists.get(user, version) {
            Some(friends) => drop(found.insert(user, friends)),
            None => drop(unknown.insert(user, version)),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    let rows: Vec<(UserId, UserId)> = friendships::table
        .filter(friendships::user_id.among(unknown.keys()))
        .order((friendships::user_id, friendships::friend_id))
        .select((friendships::user_id, friendships::friend_id))
        .load(conn)?;
    for rows in rows.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((user, _)) = rows.first() else { continue };
        let mut friends: Vec<_> = rows.iter().map(|(_, friend)| *friend).collect();
        friends.sort_unstable();
        let friends = FriendIds::from(friends);
        if let Some(version) = unknown.get(user) {
            lists.keep(*user, *version, FriendIds::clone(&friends));
        }
        found.insert(*user, friends);
    }
    Ok(found)
}

/// How many friends the viewer has in common with each of these people, from the lists of all of them. Friends whom the
/// viewer does not see do not count, because a count would tell that they are there.
pub fn count(
    conn: &mut Conn,
    viewer: Viewer,
    friends: &HashMap<UserId, FriendIds>,
    people: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, i64>> {
    let Some(mine) = friends.get(&viewer.id) else { return Ok(HashMap::new()) };
    let theirs = people.into_iter().filter_map(|user| Some((user, friends.get(&user)?)));
    let shared: Vec<(UserId, Vec<UserId>)> =
        theirs.map(|(user, theirs)| (user, in_common(mine, theirs))).filter(|(_, shared)| !shared.is_empty()).collect();
    let unseen = unseen(conn, viewer, &shared.iter().flat_map(|(_, shared)| shared).collect())?;
    let count = |shared: Vec<UserId>| shared.iter().filter(|friend| !unseen.contains(friend)).count() as i64;
    Ok(shared.into_iter().map(|(user, shared)| (user, count(shared))).collect())
}

/// Those of these friends of the viewer whom the viewer does not see.
fn unseen(conn: &mut Conn, viewer: Viewer, friends: &HashSet<&UserId>) -> Result<HashSet<UserId>> {
    if friends.is_empty() {
        return Ok(HashSet::new());
    }
    let some = users::table.filter(users::id.among(friends.iter().copied()));
    Ok(some.filter(not(people::visible_to(viewer))).select(users::id).load(conn)?.into_iter().collect())
}
