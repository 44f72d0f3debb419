//! What connects the viewer with many people, in a fixed number of queries.

use std::collections::{HashMap, HashSet};

use clowder_accounts::policy::sight::FieldGroup;
use clowder_core::{Friendship, Result, Timestamp, UserId};
use clowder_social::Relationship;
use diesel::{prelude::*, sql_types::Text};

use super::{
    super::{
        blocks as decisions,
        dialect::Conn,
        fragment::Fragment,
        people::{self, Viewer},
    },
    open,
};
use crate::domains::{
    accounts::users,
    blocks::{blocks, mutes},
    friends::{FriendIds, FriendLists, friend_lists, friend_requests as requests, friendships, in_common},
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
    let ties = ties(conn, viewer, now, ids)?;
    // Of people of whom the viewer does not know, the viewer learns nothing, not even what they decided themselves.
    let muted: Vec<UserId> =
        ties.iter().filter(|(_, ties)| ties.iter().any(|tie| tie == "muted")).map(|(user, _)| *user).collect();
    let muted = decisions::known_among(conn, by, &muted)?;
    let tied = |user, tie: &str| ties.get(&user).is_some_and(|ties| ties.iter().any(|known| known == tie));
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
        let known =
            Relationship { blocked: tied(user, "blocked"), muted: muted.contains(&user), ..Relationship::none(user) };
        // A friend may have become private: the friendship is still theirs.
        let friendship = if mine.binary_search(&user).is_ok() {
            Friendship::Friends
        } else if tied(user, "incoming") {
            Friendship::Incoming
        } else if tied(user, "outgoing") {
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

/// Whom among some people the viewer has blocked or muted, and between whom and the viewer a request is open. One query,
/// because each costs a journey to the database.
fn ties(conn: &mut Conn, viewer: UserId, now: Timestamp, ids: &[UserId]) -> Result<HashMap<UserId, Vec<String>>> {
    const BLOCKED: Fragment<Text> = Fragment::new("'blocked'");
    const MUTED: Fragment<Text> = Fragment::new("'muted'");
    const INCOMING: Fragment<Text> = Fragment::new("'incoming'");
    const OUTGOING: Fragment<Text> = Fragment::new("'outgoing'");
    let (pending, since) = open(now);
    let open = requests::status.eq(pending).and(requests::created_at.gt(since));
    let blocked = blocks::table.filter(blocks::user_id.eq(viewer).and(blocks::blocked_id.eq_any(ids)));
    let muted = mutes::table.filter(mutes::user_id.eq(viewer).and(mutes::muted_id.eq_any(ids)));
    let muted = muted.filter(mutes::until.is_null().or(mutes::until.gt(now)));
    let incoming = requests::table.filter(requests::to_id.eq(viewer).and(requests::from_id.eq_any(ids)).and(open));
    let outgoing = requests::table.filter(requests::from_id.eq(viewer).and(requests::to_id.eq_any(ids)).and(open));
    let all = blocked.select((BLOCKED, blocks::blocked_id));
    let all = all.union_all(muted.select((MUTED, mutes::muted_id)));
    let all = all.union_all(incoming.select((INCOMING, requests::from_id)));
    let all = all.union_all(outgoing.select((OUTGOING, requests::to_id)));
    let mut ties = HashMap::<UserId, Vec<String>>::new();
    for (tie, user) in all.load::<(String, UserId)>(conn)? {
        ties.entry(user).or_default().push(tie);
    }
    Ok(ties)
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
