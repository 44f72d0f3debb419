//! The stores that the tests write to, and what they write.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use clowder_core::Timestamp;
use clowder_infra_blobs::{Both, Credentials, Place, open};
use clowder_media::{Blobs, Key, blobs::ByteStream};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

/// Later than everything.
pub const FOREVER: Timestamp = Timestamp::from_micros(i64::MAX);
/// Earlier than everything.
pub const NEVER: Timestamp = Timestamp::from_micros(0);

#[allow(clippy::disallowed_methods, reason = "tests find their services in the environment")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub fn needed(name: &str) -> String {
    setting(name).unwrap_or_else(|| panic!("{name} is not set: run `make test`, or `make services` for a shell"))
}

/// The key of a file, as the server makes them.
pub const OF_A_FILE: &str = "files/ab/01939d3c-0000-7000-8000-0000000000ab";

/// A store of its own for a test.
pub struct Store {
    pub blobs: Arc<dyn Blobs>,
    /// Its settings, for another process.
    pub url: String,
    pub folder: tempfile::TempDir,
}

pub fn folder() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().join("media").display());
    Store { blobs: opened(&url, folder.path()), url, folder }
}

pub fn s3() -> Store {
    let folder = tempfile::tempdir().unwrap();
    // The random name of the folder.
    let name = folder.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_owned();
    let url = needed("TEST_S3_URL").replacen('?', &format!("/{name}?"), 1);
    Store { blobs: opened(&url, folder.path()), url, folder }
}

/// Two folders as one store, as while objects move from one to the other.
pub fn both() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let [url, other] = ["media", "other"].map(|name| format!("file:{}", folder.path().join(name).display()));
    let blobs = Arc::new(Both::new(opened(&url, folder.path()), opened(&other, folder.path())));
    Store { blobs, url, folder }
}

pub fn credentials() -> Credentials {
    Credentials { key_id: needed("TEST_S3_KEY"), secret: needed("TEST_S3_SECRET"), token: None }
}

pub fn opened(url: &str, work: &Path) -> Arc<dyn Blobs> {
    let place = Place::parse(url, work).unwrap();
    let credentials = matches!(place, Place::S3(_)).then(credentials);
    open(&place, credentials, &work.join("work")).unwrap()
}

pub fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// Bytes that do not repeat, the same for the same seed.
pub fn noise(seed: u64, size: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(size + 32);
    for number in 0_u64.. {
        if bytes.len() >= size {
            break;
        }
        bytes.extend_from_slice(&Sha256::digest([seed.to_be_bytes(), number.to_be_bytes()].concat()));
    }
    bytes.truncate(size);
    bytes.into()
}

pub async fn write(blobs: &dyn Blobs, name: &str, bytes: Bytes) {
    let mut writing = blobs.begin(&key(name)).await.unwrap();
    writing.write(bytes).await.unwrap();
    writing.finish().await.unwrap();
}

pub async fn all(bytes: ByteStream) -> Bytes {
    let pieces: Vec<Bytes> = bytes.try_collect().await.unwrap();
    assert!(pieces.iter().all(|piece| (1..=256 << 10).contains(&piece.len())), "of 1 octet to 256 KiB");
    pieces.concat().into()
}

/// Everything of an object, if there is one.
pub async fn read(blobs: &dyn Blobs, name: &str) -> Option<Bytes> {
    let reading = blobs.read(&key(name), None).await.unwrap()?;
    assert_eq!(reading.range, 0..reading.head.size);
    Some(all(reading.bytes).await)
}

pub async fn names(blobs: &dyn Blobs, prefix: &str) -> Vec<String> {
    let listed = blobs.list(prefix, None, 10_000).await.unwrap();
    listed.into_iter().map(|one| one.key.to_string()).collect()
}

/// Waits until it is so, and fails after a while.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never: {what}");
}
