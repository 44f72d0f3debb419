//! What an implementation of notifications must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, Timestamp, Versions};

use crate::{Notification, NotificationFilter, NotificationId, NotificationPreferences, PreferencesPatch, UnreadCount};

/// The caller's own notifications. Each method that writes is one transaction, and its changes are committed with it; they
/// reach all devices of the caller. What the caller may not see any more is in no list, and is not counted once a list has
/// come across it.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// The newest first, gathered by their group unless the filter says otherwise. A page may have few items or none,
    /// although there are more.
    async fn list(&self, ctx: &Ctx, filter: NotificationFilter, page: PageRequest) -> Result<Page<Notification>>;

    /// How many are not read. It is kept with every change and never counted, so it costs the same however many there are.
    async fn unread_count(&self, ctx: &Ctx) -> Result<UnreadCount>;

    /// Marks one as read, with all that are gathered in it. Nothing happens if it was.
    async fn read(&self, ctx: &Ctx, id: NotificationId) -> Result<UnreadCount>;

    /// Marks all as read, or those that are not newer than this.
    async fn read_all(&self, ctx: &Ctx, before: Option<Timestamp>) -> Result<UnreadCount>;

    /// Notes that the caller has seen all in a list, or those that are not newer than this. They stay unread.
    async fn see(&self, ctx: &Ctx, before: Option<Timestamp>) -> Result<()>;

    /// Deletes one, with all that are gathered in it. It does not come back.
    async fn remove(&self, ctx: &Ctx, id: NotificationId) -> Result<()>;

    async fn notification_preferences(&self, ctx: &Ctx) -> Result<NotificationPreferences>;

    /// Edits them; `notification.preferences_stale` unless `version` is absent or contains the current one.
    async fn prefer(
        &self,
        ctx: &Ctx,
        version: Option<Versions>,
        patch: PreferencesPatch,
    ) -> Result<NotificationPreferences>;
}
