//! The user's own profile.

use clowder_accounts::{
    Change, Own, ProfilePatch,
    change::USER_UPDATED,
    model::{DisplayName, Line, NewLink, Note},
    refusals::{SESSION_ENDED, USER_STALE},
};
use clowder_core::{
    Ctx, Result, Timestamp, UserId, Versions, Word,
    audit::{Entry, Target},
    versions,
};
use diesel::prelude::*;

use super::super::{
    audit,
    db::Tx,
    dialect::{self, Conn},
    journal,
    profiles::index,
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
    display_name: Option<String>,
    bio: Option<Option<String>>,
    status_text: Option<Option<String>>,
    status_until: Option<Option<Timestamp>>,
    pronouns: Option<Option<String>>,
    location: Option<Option<String>>,
    links: Option<Option<String>>,
    visibility: Option<&'static str>,
}

pub fn edit(tx: &mut Tx<'_>, ctx: &Ctx, version: Option<Versions>, patch: ProfilePatch) -> Result<Own> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let before = own(tx.conn, user)?;
    versions::check(version.as_ref(), before.version, USER_STALE)?;
    let Some((before, after)) = change(tx, ctx, user, patch)? else { return Ok(before.at(ctx.now)) };
    let entry = Entry::new("profile.changed").on(Target::user(user));
    audit::record(tx, ctx, &entry.changed(serde_json::to_value(&before)?, serde_json::to_value(&after)?))?;
    journal::append(tx, ctx, &Change::UserUpdated(after.clone()))?;
    Ok(after)
}

/// Changes the profile of a locked account: as it was, and as it is now; `None` if nothing changes. The caller records
/// this and appends the change.
pub fn change(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, patch: ProfilePatch) -> Result<Option<(Own, Own)>> {
    let before = own(tx.conn, user)?;
    if !patch.changes(&before) {
        return Ok(None);
    }
    let links = patch.links.as_ref().map(|links| {
        let links: Vec<_> = links.iter().map(NewLink::link).collect();
        if links.is_empty() { Ok(None) } else { serde_json::to_string(&links).map(Some) }
    });
    let edited = Edited {
        status_until: patch.ends_status(&before),
        pronouns: patch.pronouns.map(Line::into_option),
        location: patch.location.map(Line::into_option),
        links: links.transpose()?,
        display_name: patch.display_name.map(DisplayName::into_string),
        bio: patch.bio.map(Note::into_option),
        status_text: patch.status_text.map(Note::into_option),
        visibility: patch.visibility.map(Word::as_str),
    };
    let row: UserRow = diesel::update(users::table.find(user))
        .set((&edited, users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)?;
    let after = row.own()?.at(ctx.now);
    if after.display_name != before.display_name {
        index::put(tx.conn, user, &after.username, &after.display_name)?;
    }
    forget_earlier(tx, &after)?;
    Ok(Some((before, after)))
}

/// Removes earlier texts of a profile from the journal: a client that resumes receives the profile as it is now.
pub fn forget_earlier(tx: &mut Tx<'_>, now: &Own) -> Result<()> {
    journal::rewrite(tx, &[USER_UPDATED], &Change::UserUpdated(now.clone()))
}
