//! Who wants to be written to by whom: what each has chosen in their settings, and how close the two are.

use std::collections::HashSet;

use clowder_accounts::{
    model::FirstWriters,
    policy::{may_write_first, sight::FieldGroup},
};
use clowder_core::{Error, Result, UserId, Word};
use clowder_messaging::refusals::CHAT_NOT_WANTED;
use diesel::{dsl::exists, prelude::*};

use super::super::{
    among::AmongIds,
    dialect::Conn,
    people::{self, Viewer},
};
use crate::domains::{accounts::users, friends::friendships, preferences::preferences};

/// Those of these people with whom the caller must not start a chat. Staff may write to everybody.
pub fn unwilling(conn: &mut Conn, by: Viewer, people: &[UserId]) -> Result<Vec<UserId>> {
    let caller = by.id;
    if by.staff {
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
    let connected = with_a_friend_in_common(conn, by, &asked.collect::<Vec<_>>())?;
    let is_unwilling = |(user, writers): &(UserId, FirstWriters)| {
        !may_write_first(*writers, friends.contains(user), connected.contains(user))
    };
    Ok(chosen.into_iter().filter(is_unwilling).map(|(user, _)| user).collect())
}

/// Those of these people who want no chats with anybody. Others, who only do not want them with the caller, can be invited, and
/// decide.
pub fn want_nobody(conn: &mut Conn, by: Viewer, people: &[UserId]) -> Result<Vec<UserId>> {
    if by.staff {
        return Ok(Vec::new());
    }
    let chosen = preferences::table
        .filter(preferences::user_id.eq_any(people).and(preferences::user_id.ne(by.id)))
        .filter(preferences::messages_from.eq(FirstWriters::Nobody.as_str()));
    Ok(chosen.select(preferences::user_id).load(conn)?)
}

/// Refuses to write to somebody with whom the caller must not start a chat.
pub fn may_write_to(conn: &mut Conn, by: Viewer, user: UserId) -> Result<()> {
    if unwilling(conn, by, &[user])?.is_empty() {
        return Ok(());
    }
    let detail = "You cannot write to this person first: ask without a message.";
    Err(Error::explained(CHAT_NOT_WANTED, detail))
}

/// Those of these people with whom the caller has friends in common, as their number says it: who hides their friends from
/// the caller has none, and friends whom the caller does not see do not count.
fn with_a_friend_in_common(conn: &mut Conn, caller: Viewer, others: &[UserId]) -> Result<HashSet<UserId>> {
    if others.is_empty() {
        return Ok(HashSet::new());
    }
    let hiding = people::hiding(conn, caller, FieldGroup::FriendsList, others)?;
    let shown: Vec<UserId> = others.iter().copied().filter(|other| !hiding.contains(other)).collect();
    let own = friendships::table.filter(friendships::user_id.eq(caller.id).and(friendships::friend_id.eq(users::id)));
    let seen = users::table.filter(exists(own)).filter(people::visible_to(caller)).select(users::id);
    let seen: Vec<UserId> = seen.load(conn)?;
    let common = friendships::table
        .filter(friendships::user_id.among(&shown).and(friendships::friend_id.among(&seen)))
        .select(friendships::user_id)
        .distinct();
    Ok(common.load(conn)?.into_iter().collect())
}
