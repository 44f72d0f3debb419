//! Presence over the database: what people chose, when they were last seen, and who hears of it.

mod privacy;
mod told;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use clowder_accounts::{
    Change, Own, Presences,
    change::PRESENCE_UPDATED,
    policy::sight::FieldGroup,
    presence::{
        Connected, NewPresence, OwnPresence, PresenceFacts, PresenceNews, PresenceStatus, PresenceUpdated, seen_by,
    },
};
use clowder_core::{Ctx, Presence, Result, Timestamp, UserId, Word};
use diesel::prelude::*;
use tracing::instrument;

use super::{
    Repo,
    accounts::profile::{self, By},
    clock::{CHOSEN, never},
    db::Tx,
    dialect::{self, Conn},
    domains::Domain,
    journal,
    people::{self, Viewer},
    preferences,
};
use crate::domains::{
    accounts::users,
    presence::{Look, Online, PresenceRow, presence as table},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &["presence.status", "presence.vanished_as"],
    times: &[
        never("presence.last_seen_at", "what lies after now counts as now"),
        never("presence.until", CHOSEN),
        never("presence.vanished_at", "what lies after now counts as now"),
    ],
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
        let caller = ctx.clone();
        let (profile, presence) = self.db.write(move |tx| set(tx, &caller, &new)).await?;
        self.deps.memory.profiles.keep(&profile);
        Ok(presence)
    }

    #[instrument(level = "debug", skip_all)]
    async fn seen(&self, ctx: &Ctx, people: Vec<UserId>) -> Result<Vec<PresenceNews>> {
        let (viewer, online) = (Viewer::of(ctx)?, Arc::clone(&self.deps.online));
        self.db.read(move |conn| told::by(conn, &online, viewer, &people)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn tell_friends(&self, ctx: &Ctx) -> Result<usize> {
        let (now, online) = (ctx.now, Arc::clone(&self.deps.online));
        let taken = self.deps.online.take(now, TOGETHER);
        let looks = taken.looks().to_vec();
        let count = looks.len();
        let seen: Vec<Look> = looks.iter().filter(|look| look.to_note.is_some()).cloned().collect();
        let locked =
            if seen.is_empty() { HashSet::new() } else { self.db.write(move |tx| told::note(tx, now, &seen)).await? };
        let looks: Vec<Look> = looks.into_iter().filter(|look| !locked.contains(&look.user)).collect();
        if !looks.is_empty() {
            let lists = Arc::clone(&self.friends.lists);
            let looked = self.db.read(move |conn| told::look(conn, &lists, &online, &looks, now)).await?;
            taken.tell(looked)?;
        }
        Ok(count)
    }
}

/// At how many people one transaction looks.
const TOGETHER: usize = 20;

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

/// Profile and presence as they are now.
fn set(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewPresence) -> Result<(Own, OwnPresence)> {
    let (user, now) = (ctx.user()?, ctx.now);
    new.may_end(now)?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let person = profile::own(tx.conn, user)?.at(now);
    let before = shown(tx.conn, &person, now)?;
    let row = table::table.find(user).select(PresenceRow::as_select()).first(tx.conn).optional()?;
    let vanished = row.and_then(|row| row.vanished_at.zip(row.vanished_as));
    let vanished = match (before.status, new.status) {
        (PresenceStatus::Invisible, PresenceStatus::Invisible) => vanished,
        (was, PresenceStatus::Invisible) => Some((now, was.as_str().to_owned())),
        _ => None,
    };
    let (vanished_at, vanished_as) = vanished.unzip();
    let chosen = (
        table::status.eq(new.status.as_str()),
        table::until.eq(new.until().filter(|_| new.status != PresenceStatus::default())),
        table::vanished_at.eq(vanished_at),
        table::vanished_as.eq(vanished_as),
    );
    diesel::insert_into(table::table)
        .values((table::user_id.eq(user), chosen.clone()))
        .on_conflict(table::user_id)
        .do_update()
        .set(chosen)
        .execute(tx.conn)?;
    let profile = profile::edit(tx, ctx, By::Presence, None, new.clone().profile())?;
    let after = shown(tx.conn, &profile, now)?;
    // Unless that was said with the text.
    if after != before && !tx.recorded.iter().any(|recorded| &*recorded.name == PRESENCE_UPDATED) {
        journal::append(tx, ctx, &Change::PresenceUpdated(after))?;
    }
    own(tx.conn, &tx.services.online, user, now)
}

/// What somebody shows, with this profile. Whoever changes it while the account is locked appends it, if it is another one.
pub fn shown(conn: &mut Conn, person: &Own, now: Timestamp) -> Result<PresenceUpdated> {
    let row = table::table.find(person.id).select(PresenceRow::as_select()).first(conn).optional()?;
    let facts = row.map(|row| row.facts(None)).transpose()?.unwrap_or_default();
    let privacy = preferences::settings(conn, person.id)?.privacy;
    Ok(PresenceUpdated {
        user: person.id,
        status: facts.status_at(now),
        text: person.status_text.clone(),
        until: facts.until.filter(|until| *until > now).or(person.status_until),
        seen_by: seen_by(person.visibility, privacy.last_seen),
        text_seen_by: seen_by(person.visibility, privacy.bio),
    })
}

/// What is known of the presence of these people; whose row cannot be read is missing.
pub fn facts(conn: &mut Conn, online: &Online, people: &[UserId]) -> Result<HashMap<UserId, PresenceFacts>> {
    let connected: HashMap<UserId, Connected> = online.connected(people.iter().copied()).into_iter().collect();
    let unknown = |user: &UserId| PresenceFacts::default().with(connected.get(user).copied());
    let mut all: HashMap<UserId, PresenceFacts> = people.iter().map(|user| (*user, unknown(user))).collect();
    let rows: Vec<PresenceRow> =
        table::table.filter(table::user_id.eq_any(people)).select(PresenceRow::as_select()).load(conn)?;
    for row in rows {
        match told::readable(row.user_id, row.facts(connected.get(&row.user_id).copied())) {
            Some(facts) => all.insert(row.user_id, facts),
            None => all.remove(&row.user_id),
        };
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
