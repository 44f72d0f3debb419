//! A store of bytes in which something happens beside what it does: the one place that passes all calls on.

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{Result, Timestamp};
use clowder_media::{
    Blobs, Key,
    blobs::{Growing, Grown, Head, Listed, Reading, Shown, SignedPut, Writing},
};

/// What happens beside it; nothing unless a test says so.
#[async_trait]
pub trait Aside: Send + Sync {
    /// An object is written in this way.
    fn writing(&self, _: &Key, writing: Box<dyn Writing>) -> Box<dyn Writing> {
        writing
    }

    /// An object has been opened to be read.
    async fn opened(&self) {}

    /// An object is deleted in this way.
    async fn delete(&self, store: &dyn Blobs, key: &Key) -> Result<()> {
        store.delete(key).await
    }
}

pub struct Over<A> {
    pub store: Arc<dyn Blobs>,
    pub aside: A,
}

#[async_trait]
impl<A: Aside> Blobs for Over<A> {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    async fn begin(&self, key: &Key) -> Result<Box<dyn Writing>> {
        Ok(self.aside.writing(key, self.store.begin(key).await?))
    }

    async fn grow(&self, key: &Key, grown: &Grown) -> Result<Box<dyn Growing>> {
        self.store.grow(key, grown).await
    }

    async fn complete(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.store.complete(key, grown).await
    }

    async fn abandon(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.store.abandon(key, grown).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>> {
        let reading = self.store.read(key, range).await?;
        self.aside.opened().await;
        Ok(reading)
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>> {
        self.store.head(key).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.aside.delete(&*self.store, key).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>> {
        self.store.list(prefix, after, limit).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<bool> {
        self.store.copy(from, to).await
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<bool> {
        self.store.rename(from, to).await
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64> {
        self.store.sweep(before).await
    }

    async fn check(&self) -> Result<()> {
        self.store.check().await
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        self.store.path(key)
    }

    async fn signed_get(&self, key: &Key, shown: Shown<'_>, lifetime: Duration) -> Result<Option<String>> {
        self.store.signed_get(key, shown, lifetime).await
    }

    async fn signed_put(
        &self,
        key: &Key,
        size: u64,
        sha256: Option<&[u8; 32]>,
        lifetime: Duration,
    ) -> Result<Option<SignedPut>> {
        self.store.signed_put(key, size, sha256, lifetime).await
    }

    async fn arrived(&self, key: &Key) -> Result<Option<Reading>> {
        self.store.arrived(key).await
    }

    async fn decline(&self, key: &Key) -> Result<()> {
        self.store.decline(key).await
    }
}
