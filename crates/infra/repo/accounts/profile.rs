//! The user's own profile.

use clowder_accounts::{
    Change, Own, ProfilePatch, Username,
    change::{PRESENCE_UPDATED, USER_UPDATED},
    model::{DisplayName, Line, Note},
    refusals::{SESSION_ENDED, USER_STALE, USERNAME_TAKEN},
    usernames::{RenameFacts, Renamer, may_rename},
};
use clowder_core::{
    Ctx, Error, FileId, Result, Timestamp, UserId, Versions, Word,
    audit::{Entry, Target},
    versions,
};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
};
use serde_json::{Value, json};

use super::{
    super::{
        audit,
        db::Tx,
        dialect::{self, Conn},
        journal,
        media::pictures::{self, Chosen},
        presence,
        profiles::{index, verifying},
    },
    names,
};
use crate::domains::accounts::{UserRow, users};

/// The profile; a token that outlived its user counts as ended.
pub fn own(conn: &mut Conn, user: UserId) -> Result<Own> {
    let row = users::table.find(user).filter(users::deleted_at.is_null()).select(UserRow::as_select());
    let row = row.first(conn).optional()?;
    row.ok_or(SESSION_ENDED)?.own()
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct Edited {
    username: Option<String>,
    username_key: Option<String>,
    renamed_at: Option<Option<Timestamp>>,
    display_name: Option<String>,
    bio: Option<Option<String>>,
    status_text: Option<Option<String>>,
    status_until: Option<Option<Timestamp>>,
    pronouns: Option<Option<String>>,
    location: Option<Option<String>>,
    links: Option<Option<String>>,
    visibility: Option<&'static str>,
    avatar_id: Option<Option<FileId>>,
    cover_id: Option<Option<FileId>>,
}

/// By what a profile is edited.
#[derive(Clone, Copy)]
pub enum By {
    /// The call for it.
    Profile,
    /// One's presence, whose text is the status text.
    Presence,
}

pub fn edit(tx: &mut Tx<'_>, ctx: &Ctx, by: By, version: Option<Versions>, patch: ProfilePatch) -> Result<Own> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let before = own(tx.conn, user)?;
    versions::check(version.as_ref(), before.version, USER_STALE)?;
    let Some((before, after)) = change(tx, ctx, user, Renamer::Owner, patch)? else { return Ok(before.at(ctx.now)) };
    if let Some(entry) = renamed(&before, &after, None) {
        audit::record(tx, ctx, &entry)?;
    }
    if let Some((before, after)) = otherwise(&before, &after)? {
        let entry = match by {
            By::Profile => Entry::new("profile.changed"),
            By::Presence => Entry::new("presence.changed"),
        };
        audit::record(tx, ctx, &entry.on(Target::user(user)).changed(before, after))?;
    }
    tell(tx, ctx, &before, &after)?;
    Ok(after)
}

/// What tells the person of another profile, and of what they show of their presence if that is another one, too.
pub fn told(conn: &mut Conn, before: &Own, after: &Own, now: Timestamp) -> Result<Vec<Change>> {
    let shown = |own: &Own| (own.status_text.clone(), own.status_until, own.visibility);
    let mut told = vec![Change::UserUpdated(Box::new(after.clone()))];
    if shown(before) != shown(after) {
        told.push(Change::PresenceUpdated(presence::shown(conn, after, now)?));
    }
    Ok(told)
}

pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, before: &Own, after: &Own) -> Result<()> {
    let told = told(tx.conn, before, after, ctx.now)?;
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)
}

