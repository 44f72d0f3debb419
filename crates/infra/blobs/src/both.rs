//! Two stores as one, while objects move from one to the other: new objects go to the first, and what is not there is read
//! from the second. What is deleted is deleted in both, so that nothing of it comes back.

use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{Result, Timestamp};
use clowder_media::{
    Blobs, Key,
    blobs::{Growing, Grown, Head, Listed, Reading, Shown, SignedPut, Writing},
};
use futures_util::StreamExt;

pub struct Both {
    main: Arc<dyn Blobs>,
    other: Arc<dyn Blobs>,
}

impl Both {
    pub fn new(main: Arc<dyn Blobs>, other: Arc<dyn Blobs>) -> Self {
        Self { main, other }
    }

    /// The store that has this object; the first if neither has.
    async fn holder(&self, key: &Key) -> Result<&Arc<dyn Blobs>> {
        let is_there = self.main.head(key).await?.is_some() || self.other.head(key).await?.is_none();
        Ok(if is_there { &self.main } else { &self.other })
    }

    /// Copies an object of the second store into the first.
    async fn fetch(&self, from: &Key, to: &Key) -> Result<bool> {
        let Some(mut reading) = self.other.read(from, None).await? else { return Ok(false) };
        let mut writing = self.main.begin(to).await?;
        while let Some(piece) = reading.bytes.next().await {
            // Dropping what has been written aborts it.
            writing.write(piece?).await?;
        }
        writing.finish().await?;
        Ok(true)
    }
}

#[async_trait]
impl Blobs for Both {
    fn name(&self) -> &'static str {
        self.main.name()
    }

    async fn begin(&self, key: &Key) -> Result<Box<dyn Writing>> {
        self.main.begin(key).await
    }

    /// What has begun to grow in the second store cannot go on: whoever writes it begins anew.
    async fn grow(&self, key: &Key, grown: &Grown) -> Result<Box<dyn Growing>> {
        self.main.grow(key, grown).await
    }

    async fn complete(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.main.complete(key, grown).await
    }

    async fn abandon(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.main.abandon(key, grown).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>> {
        match self.main.read(key, range.clone()).await? {
            Some(reading) => Ok(Some(reading)),
            None => self.other.read(key, range).await,
        }
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>> {
        match self.main.head(key).await? {
            Some(head) => Ok(Some(head)),
            None => self.other.head(key).await,
        }
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.other.delete(key).await?;
        self.main.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>> {
        let (main, other) = (self.main.list(prefix, after, limit).await?, self.other.list(prefix, after, limit).await?);
        // Of what is in both, the first store has what is read.
        let mut all: BTreeMap<Key, Listed> = other.into_iter().map(|listed| (listed.key.clone(), listed)).collect();
        all.extend(main.into_iter().map(|listed| (listed.key.clone(), listed)));
        Ok(all.into_values().take(limit).collect())
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<bool> {
        Ok(self.main.copy(from, to).await? || self.fetch(from, to).await?)
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<bool> {
        if from == to {
            return Ok(self.head(from).await?.is_some());
        }
        let renamed = self.main.rename(from, to).await? || self.fetch(from, to).await?;
        if renamed {
            // Or else it would still be read under its former name.
            self.other.delete(from).await?;
        }
        Ok(renamed)
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64> {
        let (main, other) = (self.main.sweep(before).await, self.other.sweep(before).await);
        Ok(main? + other?)
    }

    async fn check(&self) -> Result<()> {
        self.main.check().await?;
        self.other.check().await
    }

    /// An object may be in either, so it is read through memory.
    fn path(&self, _: &Key) -> Option<PathBuf> {
        None
    }

    async fn signed_get(&self, key: &Key, shown: Shown<'_>, lifetime: Duration) -> Result<Option<String>> {
        self.holder(key).await?.signed_get(key, shown, lifetime).await
    }

    async fn signed_put(
        &self,
        key: &Key,
        size: u64,
        sha256: Option<&[u8; 32]>,
        lifetime: Duration,
    ) -> Result<Option<SignedPut>> {
        self.main.signed_put(key, size, sha256, lifetime).await
    }

    /// An address from before objects moved is one of the second store.
    async fn arrived(&self, key: &Key) -> Result<Option<Reading>> {
        match self.main.arrived(key).await? {
            Some(reading) => Ok(Some(reading)),
            None => self.other.arrived(key).await,
        }
    }

    async fn decline(&self, key: &Key) -> Result<()> {
        self.other.decline(key).await?;
        self.main.decline(key).await
    }
}
