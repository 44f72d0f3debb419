//! Who wants to be written to by whom: what each has chosen in their settings, and how close the two are.

use clowder_accounts::{model::FirstWriters, policy::may_write_first};
use clowder_core::{Result, UserId, Word};
use diesel::prelude::*;

use super::super::{dialect::Conn, people::Viewer};
use crate::domains::{friends::friendships, preferences::preferences};

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
    let mut unwilling = Vec::new();
    for (user, writers) in chosen {
        let writers = FirstWriters::parse_word(&writers)?;
        let in_common = writers == FirstWriters::FriendsOfFriends && have_a_friend_in_common(conn, caller, user)?;
        if !may_write_first(writers, friends.contains(&user), in_common) {
            unwilling.push(user);
        }
    }
    Ok(unwilling)
}

fn have_a_friend_in_common(conn: &mut Conn, one: UserId, other: UserId) -> Result<bool> {
    let (ones, others) = diesel::alias!(friendships as ones, friendships as others);
    let common = ones
        .inner_join(others.on(others.field(friendships::friend_id).eq(ones.field(friendships::friend_id))))
        .filter(ones.field(friendships::user_id).eq(one))
        .filter(others.field(friendships::user_id).eq(other));
    Ok(diesel::select(diesel::dsl::exists(common)).get_result(conn)?)
}
