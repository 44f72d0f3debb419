//! What friends hear of people with sockets on this node: when they were seen, and what of them is seen now.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use clowder_accounts::{
    Own,
    model::{Audience, Privacy, Settings},
    policy::sight::FieldGroup,
    presence::{PresenceFacts, PresenceNews, PresenceStatus, seen_by},
};
use clowder_core::{Presence, Result, Timestamp, UserId};
use diesel::prelude::*;

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::{self, Conn},
        friends::mutual::friends_of,
        people::{Viewer, hiding, visible_to},
    },
    facts,
};
use crate::domains::{
    accounts::{UserRow, users},
    blocks::blocks,
    friends::FriendLists,
    preferences::{PreferencesRow, preferences},
    presence::{Look, Looked, Online, presence as table},
};

/// Notes when these people were seen. Returns those whom somebody else has locked, of whom nothing is noted.
pub fn note(tx: &mut Tx<'_>, now: Timestamp, looks: &[Look]) -> Result<HashSet<UserId>> {
    let ids: Vec<UserId> = looks.iter().map(|look| look.user).collect();
    // Of those who are erased, nothing is stored afterwards.
    let kept = dialect::accounts::keep_free_users(tx.conn, &ids)?;
    let present = users::table.filter(users::id.eq_any(&kept).and(users::deleted_at.is_null())).order(users::id);
    let present: Vec<UserId> = present.select(users::id).load(tx.conn)?;
    let known = facts(tx.conn, &tx.services.online, &present)?;
    for user in present {
        let Some((look, known)) = looks.iter().find(|look| look.user == user).zip(known.get(&user)) else { continue };
        // They may have gone, and are looked at as they were before.
        let facts = PresenceFacts { since: Some(look.since), ..*known };
        let at = match facts.status_at(now) {
            PresenceStatus::Invisible => facts.vanished_at(now),
            _ => look.to_note,
        };
        // Another node may have seen them later.
        let before = facts.last_seen_at.filter(|at| *at <= now);
        let Some(at) = at.filter(|at| before.is_none_or(|before| before < *at)) else { continue };
        diesel::insert_into(table::table)
            .values((table::user_id.eq(user), table::last_seen_at.eq(at)))
            .on_conflict(table::user_id)
            .do_update()
            .set(table::last_seen_at.eq(at))
            .execute(tx.conn)?;
    }
    let kept: HashSet<UserId> = kept.into_iter().collect();
    Ok(ids.into_iter().filter(|user| !kept.contains(user)).collect())
}

/// What is known of somebody, if it can be read; a row that cannot be read must not keep others from being heard of.
pub fn readable<T>(user: UserId, read: Result<T>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%user, %error, "what is stored of a person cannot be read")).ok()
}

/// What the friends of these people see of them, who all see the same, and what everybody else sees, of whom some watch
/// them.
pub fn look(
    conn: &mut Conn,
    lists: &FriendLists,
    online: &Online,
    looks: &[Look],
    now: Timestamp,
) -> Result<Vec<Looked>> {
    let ids: Vec<UserId> = looks.iter().map(|look| look.user).collect();
    let ids = ids.as_slice();
    let rows: Vec<UserRow> = users::table
        .filter(users::id.eq_any(ids).and(users::deleted_at.is_null()))
        .select(UserRow::as_select())
        .load(conn)?;
    let people = rows.into_iter().filter_map(|row| Some((row.id, readable(row.id, row.own())?.at(now))));
    let people: HashMap<UserId, Own> = people.collect();
    let settings: Vec<PreferencesRow> =
        preferences::table.filter(preferences::user_id.eq_any(ids)).select(PreferencesRow::as_select()).load(conn)?;
    let settings = settings.into_iter().map(|row| (row.user_id, readable(row.user_id, row.settings())));
    let settings: HashMap<UserId, Option<Settings>> = settings.collect();
    let usual = Settings::default().privacy;
    let facts = facts(conn, online, ids)?;
    let mut friends = friends_of(conn, lists, ids)?;
    let blocked = blocked(conn, looks)?;
    let look = |Look { user, watchers, went_at, .. }: &Look| {
        let (known, mut facts) = (facts.contains_key(user), facts.get(user).copied().unwrap_or_default());
        if facts.status_at(now) != PresenceStatus::Invisible {
            facts.last_seen_at = facts.last_seen_at.max(*went_at);
        }
        // Of somebody of whom not everything can be read, nothing is told: they may have chosen to hide.
        let privacy = settings.get(user).map_or(Some(&usual), |settings| settings.as_ref().map(|own| &own.privacy));
        let person = people.get(user).filter(|person| person.suspension.is_none());
        let person = person.zip(privacy).filter(|_| known);
        let friends = friends.remove(user).unwrap_or_else(|| Arc::from([]));
        let may_hear = |watcher: &UserId| {
            watcher != user && friends.binary_search(watcher).is_err() && !blocked.contains(&(*user, *watcher))
        };
        let seen = |by| match person {
            Some((person, privacy)) => seen(person, privacy, facts, by, now),
            None => PresenceNews::hidden(*user),
        };
        let ends = [facts.until, person.and_then(|(person, _)| person.status_until)];
        Looked {
            news: seen(Audience::Friends),
            by_all: seen(Audience::Everyone),
            watchers: watchers.iter().copied().filter(|watcher| may_hear(watcher)).collect(),
            friends,
            ends_at: ends.into_iter().flatten().filter(|at| *at > now).min(),
            fades_until: facts.fades_until(now),
        }
    };
    Ok(looks.iter().map(look).collect())
}

