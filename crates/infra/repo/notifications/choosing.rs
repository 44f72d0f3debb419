//! What people want to be notified of.

use clowder_accounts::refusals::SESSION_ENDED;
use clowder_core::{Ctx, Result, UserId, Versions, versions};
use clowder_notifications::{
    Chosen, Defaults, NotificationPreferences, PreferencesPatch, mail::digest::Rhythm, refusals::PREFERENCES_STALE,
};
use diesel::prelude::*;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    notices, preferences,
};
use crate::domains::{
    accounts::users,
    notifications::{ChosenRow, notification_preferences as table},
};

pub fn chosen(conn: &mut Conn, user: UserId) -> Result<Chosen> {
    let row = table::table.find(user).select(ChosenRow::as_select()).first(conn).optional()?;
    row.map_or_else(|| Ok(Chosen::default()), ChosenRow::chosen)
}

pub fn shown(conn: &mut Conn, user: UserId) -> Result<NotificationPreferences> {
    let defaults = defaults(conn, user)?;
    Ok(chosen(conn, user)?.shown(defaults))
}

fn defaults(conn: &mut Conn, user: UserId) -> Result<Defaults> {
    let general = preferences::settings(conn, user)?.notifications;
    Ok(Defaults { push: general.push, mail: general.mail })
}

pub fn choose(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    version: Option<&Versions>,
    patch: PreferencesPatch,
) -> Result<NotificationPreferences> {
    let user = ctx.user()?;
    // There may be no row to lock yet, so the user's row is locked instead.
    dialect::accounts::lock_user(tx.conn, user)?;
    let living = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(diesel::dsl::exists(living)).get_result::<bool>(tx.conn)? {
        return Err(SESSION_ENDED.into());
    }
    let before = chosen(tx.conn, user)?;
    versions::check(version, before.version, PREFERENCES_STALE)?;
    let after = change(tx, ctx, user, before, patch)?;
    let defaults = defaults(tx.conn, user)?;
    Ok(after.shown(defaults))
}

/// What is chosen after a change by somebody who has locked the account. Digests are planned by it.
pub fn change(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, before: Chosen, patch: PreferencesPatch) -> Result<Chosen> {
    let defaults = defaults(tx.conn, user)?;
    let Some(after) = patch.applied_to(&before, defaults) else { return Ok(before) };
    let row = ChosenRow::new(user, &after, ctx.now)?;
    diesel::insert_into(table::table)
        .values(&row)
        .on_conflict(table::user_id)
        .do_update()
        .set(&row)
        .execute(tx.conn)?;
    if after.digest != before.digest {
        notices::plan(tx, ctx, user, Rhythm::of(after.digest))?;
    }
    Ok(after)
}
