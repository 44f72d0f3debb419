//! What friends hear of people with sockets on this node: when they were seen, and what of them is seen now.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use clowder_accounts::{
    Own,
    model::{Audience, Privacy, Settings},
    presence::{PresenceFacts, PresenceNews, PresenceStatus, seen_by},
};
use clowder_core::{Presence, Result, Timestamp, UserId};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        friends::mutual::friends_of,
    },
    facts,
};
use crate::domains::{
    accounts::{UserRow, users},
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

/// What the friends of these people see of them, who all see the same.
pub fn look(
    conn: &mut Conn,
    lists: &FriendLists,
    online: &Online,
    ids: &[UserId],
    now: Timestamp,
) -> Result<Vec<Looked>> {
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
    let look = |user: &UserId| {
        let (known, facts) = (facts.contains_key(user), facts.get(user).copied().unwrap_or_default());
        // Of somebody of whom not everything can be read, nothing is told: they may have chosen to hide.
        let privacy = settings.get(user).map_or(Some(&usual), |settings| settings.as_ref().map(|own| &own.privacy));
        let person = people.get(user).filter(|person| person.suspension.is_none());
        let person = person.zip(privacy).filter(|_| known);
        let ends = [facts.until, person.and_then(|(person, _)| person.status_until)];
        Looked {
            news: person
                .map_or_else(|| PresenceNews::hidden(*user), |(person, privacy)| seen(person, privacy, facts, now)),
            friends: friends.remove(user).unwrap_or_else(|| Arc::from([])),
            ends_at: ends.into_iter().flatten().filter(|at| *at > now).min(),
            fades_until: facts.fades_until(now),
        }
    };
    Ok(ids.iter().map(look).collect())
}

fn seen(person: &Own, privacy: &Privacy, facts: PresenceFacts, now: Timestamp) -> PresenceNews {
    if seen_by(person.visibility, privacy.last_seen) == Audience::Nobody {
        return PresenceNews::hidden(person.id);
    }
    let (presence, last_seen_at) = (facts.presence(now), facts.last_seen_at(now));
    let news = PresenceNews { status: Some(presence), last_seen_at, ..PresenceNews::hidden(person.id) };
    if presence == Presence::Offline {
        return news;
    }
    let shows_text = seen_by(person.visibility, privacy.bio) != Audience::Nobody;
    PresenceNews {
        text: person.status_text.clone().filter(|_| shows_text),
        until: facts
            .until
            .filter(|until| *until > now && facts.status != PresenceStatus::Invisible)
            .or(person.status_until.filter(|_| shows_text)),
        ..news
    }
}