/// Changes the profile of a locked account: as it was, and as it is now; `None` if nothing changes. The caller records
/// this and appends the change.
pub fn change(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    by: Renamer,
    patch: ProfilePatch,
) -> Result<Option<(Own, Own)>> {
    let stored = own(tx.conn, user)?;
    // A status text that is over counts as none, so that it does not come back; but it can be taken away.
    let before = stored.clone().at(ctx.now);
    let takes_away = stored.status_text != before.status_text && patch.status_text.as_ref().is_some_and(Note::is_empty);
    patch.may_end_status(&before, ctx.now)?;
    if !takes_away && !patch.changes(&before) {
        return Ok(None);
    }
    let username = patch.username.clone().filter(|username| username.as_str() != before.username);
    if let Some(username) = &username {
        look(tx.conn, ctx.now, user, by, username)?;
    }
    let [had, has] = pictures_of(&before, &patch);
    let chosen = [
        Chosen::other("avatar", pictures::AVATAR, had[0], has[0]),
        Chosen::other("cover", pictures::COVER, had[1], has[1]),
    ];
    pictures::hold(tx, user, &chosen.into_iter().flatten().collect::<Vec<_>>())?;
    let links = patch.links.as_ref().map(|links| {
        let links: Vec<_> = links.iter().map(|link| link.link(&before.links)).collect();
        if links.is_empty() { Ok(None) } else { serde_json::to_string(&links).map(Some) }
    });
    let edited = Edited {
        renamed_at: username.is_some().then_some(Some(ctx.now)),
        username_key: username.as_ref().map(Username::key),
        username: username.as_ref().map(|username| username.as_str().to_owned()),
        status_until: patch.ends_status(&before),
        pronouns: patch.pronouns.map(Line::into_option),
        location: patch.location.map(Line::into_option),
        links: links.transpose()?,
        display_name: patch.display_name.map(DisplayName::into_string),
        bio: patch.bio.map(Note::into_option),
        status_text: patch.status_text.map(Note::into_option),
        visibility: patch.visibility.map(Word::as_str),
        avatar_id: patch.avatar.map(|avatar| avatar.0),
        cover_id: patch.cover.map(|cover| cover.0),
    };
    let row: UserRow = diesel::update(users::table.find(user))
        .set((&edited, users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)
        .map_err(|error| match error {
            // Of the columns that a profile has, only the name is unique.
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => USERNAME_TAKEN.into(),
            other => Error::from(other),
        })?;
    // After the name, as when an account is created, so that nobody who wants it waits in a circle.
    if let Some(username) = &username {
        names::change(tx.conn, ctx.now, user, &before.username, username)?;
    }
    pictures::replace(tx, &had, &has);
    let after = row.own()?.at(ctx.now);
    if (&after.username, &after.display_name) != (&before.username, &before.display_name) {
        index::put(tx.conn, user, &after.username, &after.display_name)?;
    }
    forget_earlier(tx, &after)?;
    verifying::order(tx, ctx, &before, &after)?;
    if stored.status_text.is_some() && stored.status_text != after.status_text {
        let shown = presence::shown(tx.conn, &after, ctx.now)?;
        journal::supersede(tx, &[PRESENCE_UPDATED], &Change::PresenceUpdated(shown))?;
    }
    Ok(Some((before, after)))
}

/// The avatar and the cover before and after a change.
fn pictures_of(own: &Own, patch: &ProfilePatch) -> [[Option<FileId>; 2]; 2] {
    let before = [own.avatar, own.cover].map(|picture| picture.map(|picture| picture.file_id));
    let chosen = [patch.avatar, patch.cover];
    [before, [0, 1].map(|n| chosen[n].map_or(before[n], |chosen| chosen.0))]
}

/// Whether a locked account may get this name.
fn look(conn: &mut Conn, now: Timestamp, user: UserId, by: Renamer, to: &Username) -> Result<()> {
    names::lock(conn, [to])?;
    let renamed_at = users::table.find(user).select(users::renamed_at).first(conn)?;
    let taken = names::is_taken_for(conn, now, user, to)?;
    may_rename(now, RenameFacts { by, renamed_at, taken }, to)
}

/// What the audit log says of a name that was changed.
pub fn renamed(before: &Own, after: &Own, reason: Option<&str>) -> Option<Entry> {
    let mut told = json!({"username": after.username});
    if let Some(reason) = reason {
        told["reason"] = reason.into();
    }
    let entry = Entry::new("username.changed").on(Target::user(after.id));
    (before.username != after.username).then(|| entry.before(json!({"username": before.username})).after(told))
}

/// Both states of what else was changed in a profile; `None` if nothing was.
pub fn otherwise(before: &Own, after: &Own) -> Result<Option<(Value, Value)>> {
    let version = after.version;
    let is_same = Own { username: after.username.clone(), version, ..before.clone() } == *after;
    let before = Own { username: after.username.clone(), ..before.clone() };
    Ok(if is_same { None } else { Some((serde_json::to_value(before)?, serde_json::to_value(after)?)) })
}

/// Removes earlier texts of a profile from the journal: a client that resumes receives the profile as it is now.
pub fn forget_earlier(tx: &mut Tx<'_>, now: &Own) -> Result<()> {
    journal::supersede(tx, &[USER_UPDATED], &Change::UserUpdated(Box::new(now.clone())))
}
