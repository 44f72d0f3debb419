//! A folder that clients reach, as they reach a bucket: what they upload arrives beside the objects.

use std::{fs, ops::Range, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{Result, Timestamp};
use clowder_media::{
    Blobs, DirectUpload, Key,
    blobs::{Growing, Grown, Head, Listed, Reading, Shown, SignedPut, Writing},
};

pub struct Reached(pub Arc<dyn Blobs>);

fn incoming(key: &Key) -> Result<Key> {
    Key::new(format!("incoming/{key}"))
}

/// Uploads as a client does, whatever was announced.
pub fn send(upload: &DirectUpload, content: &[u8]) {
    let path = PathBuf::from(upload.url.strip_prefix("file://").unwrap());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Whether something has arrived and is still there.
pub fn has_arrived(upload: &DirectUpload) -> bool {
    PathBuf::from(upload.url.strip_prefix("file://").unwrap()).exists()
}

#[async_trait]
impl Blobs for Reached {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn begin(&self, key: &Key) -> Result<Box<dyn Writing>> {
        self.0.begin(key).await
    }

    async fn grow(&self, key: &Key, grown: &Grown) -> Result<Box<dyn Growing>> {
        self.0.grow(key, grown).await
    }

    async fn complete(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.0.complete(key, grown).await
    }

    async fn abandon(&self, key: &Key, grown: &Grown) -> Result<()> {
        self.0.abandon(key, grown).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>> {
        self.0.read(key, range).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>> {
        self.0.head(key).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.0.delete(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>> {
        self.0.list(prefix, after, limit).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<bool> {
        self.0.copy(from, to).await
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<bool> {
        self.0.rename(from, to).await
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64> {
        self.0.sweep(before).await
    }

    async fn check(&self) -> Result<()> {
        self.0.check().await
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        self.0.path(key)
    }

    async fn signed_get(&self, key: &Key, shown: Shown<'_>, lifetime: Duration) -> Result<Option<String>> {
        self.0.signed_get(key, shown, lifetime).await
    }

    async fn signed_put(&self, key: &Key, size: u64, _: Option<&[u8; 32]>, _: Duration) -> Result<Option<SignedPut>> {
        let path = self.0.path(&incoming(key)?);
        let headers = vec![("Content-Length", size.to_string())];
        Ok(path.map(|path| SignedPut { url: format!("file://{}", path.display()), headers }))
    }

    async fn arrived(&self, key: &Key) -> Result<Option<Reading>> {
        self.0.read(&incoming(key)?, None).await
    }

    async fn decline(&self, key: &Key) -> Result<()> {
        self.0.delete(&incoming(key)?).await
    }
}
