//! Who wants to be written to by whom: what each has chosen in their settings, and how close the two are.

use std::collections::HashSet;

use clowder_accounts::{model::FirstWriters, policy::may_write_first};
use clowder_core::{Result, UserId, Word};
use diesel::{dsl::exists, prelude::*};

use super::super::{dialect::Conn, people::Viewer};
use crate::domains::{accounts::users, friends::friendships, preferences::preferences};

/// Those of these people with whom the caller must not start a chat. Staff may write to everybody.
pub fn unwilling(conn: &mut Conn, caller: Viewer, people: &[UserId]) -> Result<Vec<UserId>> {
    let Viewer { id: caller, staff, .. } = caller;
    if staff {
        return Ok(Vec::new());
    }
    // Few have chosen anything but the default, for which there may be no row.
    let chosen: Vec<(UserId, String)> = preferences::table
        .filter(preferences::user_id.eq_any(people).and(preferences::user_id.ne(caller)))
        .filter(preferences::messages_from.ne(FirstWriters::Everyone.as_str()))
        .select((preferences::user_id, preferences::messages_from))
        .load(conn)?;
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = chosen.iter().map(|(user, _)| *user).collect();
    let friends: Vec<UserId> = friendships::table
        .filter(friendships::user_id.eq(caller).and(friendships::friend_id.eq_any(&ids)))
        .select(friendships::friend_id)
        .load(conn)?;
    let chosen = chosen.into_iter().map(|(user, writers)| Ok((user, FirstWriters::parse_word(&writers)?)));
    let chosen: Vec<(UserId, FirstWriters)> = chosen.collect::<Result<_>>()?;
    let asked = chosen.iter().filter(|(_, writers)| *writers == FirstWriters::FriendsOfFriends).map(|(user, _)| *user);
    let connected = with_a_friend_in_common(conn, caller, &asked.collect::<Vec<_>>())?;
    let is_unwilling = |(user, writers): &(UserId, FirstWriters)| {
        !may_write_first(*writers, friends.contains(user), connected.contains(user))
    };
    Ok(chosen.into_iter().filter(is_unwilling).map(|(user, _)| user).collect())
}

/// Those of these people who have a friend in common with somebody.
fn with_a_friend_in_common(conn: &mut Conn, one: UserId, others: &[UserId]) -> Result<HashSet<UserId>> {
    if others.is_empty() {
        return Ok(HashSet::new());
    }
    let (ones, theirs) = diesel::alias!(friendships as ones, friendships as theirs);
    let friend = friendships::friend_id;
    let common = ones
        .inner_join(theirs.on(theirs.field(friend).eq(ones.field(friend))))
        .filter(ones.field(friendships::user_id).eq(one))
        .filter(theirs.field(friendships::user_id).eq(users::id));
    let found = users::table.filter(users::id.eq_any(others)).filter(exists(common)).select(users::id);
    Ok(found.load(conn)?.into_iter().collect())
}
