//! A person's own log of what they did.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use crate::activity::{Activity, ActivityType};

/// Items are not part of the writes that they tell of: a reader of the journal makes them, so one may appear a second
/// later. Each is counted exactly once, whatever dies in between.
#[async_trait]
pub trait ActivityLog: Send + Sync {
    /// What the caller did, the latest first; with `kind` only items of this type.
    async fn activity(&self, ctx: &Ctx, kind: Option<ActivityType>, page: PageRequest) -> Result<Page<Activity>>;

    /// Deletes the caller's log. What they did before does not appear any more, even if the reader gets to it later.
    async fn clear_activity(&self, ctx: &Ctx) -> Result<()>;
}
