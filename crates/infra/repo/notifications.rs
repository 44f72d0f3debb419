//! Notifications over the database: made by a reader of the journal, shown from what their owner may see, and ended with what
//! they are about.

mod choosing;
mod ending;
mod finding;
mod inbox;
mod items;
mod lists;
mod making;
mod marking;
mod privacy;
mod reading;
mod seen;
mod showing;
mod sweeping;
mod telling;
mod told;

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, Timestamp, Versions};
use clowder_notifications::{
    Notification, NotificationFilter, NotificationId, NotificationPreferences, Notifications, PreferencesPatch,
    UnreadCount,
};
use tracing::instrument;

pub use choosing::{change, chosen};
pub use reading::NAME as READER;
pub use showing::{Counted, by_id, language, show};
pub use told::Told;

use super::{
    Repo,
    clock::{SHOWN, never},
    domains::{Domain, Sweep},
    people::Viewer,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    conceal: showing::complete,
    readers: &[reading::READER],
    words: &[
        "notification_groups.key",
        "notification_groups.kind",
        "notification_preferences.channels",
        "notification_preferences.digest",
        "notification_preferences.push_privacy",
        "notification_preferences.quiet_from",
        "notification_preferences.quiet_to",
        "notification_preferences.time_zone",
        "notifications.detail",
        "notifications.group_key",
        "notifications.kind",
        "notifications.reason",
        "notifications.target_type",
    ],
    times: &[
        never("notification_preferences.updated_at", SHOWN),
        never("notifications.created_at", "those in the future are kept for longer"),
        never("notifications.read_at", SHOWN),
        never("notifications.removed_at", SHOWN),
        never("notifications.seen_at", SHOWN),
    ],
    sweeps: &[Sweep::Rows(sweeping::sweep)],
    ..Domain::NONE
};

#[async_trait]
impl Notifications for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn list(&self, ctx: &Ctx, filter: NotificationFilter, page: PageRequest) -> Result<Page<Notification>> {
        let viewer = Viewer { staff: false, ..Viewer::of(ctx)? };
        let listed = self.db.read(move |conn| lists::list(conn, viewer, &filter, &page)).await?;
        if !listed.hidden.is_empty() {
            let (ctx, hidden) = (ctx.clone(), listed.hidden);
            self.db.write(move |tx| marking::forget(tx, &ctx, &hidden)).await?;
        }
        Ok(listed.page)
    }

    #[instrument(level = "debug", skip_all)]
    async fn unread_count(&self, ctx: &Ctx) -> Result<UnreadCount> {
        let user = ctx.user()?;
        let unread_count = self.db.read(move |conn| lists::unread(conn, user)).await?;
        Ok(UnreadCount { unread_count })
    }

    #[instrument(level = "debug", skip_all)]
    async fn read(&self, ctx: &Ctx, id: NotificationId) -> Result<UnreadCount> {
        let ctx = ctx.clone();
        self.db.write(move |tx| marking::read(tx, &ctx, id)).await
    }

    /// In pieces, so that other writers get their turn in between.
    #[instrument(level = "debug", skip_all)]
    async fn read_all(&self, ctx: &Ctx, before: Option<Timestamp>) -> Result<UnreadCount> {
        let before = before.unwrap_or(ctx.now);
        loop {
            let caller = ctx.clone();
            let (is_all, left) = self.db.write(move |tx| marking::read_some(tx, &caller, before)).await?;
            if is_all {
                return Ok(left);
            }
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn see(&self, ctx: &Ctx, before: Option<Timestamp>) -> Result<()> {
        let before = before.unwrap_or(ctx.now);
        loop {
            let caller = ctx.clone();
            if self.db.write(move |tx| marking::see_some(tx, &caller, before)).await? {
                return Ok(());
            }
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove(&self, ctx: &Ctx, id: NotificationId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| marking::remove(tx, &ctx, id)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn notification_preferences(&self, ctx: &Ctx) -> Result<NotificationPreferences> {
        let user = ctx.user()?;
        self.db.read(move |conn| choosing::shown(conn, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn prefer(
        &self,
        ctx: &Ctx,
        version: Option<Versions>,
        patch: PreferencesPatch,
    ) -> Result<NotificationPreferences> {
        let ctx = ctx.clone();
        self.db.write(move |tx| choosing::choose(tx, &ctx, version.as_ref(), patch.clone())).await
    }
}
