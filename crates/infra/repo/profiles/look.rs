//! What is known of people when somebody looks at them: a fixed number of queries, however many people.

use std::collections::HashMap;

use clowder_accounts::{
    model::Settings,
    policy::sight::{Sight, sight},
    presence::{Connected, PresenceFacts},
    profiles::{ProfileFacts, User, show},
};
use clowder_core::{Friendship, Result, UserId};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};

use super::super::{
    among::AmongIds,
    dialect::Conn,
    fragment::Fragment,
    friends,
    people::{Viewer, visible_to},
    pets,
};
use crate::domains::{
    accounts::{UserRow, users},
    blocks::blocks,
    friends::{friend_lists, friend_requests, friendships},
    pets::pet_keepers,
    preferences::{PreferencesRow, preferences},
    presence::{Online, PresenceRow, presence},
};

/// What connects the viewer with somebody, and what somebody has.
#[derive(Debug, Default, Clone, Copy)]
struct Ties {
    friends: bool,
    asked: bool,
    asks: bool,
    blocked: bool,
    friends_count: i64,
    keeps_pets: bool,
}

impl Ties {
    const fn friendship(self) -> Friendship {
        match self {
            Self { friends: true, .. } => Friendship::Friends,
            Self { asked: true, .. } => Friendship::Outgoing,
            Self { asks: true, .. } => Friendship::Incoming,
            _ => Friendship::None,
        }
    }
}

/// The ties of these people; who has none may be missing. One query, because each costs a journey to the database.
fn ties(conn: &mut Conn, viewer: Viewer, ids: &[UserId]) -> Result<HashMap<UserId, Ties>> {
    const FRIENDS: Fragment<Text> = Fragment::new("'friends'");
    const ASKED: Fragment<Text> = Fragment::new("'asked'");
    const ASKS: Fragment<Text> = Fragment::new("'asks'");
    const BLOCKED: Fragment<Text> = Fragment::new("'blocked'");
    const FRIENDS_COUNT: Fragment<Text> = Fragment::new("'friends_count'");
    const KEEPS_PETS: Fragment<Text> = Fragment::new("'keeps_pets'");
    const ONE: Fragment<BigInt> = Fragment::new("1");
    let me = viewer.id;
    let (pending, since) = friends::open(viewer.now);
    let open = friend_requests::status.eq(pending).and(friend_requests::created_at.gt(since));
    let friends = friendships::table.filter(friendships::user_id.eq(me).and(friendships::friend_id.among(ids)));
    let asked = friend_requests::from_id.eq(me).and(friend_requests::to_id.among(ids));
    let asks = friend_requests::to_id.eq(me).and(friend_requests::from_id.among(ids));
    let blocked = blocks::table.filter(blocks::user_id.eq(me).and(blocks::blocked_id.among(ids)));
    let blocks = blocks::table.filter(blocks::blocked_id.eq(me).and(blocks::user_id.among(ids)));
    let lists = friend_lists::table.filter(friend_lists::user_id.among(ids));
    let keepers = pet_keepers::table.filter(pet_keepers::user_id.among(ids));
    let all = friends.select((FRIENDS, friendships::friend_id, ONE));
    let all =
        all.union_all(friend_requests::table.filter(asked.and(open)).select((ASKED, friend_requests::to_id, ONE)));
    let all =
        all.union_all(friend_requests::table.filter(asks.and(open)).select((ASKS, friend_requests::from_id, ONE)));
    let all = all.union_all(blocked.select((BLOCKED, blocks::blocked_id, ONE)));
    let all = all.union_all(blocks.select((BLOCKED, blocks::user_id, ONE)));
    let all = all.union_all(lists.select((FRIENDS_COUNT, friend_lists::user_id, friend_lists::friends)));
    let all = all.union_all(keepers.select((KEEPS_PETS, pet_keepers::user_id, ONE)).distinct());
    let mut ties = HashMap::<UserId, Ties>::new();
    for (kind, user, count) in all.load::<(String, UserId, i64)>(conn)? {
        let ties = ties.entry(user).or_default();
        match kind.as_str() {
            "friends" => ties.friends = true,
            "asked" => ties.asked = true,
            "asks" => ties.asks = true,
            "blocked" => ties.blocked = true,
            "friends_count" => ties.friends_count = count,
            _ => ties.keeps_pets = true,
        }
    }
    Ok(ties)
}

