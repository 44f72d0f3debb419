//! What an implementation of API keys must guarantee.

use async_trait::async_trait;
use clowder_core::{ApiKeyId, Ctx, Page, PageRequest, Result, Timestamp};

use crate::{
    Identity,
    model::{ApiKey, IssuedKey, NewApiKey},
};

/// The keys with which programs act for a user. Each method is one use case and at most one transaction.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Creates a key and shows it, this once: only a hash of its secret is stored. Needs a recent authentication.
    /// Concurrent calls create no more keys than [`crate::api_keys::MOST`] allows. Honours `ctx.idempotency_key`: a
    /// repeated call creates no other key and does not show the first one's secret.
    async fn create_key(&self, ctx: &Ctx, new: NewApiKey) -> Result<IssuedKey>;

    /// The caller's keys, the newest first.
    async fn keys(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<ApiKey>>;

    /// One of the caller's keys; `api_key.unknown` for any other.
    async fn key(&self, ctx: &Ctx, key: ApiKeyId) -> Result<ApiKey>;

    /// Revokes a key. This process refuses it at once, others as soon as the journal shows it.
    async fn revoke_key(&self, ctx: &Ctx, key: ApiKeyId) -> Result<()>;

    /// The identity of a presented key, if it is known without a database query.
    fn recall_key(&self, presented: &str, now: Timestamp) -> Option<Result<Identity>>;

    /// The identity of a presented key. Its use is recorded later, at most once a minute.
    async fn check_key(&self, presented: &str, now: Timestamp) -> Result<Identity>;

    /// Whether this process knows that a key was revoked recently.
    fn is_revoked(&self, key: ApiKeyId) -> bool;
}
