//! Profiles over the database: people as others see them.

pub mod index;
mod list;
mod look;
mod near;
mod pictures;
mod search;
mod suggest;
pub mod verifying;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::{
    Change, Own, ProfilePatch, Profiles, Username,
    model::Reason,
    policy::sight::{Sight, sight},
    profiles::{
        EditFacts, ProfileFacts, SeenAs, Shown, User, UserFilter, UserPatch, edits_others, may_edit,
        ranking::{Found, Sought, Suggestion},
        show,
    },
    refusals::{USER_STALE, USER_UNKNOWN},
    standing::may_govern,
    usernames::Renamer,
};
use clowder_core::{
    Ctx, Page, PageRequest, Result, UserId, Versions,
    audit::{Entry, Target},
    job::{Cron, Work},
    versions,
};
use serde_json::json;
use tracing::instrument;

use super::{
    Repo,
    accounts::{names, profile},
    audit,
    db::Tx,
    dialect::{self, Conn},
    domains::Domain,
    friends,
    people::{self, Viewer},
    pets, staff,
};
use crate::domains::presence::Online;

pub const DOMAIN: Domain = Domain {
    // All of them are derived from names, which are texts themselves.
    files: &[pictures::HOLDER],
    words: &["name_grams.gram", "name_index.display_name", "name_index.username", "name_index.written"],
    crons: &[Cron { name: "profile.recheck_links", schedule: "38 3 * * 1 UTC", kind: verifying::RecheckLinks::KIND }],
    workers: |repo| {
        vec![Arc::new(verifying::LinkChecker(Arc::clone(repo))), Arc::new(verifying::LinkRechecker(Arc::clone(repo)))]
    },
    ..Domain::NONE
};