/// The facts about those of these people whom the viewer may see, in the given order. Nothing is read of anybody else, so
/// that who is hidden costs no more than who does not exist.
pub fn facts(conn: &mut Conn, online: &Online, viewer: Viewer, ids: &[UserId]) -> Result<Vec<ProfileFacts>> {
    let rows: Vec<UserRow> =
        users::table.filter(users::id.among(ids)).filter(visible_to(viewer)).select(UserRow::as_select()).load(conn)?;
    let mut rows: HashMap<UserId, UserRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let ids: Vec<UserId> = ids.iter().copied().filter(|id| rows.contains_key(id)).collect();
    let chosen: Vec<(UserId, Option<PreferencesRow>, Option<PresenceRow>)> = users::table
        .left_join(preferences::table.on(preferences::user_id.eq(users::id)))
        .left_join(presence::table.on(presence::user_id.eq(users::id)))
        .filter(users::id.among(&ids))
        .select((users::id, Option::<PreferencesRow>::as_select(), Option::<PresenceRow>::as_select()))
        .load(conn)?;
    let mut chosen: HashMap<UserId, _> =
        chosen.into_iter().map(|(id, settings, presence)| (id, (settings, presence))).collect();
    let ties = ties(conn, viewer, &ids)?;
    let connected: HashMap<UserId, Connected> = online.connected(ids.iter().copied()).into_iter().collect();
    let known = ids.iter().filter_map(|id| Some((*id, rows.remove(id)?)));
    let known = known.map(|(id, row)| {
        let erased = row.deleted_at.is_some();
        let (settings, presence) = chosen.remove(&id).unwrap_or_default();
        let settings = settings.map_or_else(|| Ok(Settings::default()), PreferencesRow::settings)?;
        let ties = ties.get(&id).copied().unwrap_or_default();
        let connected = connected.get(&id).copied();
        Ok(ProfileFacts {
            person: row.own()?.at(viewer.now),
            erased,
            own: id == viewer.id,
            staff: viewer.staff,
            friendship: ties.friendship(),
            blocked: ties.blocked,
            privacy: settings.privacy,
            presence: presence
                .map_or_else(|| Ok(PresenceFacts::default().with(connected)), |row| row.facts(connected))?,
            friends_count: ties.friends_count,
            pets_count: 0,
            now: viewer.now,
        })
    });
    let mut known: Vec<ProfileFacts> = known.collect::<Result<_>>()?;
    // Of whom only the card is shown, the pets are not counted.
    let shown = known.iter().filter(|facts| sight(&facts.sight_facts()) == Sight::Profile);
    let shown: Vec<UserId> =
        shown.map(|facts| facts.person.id).filter(|id| ties.get(id).is_some_and(|ties| ties.keeps_pets)).collect();
    if !shown.is_empty() {
        let pets = pets::count_visible(conn, viewer, &shown)?;
        for facts in &mut known {
            facts.pets_count = pets.get(&facts.person.id).copied().unwrap_or_default();
        }
    }
    Ok(known)
}

/// These people as the viewer sees them, in the given order, without those whom they may not see. To count the friends of
/// many whom the viewer may see would mean to look at all of these.
pub fn shown(conn: &mut Conn, online: &Online, viewer: Viewer, ids: &[UserId]) -> Result<Vec<User>> {
    Ok(facts(conn, online, viewer, ids)?
        .into_iter()
        .filter_map(show)
        .map(|shown| User { friends_count: None, ..shown.user })
        .collect())
}
