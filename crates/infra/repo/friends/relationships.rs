//! What connects the viewer with many people, in a fixed number of queries.

use std::collections::{HashMap, HashSet};

use clowder_accounts::policy::sight::FieldGroup;
use clowder_core::{Friendship, Result, Timestamp, UserId};
use clowder_social::Relationship;
use diesel::{prelude::*, sql_types::Text};

use super::{
    super::{
        among::AmongIds,
        blocks as decisions,
        dialect::Conn,
        fragment::Fragment,
        people::{self, Viewer},
    },
    mutual, open,
};
use crate::domains::{
    accounts::users,
    blocks::{blocks, mutes},
    friends::{FriendIds, FriendLists, friend_requests as requests},
};

pub fn of(conn: &mut Conn, lists: &FriendLists, by: Viewer, ids: &[UserId]) -> Result<Vec<Relationship>> {
    let Viewer { id: viewer, now, .. } = by;
    // Whom the viewer may not see is as unknown as who does not exist; with oneself there is nothing.
    let seen: Vec<UserId> = users::table
        .filter(users::id.among(ids).and(users::id.ne(viewer)))
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
    let friends = mutual::friends_of(conn, lists, &people)?;
    let nobody = FriendIds::from([]);
    let mine = friends.get(&viewer).unwrap_or(&nobody);
    let mutual = mutual::count(conn, by, &friends, seen.difference(&hiding).copied())?;
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
        let mutual_friends = mutual.get(&user).copied().unwrap_or(0);
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
    let blocked = blocks::table.filter(blocks::user_id.eq(viewer).and(blocks::blocked_id.among(ids)));
    let muted = mutes::table.filter(mutes::user_id.eq(viewer).and(mutes::muted_id.among(ids)));
    let muted = muted.filter(mutes::until.is_null().or(mutes::until.gt(now)));
    let incoming = requests::table.filter(requests::to_id.eq(viewer).and(requests::from_id.among(ids)).and(open));
    let outgoing = requests::table.filter(requests::from_id.eq(viewer).and(requests::to_id.among(ids)).and(open));
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
