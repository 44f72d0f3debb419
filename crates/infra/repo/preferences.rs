//! Settings over the database.

mod privacy;

use async_trait::async_trait;
use clowder_accounts::{
    Change, Preferences,
    activity::{Rule, Target, Whose},
    model::{Settings, SettingsPatch},
    refusals::{SESSION_ENDED, SETTINGS_STALE},
};
use clowder_core::{Ctx, Result, UserId, Versions, versions};
use diesel::prelude::*;
use tracing::instrument;

use super::{
    Repo,
    accounts::profile,
    clock::{SHOWN, never},
    db::Tx,
    dialect::{self, Conn},
    domains::Domain,
    journal, notices, presence,
};
use crate::domains::{
    accounts::users,
    preferences::{PreferencesRow, preferences as table},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[Rule::new("settings.updated", "settings.changed", Whose::Actor, Target::Topic)],
    words: &[
        "preferences.language",
        "preferences.last_seen",
        "preferences.messages_from",
        "preferences.notify_about",
        "preferences.see_bio",
        "preferences.see_details",
        "preferences.see_email",
        "preferences.see_pets",
        "preferences.see_friends",
        "preferences.theme",
        "preferences.time_zone",
    ],
    times: &[never("preferences.updated_at", SHOWN)],
    ..Domain::NONE
};

#[async_trait]
impl Preferences for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn settings(&self, ctx: &Ctx) -> Result<Settings> {
        let user = ctx.user()?;
        self.db.read(move |conn| settings(conn, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit_settings(&self, ctx: &Ctx, version: Option<Versions>, patch: SettingsPatch) -> Result<Settings> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit(tx, &ctx, version.clone(), patch.clone())).await
    }
}

pub fn settings(conn: &mut Conn, user: UserId) -> Result<Settings> {
    let row = table::table.find(user).select(PreferencesRow::as_select()).first(conn).optional()?;
    row.map_or_else(|| Ok(Settings::default()), PreferencesRow::settings)
}

fn edit(tx: &mut Tx<'_>, ctx: &Ctx, version: Option<Versions>, patch: SettingsPatch) -> Result<Settings> {
    let user = ctx.user()?;
    // There may be no row to lock yet, so the user's row is locked instead.
    dialect::accounts::lock_user(tx.conn, user)?;
    if !diesel::select(diesel::dsl::exists(users::table.find(user).filter(users::deleted_at.is_null())))
        .get_result::<bool>(tx.conn)?
    {
        return Err(SESSION_ENDED.into());
    }
    let before = settings(tx.conn, user)?;
    versions::check(version.as_ref(), before.version, SETTINGS_STALE)?;
    let Some(after) = patch.applied_to(&before) else { return Ok(before) };
    let row = PreferencesRow::new(user, &after, ctx.now);
    diesel::insert_into(table::table)
        .values(&row)
        .on_conflict(table::user_id)
        .do_update()
        .set(&row)
        .execute(tx.conn)?;
    if before.time_zone != after.time_zone {
        notices::move_to(tx, ctx, user, &after.time_zone)?;
    }
    let mut told = vec![Change::SettingsUpdated(user, after.clone())];
    let shows = |settings: &Settings| (settings.privacy.last_seen, settings.privacy.bio);
    if shows(&before) != shows(&after) {
        let person = profile::own(tx.conn, user)?.at(ctx.now);
        told.push(Change::PresenceUpdated(presence::shown(tx.conn, &person, ctx.now)?));
    }
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)?;
    Ok(after)
}
