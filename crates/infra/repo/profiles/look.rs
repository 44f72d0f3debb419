//! What is known of people when somebody looks at them: a fixed number of queries, however many people.

use std::collections::{HashMap, HashSet};

use clowder_accounts::{
    model::Settings,
    policy::sight::{Sight, sight},
    presence::PresenceFacts,
    profiles::{PetsCount, ProfileFacts, User, show},
};
use clowder_core::{Friendship, Result, UserId};
use clowder_social::friends::policy::OPEN_FOR;
use diesel::{dsl::exists, prelude::*, sql_types::Bool};

use super::super::{dialect::Conn, fragment::Fragment, people::Viewer, pets};
use crate::domains::{
    accounts::{UserRow, users},
    blocks::blocks,
    friends::{friend_lists, friend_requests, friendships},
    pets::pet_keepers,
    preferences::{PreferencesRow, preferences},
    presence::{Online, PresenceRow, presence},
};

/// A person with all that decides what is shown of them, in one row.
#[derive(Queryable)]
struct Row {
    person: UserRow,
    preferences: Option<PreferencesRow>,
    presence: Option<PresenceRow>,
    friends: Option<i64>,
    befriended: bool,
    asks: bool,
    asked: bool,
    blocks: bool,
    blocked: bool,
    keeps_pets: bool,
}

impl Row {
    fn facts(self, online: &Online, viewer: Viewer) -> Result<ProfileFacts> {
        let id = self.person.id;
        let settings = self.preferences.map_or_else(|| Ok(Settings::default()), PreferencesRow::settings)?;
        let connected = online.has(id);
        let absent = PresenceFacts { connected, ..PresenceFacts::default() };
        let friendship = match () {
            () if self.befriended => Friendship::Friends,
            () if self.asked => Friendship::Outgoing,
            () if self.asks => Friendship::Incoming,
            () => Friendship::None,
        };
        Ok(ProfileFacts {
            erased: self.person.deleted_at.is_some(),
            person: self.person.own()?.at(viewer.now),
            own: id == viewer.id,
            staff: viewer.staff,
            friendship,
            blocked: self.blocks || self.blocked,
            privacy: settings.privacy,
            presence: self.presence.map_or(Ok(absent), |row| row.facts(connected))?,
            friends_count: self.friends.unwrap_or(0),
            pets: PetsCount::default(),
            now: viewer.now,
        })
    }
}

/// The facts about those of these people who exist or existed, in the given order.
pub fn facts(conn: &mut Conn, online: &Online, viewer: Viewer, ids: &[UserId]) -> Result<Vec<ProfileFacts>> {
    // In words, so that the index of what is open serves it.
    let open = Fragment::<Bool>::new("friend_requests.status = 'pending'");
    let open = open.and(friend_requests::created_at.gt(viewer.now.minus(OPEN_FOR)));
    let friend = friendships::table.find((viewer.id, users::id));
    let asks = friend_requests::from_id.eq(users::id).and(friend_requests::to_id.eq(viewer.id));
    let asked = friend_requests::from_id.eq(viewer.id).and(friend_requests::to_id.eq(users::id));
    let rows: Vec<Row> = users::table
        .left_join(preferences::table.on(preferences::user_id.eq(users::id)))
        .left_join(presence::table.on(presence::user_id.eq(users::id)))
        .left_join(friend_lists::table.on(friend_lists::user_id.eq(users::id)))
        .filter(users::id.eq_any(ids))
        .select((
            UserRow::as_select(),
            Option::<PreferencesRow>::as_select(),
            Option::<PresenceRow>::as_select(),
            friend_lists::friends.nullable(),
            exists(friend),
            exists(friend_requests::table.filter(asks.and(open))),
            exists(friend_requests::table.filter(asked.and(open))),
            exists(blocks::table.find((viewer.id, users::id))),
            exists(blocks::table.find((users::id, viewer.id))),
            exists(pet_keepers::table.filter(pet_keepers::user_id.eq(users::id))),
        ))
        .load(conn)?;
    let keepers: HashSet<UserId> = rows.iter().filter(|row| row.keeps_pets).map(|row| row.person.id).collect();
    let mut rows: HashMap<UserId, Row> = rows.into_iter().map(|row| (row.person.id, row)).collect();
    let known = ids.iter().filter_map(|id| rows.remove(id)).map(|row| row.facts(online, viewer));
    let mut known: Vec<ProfileFacts> = known.collect::<Result<_>>()?;
    // Only of those who are shown, so that nobody who is hidden costs more than who does not exist.
    let shown = known.iter().filter(|facts| sight(&facts.sight_facts()) == Sight::Profile);
    let shown: Vec<UserId> = shown.map(|facts| facts.person.id).filter(|id| keepers.contains(id)).collect();
    if !shown.is_empty() {
        let pets = pets::count_visible(conn, viewer, &shown)?;
        for facts in &mut known {
            facts.pets = pets.get(&facts.person.id).copied().unwrap_or_default();
        }
    }
    Ok(known)
}

/// These people as the viewer sees them, in the given order, without those whom they may not see.
pub fn shown(conn: &mut Conn, online: &Online, viewer: Viewer, ids: &[UserId]) -> Result<Vec<User>> {
    Ok(facts(conn, online, viewer, ids)?.into_iter().filter_map(show).map(|shown| shown.user).collect())
}
