//! What an implementation of settings must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Result, Versions};

use crate::model::{Settings, SettingsPatch};

#[async_trait]
pub trait Preferences: Send + Sync {
    /// The settings of the caller; the defaults with version 1 if they were never changed.
    async fn settings(&self, ctx: &Ctx) -> Result<Settings>;

    /// Changes settings; `settings.stale` unless `version` is absent or contains the current one. The caller's other
    /// devices are notified (`settings.updated`).
    async fn edit_settings(&self, ctx: &Ctx, version: Option<Versions>, patch: SettingsPatch) -> Result<Settings>;
}
