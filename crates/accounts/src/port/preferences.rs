//! What people want.

use async_trait::async_trait;
use clowder_core::{Ctx, Result, Versions};

use crate::model::{Settings, SettingsPatch};

#[async_trait]
pub trait Preferences: Send + Sync {
    /// The settings of the caller; the usual ones, version 1, for whoever never changed any.
    async fn settings(&self, ctx: &Ctx) -> Result<Settings>;

    /// Changes some; `settings.stale` unless `version` is absent or holds the present one. The other devices of the caller
    /// hear of it (`settings.updated`).
    async fn edit_settings(&self, ctx: &Ctx, version: Option<Versions>, patch: SettingsPatch) -> Result<Settings>;
}
