//! What connects the viewer with many people, in a fixed number of queries.

use std::collections::{HashMap, HashSet};

use clowder_accounts::policy::sight::FieldGroup;
use clowder_core::{Friendship, Result, UserId};
use clowder_social::Relationship;
use diesel::prelude::*;

use super::{
    super::{
        blocks,
        dialect::Conn,
        people::{self, Viewer},
    },
    requests,
};
use crate::domains::{
    accounts::users,
    friends::{FriendIds, FriendLists, friend_lists, friendships, in_common},
};

pub fn of(conn: &mut Conn, lists: &FriendLists, by: Viewer, ids: &[UserId]) -> Result<Vec<Relationship>> {
    let Viewer { id: viewer, now, .. } = by;
    // Whom the viewer may not see is as unknown as who does not exist; with oneself there is nothing.
    let seen: Vec<UserId> = users::table
        .filter(users::id.eq_any(ids).and(users::id.ne(viewer)))
        .filter(people::visible_to(by))
        .select(users::id)
        .load(conn)?;
    let seen: HashSet<_> = seen.into_iter().collect();
    let hiding = people::hiding(conn, by, FieldGroup::FriendsList, ids)?;
    let decided = blocks::decided_about(conn, by, ids)?;
    let (incoming, outgoing) = requests::open_with(conn, viewer, now, ids)?;
    let people: Vec<_> = seen.iter().copied().chain([viewer]).collect();
    let friends = friends_of(conn, lists, &people)?;
    let nobody = FriendIds::from([]);
    let mine = friends.get(&viewer).unwrap_or(&nobody);
    let unseen = super::unseen(conn, by)?;
    let seen_friends: Vec<UserId> = mine.iter().copied().filter(|friend| !unseen.contains(friend)).collect();
    let relationship = |user: UserId| {
        if user == viewer {
            return Relationship::none(user);
        }
        let (blocked, muted) = (decided.blocked.contains(&user), decided.muted.contains(&user));
        let known = Relationship { blocked, muted, ..Relationship::none(user) };
        // A friend may have become private: the friendship is still theirs.
        let friendship = if mine.binary_search(&user).is_ok() {
            Friendship::Friends
        } else if incoming.contains(&user) {
            Friendship::Incoming
        } else if outgoing.contains(&user) {
            Friendship::Outgoing
        } else {
            Friendship::None
        };
        let theirs = friends.get(&user).unwrap_or(&nobody);
        let mutual_friends = if hiding.contains(&user) { 0 } else { in_common(&seen_friends, theirs) as i64 };
        Relationship { friendship, mutual_friends, ..known }
    };
    Ok(ids.iter().copied().map(relationship).collect())
}

/// The friends of these people: from the cache, and from the database what is not there. Who has none is missing.
pub fn friends_of(conn: &mut Conn, lists: &FriendLists, people: &[UserId]) -> Result<HashMap<UserId, FriendIds>> {
    let versions: Vec<(UserId, i64)> = friend_lists::table
        .filter(friend_lists::user_id.eq_any(people).and(friend_lists::friends.gt(0)))
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
        .filter(friendships::user_id.eq_any(unknown.keys()))
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