/// Which of these people and those who watch them must not hear of each other.
fn blocked(conn: &mut Conn, looks: &[Look]) -> Result<HashSet<(UserId, UserId)>> {
    let watchers: HashSet<UserId> = looks.iter().flat_map(|look| &look.watchers).copied().collect();
    if watchers.is_empty() {
        return Ok(HashSet::new());
    }
    let people = || looks.iter().map(|look| &look.user);
    let by_them = blocks::table.filter(blocks::user_id.among(people()).and(blocks::blocked_id.among(&watchers)));
    let mut pairs: Vec<(UserId, UserId)> = by_them.select((blocks::user_id, blocks::blocked_id)).load(conn)?;
    let of_them = blocks::table.filter(blocks::user_id.among(&watchers).and(blocks::blocked_id.among(people())));
    pairs.extend(of_them.select((blocks::blocked_id, blocks::user_id)).load::<(UserId, UserId)>(conn)?);
    Ok(pairs.into_iter().collect())
}

/// What one of those sees of somebody who may see as much as friends, or as everybody.
fn seen(person: &Own, privacy: &Privacy, facts: PresenceFacts, by: Audience, now: Timestamp) -> PresenceNews {
    let shows = |setting| match seen_by(person.visibility, setting) {
        Audience::Everyone => true,
        Audience::Friends => by == Audience::Friends,
        Audience::Nobody => false,
    };
    if !shows(privacy.last_seen) {
        return PresenceNews::hidden(person.id);
    }
    shown(person, facts, shows(privacy.bio), now)
}

fn shown(person: &Own, facts: PresenceFacts, shows_text: bool, now: Timestamp) -> PresenceNews {
    let (presence, last_seen_at) = (facts.presence(now), facts.last_seen_at(now));
    let news = PresenceNews { status: Some(presence), last_seen_at, ..PresenceNews::hidden(person.id) };
    if presence == Presence::Offline {
        return news;
    }
    PresenceNews {
        text: person.status_text.clone().filter(|_| shows_text),
        until: facts
            .until
            .filter(|until| *until > now && facts.status != PresenceStatus::Invisible)
            .or(person.status_until.filter(|_| shows_text)),
        ..news
    }
}

/// What the viewer sees of these people; who hides it, or is hidden, is missing.
pub fn by(conn: &mut Conn, online: &Online, viewer: Viewer, people: &[UserId]) -> Result<Vec<PresenceNews>> {
    let visible = users::table.filter(users::id.among(people)).filter(visible_to(viewer)).order(users::id);
    let rows: Vec<UserRow> = visible.select(UserRow::as_select()).load(conn)?;
    let ids: Vec<UserId> = rows.iter().map(|row| row.id).collect();
    let hidden = hiding(conn, viewer, FieldGroup::Presence, &ids)?;
    let silent = hiding(conn, viewer, FieldGroup::Bio, &ids)?;
    let facts = facts(conn, online, &ids)?;
    let shown = |row: UserRow| {
        let (facts, person) = (facts.get(&row.id).copied().unwrap_or_default(), row.own()?.at(viewer.now));
        Ok(shown(&person, facts, !silent.contains(&person.id), viewer.now))
    };
    rows.into_iter().filter(|row| !hidden.contains(&row.id)).map(shown).collect()
}
