//! An object of a folder that grows: a file in `.growing`, to which bytes are appended. Whoever writes to it holds its lock, so
//! that nobody else does, in whatever process; the lock goes with the process.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Seek, SeekFrom, Write},
    mem,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use clowder_core::{Cause, Error, Result};
use clowder_media::{
    Key,
    blobs::{Growing, Grown},
};
use tokio::task::JoinHandle;

use super::{GROWING, durable, present};
use crate::{CHUNK, blocking};

pub struct Growth {
    path: PathBuf,
    /// Locked until it is closed.
    file: Arc<File>,
    /// What is collected for the next write to the disk.
    next: Vec<u8>,
    /// The write to the disk that is going on, which gives its buffer back.
    ongoing: Option<JoinHandle<io::Result<Vec<u8>>>>,
    /// With all that was written, whether it is on the disk or not.
    size: u64,
    failed: bool,
}

/// Where an object grows. No key has a tilde.
fn place_of(root: &Path, key: &Key) -> PathBuf {
    root.join(GROWING).join(key.as_str().replace('/', "~"))
}

/// The file, locked, with exactly so many octets; a new one if these are none.
fn take(path: &Path, size: u64) -> Result<File> {
    let fault = |error: &io::Error| Error::file(path.display(), error);
    let is_new = size == 0 && !path.exists();
    let opened = OpenOptions::new().read(true).write(true).create(size == 0).truncate(false).mode(0o600).open(path);
    let mut file = opened.map_err(|error| fault(&error))?;
    let busy = || Error::outage(Cause::Contended, format!("{}: somebody else is writing to it", path.display()));
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy()),
        Err(TryLockError::Error(error)) => return Err(fault(&error)),
    }
    let own = file.metadata().map_err(|error| fault(&error))?;
    // It may have been completed or abandoned before it was locked.
    let is_same = |there: fs::Metadata| (there.dev(), there.ino()) == (own.dev(), own.ino());
    if !fs::symlink_metadata(path).is_ok_and(is_same) {
        return Err(busy());
    }
    if own.len() < size {
        return Err(Error::internal(format!("{} has {} octets and not {size}", path.display(), own.len())));
    }
    let set = file.set_len(size).and_then(|()| file.seek(SeekFrom::Start(size)));
    set.map_err(|error| fault(&error))?;
    if let (true, Some(folder)) = (is_new, path.parent()) {
        durable::sync(folder).map_err(|error| fault(&error))?;
    }
    Ok(file)
}

/// Gives what has grown its name.
pub fn complete(root: &Path, key: &Key, size: u64) -> Result<()> {
    let (from, to) = (place_of(root, key), root.join(key.as_str()));
    if present(root, &from, fs::symlink_metadata(&from))?.is_none() {
        let done = present(root, &to, fs::symlink_metadata(&to))?;
        return match done.is_some_and(|done| done.is_file() && done.len() == size) {
            true => Ok(()),
            false => Err(Error::internal(format!("nothing of {key} has grown"))),
        };
    }
    let file = take(&from, size)?;
    let placed = file.sync_all().and_then(|()| durable::place(root, &from, &to));
    placed.map_err(|error| Error::file(to.display(), &error))
}

pub fn abandon(root: &Path, key: &Key) -> Result<()> {
    let path = place_of(root, key);
    present(root, &path, fs::remove_file(&path)).map(drop)
}

impl Growth {
    pub async fn new(root: Arc<Path>, key: &Key, size: u64) -> Result<Self> {
        let path = place_of(&root, key);
        let taken = path.clone();
        let file = Arc::new(blocking(move || take(&taken, size)).await?);
        Ok(Self { path, file, next: Vec::new(), ongoing: None, size, failed: false })
    }

    /// Waits for the write that is going on, and gives its buffer back.
    async fn written(&mut self) -> Result<Vec<u8>> {
        let Some(ongoing) = self.ongoing.take() else { return Ok(Vec::new()) };
        let written = ongoing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| self.fault(&error))
    }

    async fn add(&mut self, mut bytes: Bytes) -> Result<()> {
        while bytes.has_remaining() {
            let some = bytes.split_to(bytes.len().min(CHUNK - self.next.len()));
            self.next.extend_from_slice(&some);
            self.size += some.len() as u64;
            if self.next.len() == CHUNK {
                let spare = self.written().await?;
                let mut full = mem::replace(&mut self.next, spare);
                let file = self.file.clone();
                self.ongoing = Some(tokio::task::spawn_blocking(move || {
                    (&*file).write_all(&full)?;
                    full.clear();
                    Ok(full)
                }));
            }
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<()> {
        self.written().await?;
        let (file, last) = (self.file.clone(), mem::take(&mut self.next));
        let sync = move || (&*file).write_all(&last).and_then(|()| file.sync_all());
        let synced = tokio::task::spawn_blocking(sync).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        synced.map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &io::Error) -> Error {
        match error.kind() {
            ErrorKind::NotFound => Error::internal(format!("{} is gone", self.path.display())),
            _ => Error::file(self.path.display(), error),
        }
    }

    fn still_whole(&self) -> Result<()> {
        match self.failed {
            true => Err(Error::internal(format!("{} is written on after an error", self.path.display()))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Growing for Growth {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.still_whole()?;
        // Also if the caller gives up in the middle.
        self.failed = true;
        self.add(bytes).await?;
        self.failed = false;
        Ok(())
    }

    async fn settle(&mut self, _: bool) -> Result<Grown> {
        self.still_whole()?;
        self.failed = true;
        self.sync().await?;
        self.failed = false;
        Ok(Grown { size: self.size, state: String::new() })
    }
}
