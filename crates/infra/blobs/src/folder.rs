//! The store in a folder. An object is a file below it, named by its key; `.begun` has what is being written, and `.growing` what
//! is written in several calls.
//!
//! A file gets its name only after it has been fsynced, by a rename, and then the folders up to the root are fsynced too.
//! So after a crash it is there whole or not at all. If the folder lies on a disk that has been unmounted, `.begun` is
//! missing, and every call fails instead of saying that there is no such object.

mod durable;
mod grow;
mod read;
mod walk;
mod write;

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use clowder_core::{Cause, Error, Result, Timestamp};
use clowder_media::{
    Blobs, Key,
    blobs::{Growing, Grown, Head, Listed, Reading, Shown, SignedPut, Writing},
};

use crate::blocking;

pub(crate) use durable::create_folders;

/// The folder of what is being written. No key begins with a dot.
const BEGUN: &str = ".begun";
/// The folder of what grows.
const GROWING: &str = ".growing";

/// With less room than this, the store is not ready. The database has the same limit.
const LEAST_FREE: u64 = 1 << 20;

pub struct Folder {
    root: Arc<Path>,
}

impl Folder {
    /// Creates the folder if it is missing; only the server's own user can read it.
    pub fn open(root: &Path) -> Result<Self> {
        let created = [BEGUN, GROWING].into_iter().try_for_each(|folder| create_folders(&root.join(folder)));
        let opened = created.and_then(|()| fs::canonicalize(root));
        let root = opened.map_err(|error| Error::file(format_args!("the folder {}", root.display()), &error))?;
        Ok(Self { root: root.into() })
    }

    /// Calls `work` with the root and the path of the object.
    async fn with<T: Send + 'static>(
        &self,
        key: &Key,
        work: impl FnOnce(&Path, &Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, path) = (self.root.clone(), self.root.join(key.as_str()));
        blocking(move || work(&root, &path)).await
    }

    async fn place_again(
        &self,
        from: &Key,
        to: &Key,
        place: fn(&Path, &Path, &Path) -> io::Result<()>,
    ) -> Result<bool> {
        let to = to.clone();
        self.with(from, move |root, from| {
            let placed = present(root, from, place(root, from, &root.join(to.as_str())))?;
            Ok(placed.is_some())
        })
        .await
    }
}

/// `None` if the file does not exist, although the store does.
fn present<T>(root: &Path, path: &Path, result: io::Result<T>) -> Result<Option<T>> {
    let fault = |error: &io::Error| Error::file(path.display(), error);
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            fs::metadata(root.join(BEGUN)).map(|_| None).map_err(|error| fault(&error))
        }
        Err(error) => Err(fault(&error)),
    }
}

fn head(metadata: &fs::Metadata) -> io::Result<Head> {
    let since = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Head { size: metadata.len(), modified: Timestamp::from_micros(0).plus(since) })
}

#[async_trait]
impl Blobs for Folder {
    fn name(&self) -> &'static str {
        "folder"
    }

    async fn begin(&self, key: &Key) -> Result<Box<dyn Writing>> {
        Ok(Box::new(write::Begun::new(self.root.clone(), key).await?))
    }

    async fn grow(&self, key: &Key, grown: &Grown) -> Result<Box<dyn Growing>> {
        Ok(Box::new(grow::Growth::new(self.root.clone(), key, grown.size).await?))
    }

    async fn complete(&self, key: &Key, grown: &Grown) -> Result<()> {
        let (root, key, size) = (self.root.clone(), key.clone(), grown.size);
        blocking(move || grow::complete(&root, &key, size)).await
    }

    async fn abandon(&self, key: &Key, _: &Grown) -> Result<()> {
        let (root, key) = (self.root.clone(), key.clone());
        blocking(move || grow::abandon(&root, &key)).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>> {
        let own = key.clone();
        self.with(key, move |root, path| read::open(root, path, &own, range)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>> {
        self.with(key, |root, path| {
            let metadata = present(root, path, fs::symlink_metadata(path))?;
            let head = metadata.filter(fs::Metadata::is_file).map(|metadata| head(&metadata)).transpose();
            head.map_err(|error| Error::file(path.display(), &error))
        })
        .await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.with(key, |root, path| present(root, path, durable::remove(root, path)).map(drop)).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>> {
        let (root, prefix, after) = (self.root.clone(), prefix.to_owned(), after.cloned());
        blocking(move || walk::list(&root, &prefix, after.as_ref(), limit)).await
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<bool> {
        self.place_again(from, to, durable::link).await
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<bool> {
        self.place_again(from, to, durable::rename).await
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64> {
        let folders = [BEGUN, GROWING].map(|folder| self.root.join(folder));
        blocking(move || {
            let sweep =
                |folder: &PathBuf| walk::sweep(folder, before).map_err(|error| Error::file(folder.display(), &error));
            // Both, whatever becomes of the first.
            let [begun, growing] = folders.each_ref().map(sweep);
            Ok(begun? + growing?)
        })
        .await
    }

    async fn check(&self) -> Result<()> {
        let root = self.root.clone();
        blocking(move || {
            let fault = |error: &io::Error| Error::file(root.display(), error);
            let (path, file) = write::create(&root).map_err(|error| fault(&error))?;
            drop(file);
            fs::remove_file(path).map_err(|error| fault(&error))?;
            let disk = rustix::fs::statvfs(&*root).map_err(|error| fault(&error.into()))?;
            match disk.f_bavail.saturating_mul(disk.f_frsize) < LEAST_FREE {
                true => Err(Error::outage(Cause::Full, "less than 1 MiB is left on the disk of the files")),
                false => Ok(()),
            }
        })
        .await
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.root.join(key.as_str()))
    }

    async fn signed_get(&self, _: &Key, _: Shown<'_>, _: Duration) -> Result<Option<String>> {
        Ok(None)
    }

    async fn signed_put(&self, _: &Key, _: u64, _: Option<&[u8; 32]>, _: Duration) -> Result<Option<SignedPut>> {
        Ok(None)
    }

    async fn arrived(&self, _: &Key) -> Result<Option<Reading>> {
        Ok(None)
    }

    async fn decline(&self, _: &Key) -> Result<()> {
        Ok(())
    }
}