#[async_trait]
impl Profiles for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn users(&self, ctx: &Ctx, filter: UserFilter, page: PageRequest) -> Result<Page<User>> {
        let (viewer, online) = (Viewer::of(ctx)?, Arc::clone(&self.deps.online));
        self.db.read(move |conn| list::users(conn, &online, viewer, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn user(&self, ctx: &Ctx, user: UserId, seen_as: Option<SeenAs>) -> Result<Shown> {
        let (viewer, online) = (Viewer::of(ctx)?, Arc::clone(&self.deps.online));
        self.db.read(move |conn| one(conn, &online, viewer, user, seen_as)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn user_named(&self, ctx: &Ctx, name: &Username) -> Result<Shown> {
        let (viewer, name) = (Viewer::of(ctx)?, name.clone());
        let online = Arc::clone(&self.deps.online);
        self.db.read(move |conn| named(conn, &online, viewer, &name)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit_user(&self, ctx: &Ctx, user: UserId, tags: Option<Versions>, patch: UserPatch) -> Result<Shown> {
        let (caller, viewer) = (ctx.clone(), Viewer::of(ctx)?);
        let edited = self.db.write(move |tx| {
            let versions = tags.as_ref().map(Versions::of_tags);
            let UserPatch { profile, reason } = patch.clone();
            if user == viewer.id {
                let own = profile::edit(tx, &caller, profile::By::Profile, versions, profile)?;
                return Ok((own, one(tx.conn, &tx.services.online, viewer, user, None)?));
            }
            let own = edit_other(tx, &caller, viewer, user, versions.as_ref(), reason, |tx| {
                profile::change(tx, &caller, user, Renamer::Staff, profile.clone())
            })?;
            Ok((own, one(tx.conn, &tx.services.online, viewer, user, None)?))
        });
        let (own, shown) = edited.await?;
        self.deps.memory.profiles.keep(&own);
        Ok(shown)
    }

    #[instrument(level = "debug", skip_all)]
    async fn search_users(&self, ctx: &Ctx, sought: Option<String>, page: PageRequest) -> Result<Page<Found>> {
        let (viewer, online) = (Viewer::of(ctx)?, Arc::clone(&self.deps.online));
        let lists = Arc::clone(&self.friends.lists);
        self.db.read(move |conn| search::search(conn, &online, &lists, viewer, sought.as_deref(), &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn suggestions(&self, ctx: &Ctx, sought: Sought, page: PageRequest) -> Result<Page<Suggestion>> {
        let (viewer, online) = (Viewer::of(ctx)?, Arc::clone(&self.deps.online));
        let lists = Arc::clone(&self.friends.lists);
        self.db.read(move |conn| suggest::suggest(conn, &online, &lists, viewer, &sought, &page)).await
    }
}

/// The profile, or `user.unknown`. Who may not be seen costs the same queries as who does not exist.
fn one(conn: &mut Conn, online: &Online, viewer: Viewer, user: UserId, seen_as: Option<SeenAs>) -> Result<Shown> {
    let facts = look::facts(conn, online, viewer, &[user])?.pop().ok_or(USER_UNKNOWN)?;
    let seen_as = seen_as.filter(|_| facts.own);
    let mut facts = facts.as_if(seen_as);
    if let Some(other) = seen_as.filter(|_| facts.pets_count > 0 && facts.shows_pets() == Some(true)) {
        facts.pets_count = pets::count_seen_as(conn, viewer, other)?;
    }
    // As many as the list of their friends has. Only of those who are shown, as above.
    if !facts.own && !facts.staff && facts.friends_count > 0 && facts.shows_friends() == Some(true) {
        let by = if user == viewer.id { Viewer::stranger(viewer.now) } else { viewer };
        facts.friends_count = friends::count_seen(conn, user, people::visible_to(by))?;
    }
    Ok(show(facts).ok_or(USER_UNKNOWN)?)
}

/// The same by a name. For a name that nobody has, an id that nobody has is looked up.
fn named(conn: &mut Conn, online: &Online, viewer: Viewer, name: &Username) -> Result<Shown> {
    let user = names::holder(conn, viewer.now, name)?.unwrap_or_else(|| UserId::new(viewer.now));
    one(conn, online, viewer, user, None)
}

/// Whether a person shows their friends to the viewer, or to whom the viewer looks like; `user.unknown` if the viewer may not
/// see the person.
pub fn shows_friends(
    conn: &mut Conn,
    online: &Online,
    viewer: Viewer,
    user: UserId,
    seen_as: Option<SeenAs>,
) -> Result<bool> {
    let facts = look::facts(conn, online, viewer, &[user])?.pop().ok_or(USER_UNKNOWN)?;
    Ok(facts.as_if(seen_as).shows_friends().ok_or(USER_UNKNOWN)?)
}

/// Whether a person shows their pets, in the same way.
pub fn shows_pets(conn: &mut Conn, viewer: Viewer, user: UserId, seen_as: Option<SeenAs>) -> Result<bool> {
    let facts = look::facts(conn, &Online::default(), viewer, &[user])?.pop().ok_or(USER_UNKNOWN)?;
    Ok(facts.as_if(seen_as).shows_pets().ok_or(USER_UNKNOWN)?)
}

/// A profile as the viewer sees it, whether or not the person is online, or `user.unknown`.
pub fn seen(conn: &mut Conn, viewer: Viewer, user: UserId) -> Result<User> {
    Ok(one(conn, &Online::default(), viewer, user, None)?.user)
}

/// An administrator changes somebody else's profile. All administrators are locked before the account.
fn edit_other<'c>(
    tx: &mut Tx<'c>,
    ctx: &Ctx,
    viewer: Viewer,
    user: UserId,
    seen: Option<&Versions>,
    reason: Option<Reason>,
    change: impl FnOnce(&mut Tx<'c>) -> Result<Option<(Own, Own)>>,
) -> Result<Own> {
    if !edits_others(ctx.actor) {
        // Decided without any lock, and alike for people who are hidden and who do not exist.
        let seen = look::facts(tx.conn, &tx.services.online, viewer, &[user])?.pop();
        let sight = seen.map_or(Sight::Nothing, |seen| sight(&seen.sight_facts()));
        may_edit(EditFacts { own: false, staff: false, sight })?;
    }
    let (facts, before) = staff::facts(tx.conn, ctx, user)?;
    let seen_facts: ProfileFacts =
        look::facts(tx.conn, &tx.services.online, viewer, &[user])?.pop().ok_or(USER_UNKNOWN)?;
    may_edit(EditFacts { own: false, staff: edits_others(ctx.actor), sight: sight(&seen_facts.sight_facts()) })?;
    may_govern(&facts)?;
    let reason = reason.as_ref().map(Reason::as_str);
    versions::check(seen, before.version, USER_STALE)?;
    let Some((before, after)) = change(tx)? else { return Ok(before) };
    if let Some(entry) = profile::renamed(&before, &after, reason) {
        audit::record(tx, ctx, &entry)?;
    }
    edited(tx, ctx, &before, &after, reason)?;
    profile::tell(tx, ctx, &before, &after)?;
    Ok(after)
}

/// Takes away what somebody wrote in their profile, whose account is locked, by the decision of another domain. Answers the
/// changes, which the caller appends, and the account; nothing if there is nothing to take away.
pub fn blank_by_decision(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, reason: &str) -> Result<Option<(Vec<Change>, Own)>> {
    let patch = ProfilePatch::without_texts(&profile::own(tx.conn, user)?);
    let Some((before, after)) = profile::change(tx, ctx, user, Renamer::Staff, patch)? else { return Ok(None) };
    edited(tx, ctx, &before, &after, Some(reason))?;
    Ok(Some((profile::told(tx.conn, &before, &after, ctx.now)?, after)))
}

/// Records that somebody else has changed a profile, and why, if they have said so.
fn edited(tx: &mut Tx<'_>, ctx: &Ctx, before: &Own, after: &Own, reason: Option<&str>) -> Result<()> {
    if let Some((before, now)) = profile::otherwise(before, after)? {
        let entry = Entry::new("profile.edited").on(Target::user(after.id)).changed(before, now);
        let changes = entry.after.clone();
        audit::record(tx, ctx, &entry.after(json!({"reason": reason, "profile": changes})))?;
    }
    Ok(())
}

/// Locks an account whose names are written to the index.
pub(super) fn keep(conn: &mut Conn, users: &[UserId]) -> Result<()> {
    dialect::accounts::keep_users(conn, users)
}
