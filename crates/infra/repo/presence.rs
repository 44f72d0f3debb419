//! Presence over the database: what people chose, when they were last seen, and who hears of it.

mod privacy;

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use clowder_accounts::{
    Own, Presences,
    model::{Audience, Settings},
    policy::sight::FieldGroup,
    presence::{NewPresence, OwnPresence, PresenceFacts, PresenceNews, PresenceStatus, Turn, USER_OFFLINE, news},
};
use clowder_core::{Ctx, Presence, Result, Timestamp, UserId, Visibility, Word};
use diesel::prelude::*;
use serde_json::value::to_raw_value;
use tracing::instrument;

use super::{
    Repo,
    accounts::profile::{self, By},
    clock::{CHOSEN, never},
    db::Tx,
    dialect::{self, Conn},
    domains::Domain,
    friends::relationships::friends_of,
    people::{self, Viewer},
};
use crate::domains::{
    accounts::{UserRow, users},
    friends::{FriendIds, FriendLists},
    preferences::{PreferencesRow, preferences},
    presence::{Online, PresenceRow, Told, presence as table},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &["presence.status"],
    times: &[never("presence.last_seen_at", "what lies after now counts as now"), never("presence.until", CHOSEN)],
    ..Domain::NONE
};

#[async_trait]
impl Presences for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn presence(&self, ctx: &Ctx) -> Result<OwnPresence> {
        let (user, now, online) = (ctx.user()?, ctx.now, Arc::clone(&self.deps.online));
        self.db.read(move |conn| Ok(own(conn, &online, user, now)?.1)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_presence(&self, ctx: &Ctx, new: NewPresence) -> Result<OwnPresence> {
        let (caller, user) = (ctx.clone(), ctx.user()?);
        let (before, profile, after) = self.db.write(move |tx| set(tx, &caller, &new)).await?;
        self.deps.memory.profiles.keep(&profile);
        let other_text = (&before.text, before.until) != (&after.text, after.until);
        if let Some(event) = news(before.presence, after.presence, other_text) {
            // It is set, whoever hears of it.
            if let Err(error) = self.tell(vec![(user, event, ctx.now)], ctx.now).await {
                tracing::warn!(%error, "friends do not hear of another status");
            }
        }
        Ok(after)
    }

    #[instrument(level = "debug", skip_all)]
    async fn turned(&self, ctx: &Ctx, turns: Vec<Turn>) -> Result<()> {
        let now = ctx.now;
        let some = turns.clone();
        let seen = self.db.write(move |tx| note(tx, now, &some)).await?;
        let seen = turns.iter().filter(|turn| seen.contains(&turn.user));
        self.tell(seen.map(|turn| (turn.user, turn.event(), turn.at)).collect(), now).await
    }
}

impl Repo {
    /// Lets the friends of these people hear of them, each of an event at a time.
    async fn tell(&self, of: Vec<(UserId, &'static str, Timestamp)>, now: Timestamp) -> Result<()> {
        let (lists, online) = (Arc::clone(&self.friends.lists), Arc::clone(&self.deps.online));
        let told = self.db.read(move |conn| told(conn, &lists, &online, &of, now)).await?;
        told.into_iter().for_each(|told| self.deps.online.tell(told));
        Ok(())
    }
}

fn own(conn: &mut Conn, online: &Online, user: UserId, now: Timestamp) -> Result<(Own, OwnPresence)> {
    let person = profile::own(conn, user)?.at(now);
    let facts = facts(conn, online, &[user])?.remove(&user).unwrap_or_default();
    let presence = OwnPresence {
        status: facts.status_at(now),
        text: person.status_text.clone(),
        until: facts.until.filter(|until| *until > now).or(person.status_until),
        presence: facts.presence(now),
        last_seen_at: facts.last_seen_at(now),
    };
    Ok((person, presence))
}

/// How it was, and profile and presence as they are now.
fn set(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewPresence) -> Result<(OwnPresence, Own, OwnPresence)> {
    let (user, online) = (ctx.user()?, &tx.services.online);
    new.may_end(ctx.now)?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (_, before) = own(tx.conn, online, user, ctx.now)?;
    let vanishes = before.presence != Presence::Offline && new.status == PresenceStatus::Invisible;
    let chosen = (
        table::status.eq(new.status.as_str()),
        table::until.eq(new.until().filter(|_| new.status != PresenceStatus::default())),
        // Whoever becomes invisible was last seen now, as exactly as if they had left.
        table::last_seen_at.eq(if vanishes { Some(ctx.now) } else { before.last_seen_at }),
    );
    diesel::insert_into(table::table)
        .values((table::user_id.eq(user), chosen))
        .on_conflict(table::user_id)
        .do_update()
        .set(chosen)
        .execute(tx.conn)?;
    profile::edit(tx, ctx, By::Presence, None, new.clone().profile())?;
    let (profile, after) = own(tx.conn, online, user, ctx.now)?;
    Ok((before, profile, after))
}

/// Notes when these people were seen. Returns those whom others could see.
fn note(tx: &mut Tx<'_>, now: Timestamp, turns: &[Turn]) -> Result<Vec<UserId>> {
    let ids: Vec<UserId> = turns.iter().map(|turn| turn.user).collect();
    // Of those who are erased, nothing is stored afterwards.
    dialect::accounts::keep_users(tx.conn, &ids)?;
    let present = users::table.filter(users::id.eq_any(&ids).and(users::deleted_at.is_null())).order(users::id);
    let present: Vec<UserId> = present.select(users::id).load(tx.conn)?;
    let known = facts(tx.conn, &tx.services.online, &present)?;
    let mut seen = Vec::with_capacity(present.len());
    for user in present {
        let facts = known.get(&user).copied().unwrap_or_default();
        if facts.status_at(now) == PresenceStatus::Invisible {
            continue;
        }
        let at = turns.iter().filter(|turn| turn.user == user).map(|turn| turn.at).max();
        // Another node may have seen them later.
        let at = at.max(facts.last_seen_at.filter(|at| *at <= now));
        diesel::insert_into(table::table)
            .values((table::user_id.eq(user), table::last_seen_at.eq(at)))
            .on_conflict(table::user_id)
            .do_update()
            .set(table::last_seen_at.eq(at))
            .execute(tx.conn)?;
        seen.push(user);
    }
    Ok(seen)
}

/// What the friends of these people hear, as far as they are connected here. Of people whose presence nobody may see, they hear
/// nothing.
fn told(
    conn: &mut Conn,
    lists: &FriendLists,
    online: &Online,
    of: &[(UserId, &'static str, Timestamp)],
    now: Timestamp,
) -> Result<Vec<Told>> {
    let ids: Vec<UserId> = of.iter().map(|(user, ..)| *user).collect();
    let rows: Vec<UserRow> = users::table
        .filter(users::id.eq_any(&ids).and(users::deleted_at.is_null()))
        .select(UserRow::as_select())
        .load(conn)?;
    let mut people = HashMap::with_capacity(rows.len());
    for row in rows {
        let person = row.own()?.at(now);
        if person.visibility != Visibility::Private && person.suspension.is_none() {
            people.insert(person.id, person);
        }
    }
    let settings: Vec<PreferencesRow> =
        preferences::table.filter(preferences::user_id.eq_any(&ids)).select(PreferencesRow::as_select()).load(conn)?;
    let settings = settings.into_iter().map(|row| Ok((row.user_id, row.settings()?.privacy)));
    let settings: HashMap<UserId, _> = settings.collect::<Result<_>>()?;
    let usual = Settings::default().privacy;
    let facts = facts(conn, online, &ids)?;
    let friends = friends_of(conn, lists, &ids)?;
    let mut all = Vec::with_capacity(of.len());
    for (user, name, at) in of {
        let privacy = settings.get(user).unwrap_or(&usual);
        let (Some(person), Some(friends)) = (people.remove(user), friends.get(user)) else { continue };
        if privacy.last_seen == Audience::Nobody {
            continue;
        }
        let facts = facts.get(user).copied().unwrap_or_default();
        let presence = facts.presence(now);
        // What happened meanwhile is told on its own.
        if (*name == USER_OFFLINE) != (presence == Presence::Offline) {
            continue;
        }
        let shows_text = privacy.bio != Audience::Nobody;
        let news = PresenceNews {
            user_id: *user,
            status: presence,
            text: person.status_text.filter(|_| shows_text),
            until: facts
                .until
                .filter(|until| *until > now && facts.status != PresenceStatus::Invisible)
                .or(person.status_until.filter(|_| shows_text)),
            last_seen_at: facts.last_seen_at(now),
        };
        all.push(Told { to: FriendIds::clone(friends), name, at: *at, data: Arc::from(to_raw_value(&news)?) });
    }
    Ok(all)
}

/// What is known of the presence of these people.
pub fn facts(conn: &mut Conn, online: &Online, people: &[UserId]) -> Result<HashMap<UserId, PresenceFacts>> {
    let connected = online.among(people.iter().copied()).into_iter().map(|user| {
        let facts = PresenceFacts { connected: true, ..PresenceFacts::default() };
        (user, facts)
    });
    let connected: HashMap<UserId, PresenceFacts> = connected.collect();
    let absent = people.iter().map(|user| (*user, PresenceFacts::default()));
    let mut all: HashMap<UserId, PresenceFacts> = absent.chain(connected.clone()).collect();
    let rows: Vec<PresenceRow> =
        table::table.filter(table::user_id.eq_any(people)).select(PresenceRow::as_select()).load(conn)?;
    for row in rows {
        let facts = row.facts(connected.contains_key(&row.user_id))?;
        all.insert(row.user_id, facts);
    }
    Ok(all)
}

/// What the viewer sees of the presence of these people; who hides it, or is hidden, is missing.
pub fn seen(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    people: &[UserId],
) -> Result<HashMap<UserId, (Presence, Option<Timestamp>)>> {
    let visible = users::table.filter(users::id.eq_any(people)).filter(people::visible_to(viewer));
    let visible: Vec<UserId> = visible.select(users::id).load(conn)?;
    let hidden = people::hiding(conn, viewer, FieldGroup::Presence, &visible)?;
    let shown: Vec<UserId> = visible.into_iter().filter(|user| !hidden.contains(user)).collect();
    let facts = facts(conn, online, &shown)?;
    let seen =
        |(user, facts): (UserId, PresenceFacts)| (user, (facts.presence(viewer.now), facts.last_seen_at(viewer.now)));
    Ok(facts.into_iter().map(seen).collect())
}
