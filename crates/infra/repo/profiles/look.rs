//! What is known of people when somebody looks at them: a fixed number of queries, however many people.

use std::collections::HashMap;

use clowder_accounts::{
    model::Settings,
    policy::sight::{Sight, sight},
    profiles::{PetsCount, ProfileFacts, User, show},
};
use clowder_core::{Friendship, Result, UserId};
use diesel::prelude::*;

use super::super::{blocks, dialect::Conn, friends, people::Viewer, pets, presence};
use crate::domains::{
    accounts::{UserRow, users},
    preferences::{PreferencesRow, preferences},
    presence::Online,
};

/// The facts about those of these people who exist or existed, in the given order.
pub fn facts(conn: &mut Conn, online: &Online, viewer: Viewer, ids: &[UserId]) -> Result<Vec<ProfileFacts>> {
    let rows: Vec<UserRow> = users::table.filter(users::id.eq_any(ids)).select(UserRow::as_select()).load(conn)?;
    let settings: Vec<PreferencesRow> =
        preferences::table.filter(preferences::user_id.eq_any(ids)).select(PreferencesRow::as_select()).load(conn)?;
    let friendships = friends::with(conn, viewer.id, viewer.now, ids)?;
    let blocked = blocks::either_way(conn, viewer.id, ids)?;
    let counts = friends::counts(conn, ids)?;
    let presences = presence::facts(conn, online, ids)?;
    let mut settings: HashMap<UserId, PreferencesRow> = settings.into_iter().map(|row| (row.user_id, row)).collect();
    let mut rows: HashMap<UserId, UserRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let known = ids.iter().filter_map(|id| Some((*id, rows.remove(id)?)));
    let known = known.map(|(id, row)| {
        let erased = row.deleted_at.is_some();
        let settings = settings.remove(&id).map_or_else(|| Ok(Settings::default()), PreferencesRow::settings)?;
        Ok(ProfileFacts {
            person: row.own()?.at(viewer.now),
            erased,
            own: id == viewer.id,
            staff: viewer.staff,
            friendship: friendships.get(&id).copied().unwrap_or(Friendship::None),
            blocked: blocked.contains(&id),
            privacy: settings.privacy,
            presence: presences.get(&id).copied().unwrap_or_default(),
            friends_count: counts.get(&id).copied().unwrap_or(0),
            pets: PetsCount::default(),
            now: viewer.now,
        })
    });
    let mut known: Vec<ProfileFacts> = known.collect::<Result<_>>()?;
    // Only of those who are shown, so that nobody who is hidden costs more than who does not exist.
    let shown = known.iter().filter(|facts| sight(&facts.sight_facts()) == Sight::Profile);
    let shown: Vec<UserId> = shown.map(|facts| facts.person.id).collect();
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
