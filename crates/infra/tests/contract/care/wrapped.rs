//! A store of bytes in which something happens before objects are read or deleted.

use std::{
    ops::Range,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use clowder_core::{Result, Timestamp};
use clowder_media::{
    Blobs, Key,
    blobs::{Growing, Grown, Head, Listed, Reading, Shown, SignedPut, Writing},
};

type Happening = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens once, after an object has been opened to be read.
pub type Once = Mutex<Option<Happening>>;

/// Whether a deletion fails.
pub type Fails = Box<dyn Fn() -> bool + Send + Sync>;

pub struct Wrapped {
    pub inner: Arc<dyn Blobs>,
    pub while_reading: Once,
    pub fails: Fails,
}

impl Wrapped {
    pub fn new(inner: &Arc<dyn Blobs>) -> Self {
        Self { inner: Arc::clone(inner), while_reading: Mutex::new(None), fails: Box::new(|| false) }
    }
}

#[async_trait]
impl Blobs for Wrapped {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn begin(&self, key: &Key) -> Result<Box<dyn Writing>> {
        self.inner.begin(key).await
    }

    async fn grow(&self, key: &Key, grown: &Grown) -> Result<Box<dyn Growing>> {
        self.inner.grow(key, grown).await
    }

    async fn complete(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.inner.complete(key, grown).await
    }

    async fn abandon(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.inner.abandon(key, grown).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>> {
        let reading = self.inner.read(key, range).await?;
        let happens = self.while_reading.lock().unwrap().take();
        if let Some(happens) = happens {
            happens.await;
        }
        Ok(reading)
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>> {
        self.inner.head(key).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        if (self.fails)() {
            return Err(clowder_core::Error::unavailable("the store is away"));
        }
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>> {
        self.inner.list(prefix, after, limit).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<bool> {
        self.inner.copy(from, to).await
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<bool> {
        self.inner.rename(from, to).await
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64> {
        self.inner.sweep(before).await
    }

    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        self.inner.path(key)
    }

    async fn signed_get(&self, key: &Key, shown: Shown<'_>, lifetime: Duration) -> Result<Option<String>> {
        self.inner.signed_get(key, shown, lifetime).await
    }

    async fn signed_put(
        &self,
        key: &Key,
        size: u64,
        sha256: Option<&[u8; 32]>,
        lifetime: Duration,
    ) -> Result<Option<SignedPut>> {
        self.inner.signed_put(key, size, sha256, lifetime).await
    }

    async fn arrived(&self, key: &Key) -> Result<Option<Reading>> {
        self.inner.arrived(key).await
    }

    async fn decline(&self, key: &Key) -> Result<()> {
        self.inner.decline(key).await
    }
}
