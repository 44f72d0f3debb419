//! What an implementation of API keys must keep.

use async_trait::async_trait;
use clowder_core::{ApiKeyId, Ctx, Page, PageRequest, Result, Timestamp};

use crate::{
    Identity,
    model::{ApiKey, IssuedKey, NewApiKey},
};

/// The keys by which programs act for a user. Each method is one use case and at most one transaction.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Makes a key and shows it, this once: only a hash of its secret is kept. Needs a recent authentication. Of several
    /// that are made at once no more come into being than [`crate::api_keys::MOST`] allows. Honours `ctx.idempotency_key`: a call
    /// that is repeated makes no other key, and is not shown the first one's secret.
    async fn create_key(&self, ctx: &Ctx, new: NewApiKey) -> Result<IssuedKey>;

    /// The keys of the user who asks, the newest first.
    async fn keys(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<ApiKey>>;

    /// One key of the user who asks; `api_key.unknown` for any other.
    async fn key(&self, ctx: &Ctx, key: ApiKeyId) -> Result<ApiKey>;

    /// From now on the key is worth nothing through this process, elsewhere as soon as the journal tells.
    async fn revoke_key(&self, ctx: &Ctx, key: ApiKeyId) -> Result<()>;

    /// What a presented key proves, if that can be said without asking the database.
    fn recall_key(&self, presented: &str, now: Timestamp) -> Option<Result<Identity>>;

    /// What a presented key proves. Notes, later and at most once a minute, that it was used.
    async fn check_key(&self, presented: &str, now: Timestamp) -> Result<Identity>;

    /// Whether this process knows that a key was revoked lately.
    fn is_revoked(&self, key: ApiKeyId) -> bool;
}
