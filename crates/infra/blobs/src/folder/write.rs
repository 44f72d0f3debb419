//! An object of a folder that is being written: a file in `.begun`, which is renamed at the end.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    mem,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use clowder_core::{Error, Result};
use clowder_media::{Key, blobs::Writing};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{BEGUN, durable};
use crate::blocking;

/// How many octets are collected for one write to the disk. As many more may be on their way to it, for each object that is
/// being written.
const COLLECTED: usize = 64 << 10;

pub struct Begun {
    root: Arc<Path>,
    key: Key,
    /// The file in `.begun`.
    path: PathBuf,
    file: Arc<File>,
    /// What is collected for the next write to the disk, so that small pieces are cheap.
    next: Vec<u8>,
    /// The write to the disk that is going on.
    ongoing: Option<JoinHandle<io::Result<()>>>,
    failed: bool,
    /// Whether the file has its final name.
    placed: bool,
}

/// A new path in `.begun`.
pub fn begun(root: &Path) -> io::Result<PathBuf> {
    let mut name = [0; 16];
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    let name: String = name.iter().map(|octet| format!("{octet:02x}")).collect();
    Ok(root.join(BEGUN).join(name))
}

/// A new file in `.begun`.
pub fn create(root: &Path) -> io::Result<(PathBuf, File)> {
    let path = begun(root)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
}

impl Begun {
    pub async fn new(root: Arc<Path>, key: &Key) -> Result<Self> {
        let own = root.clone();
        let created = blocking(move || create(&own).map_err(|error| Error::file(own.join(BEGUN).display(), &error)));
        let (path, file) = created.await?;
        let file = Arc::new(file);
        let key = key.clone();
        Ok(Self { root, key, path, file, next: Vec::new(), ongoing: None, failed: false, placed: false })
    }

    /// Waits for the write that is going on.
    async fn settle(&mut self) -> Result<()> {
        let Some(ongoing) = self.ongoing.take() else { return Ok(()) };
        let written = ongoing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| self.fault(&error))
    }

    /// What comes in large pieces is written as it is.
    async fn add(&mut self, mut bytes: Bytes) -> Result<()> {
        while bytes.has_remaining() {
            let some = bytes.split_to(bytes.len().min(COLLECTED - self.next.len()));
            if some.len() == COLLECTED {
                self.write_next(some).await?;
                continue;
            }
            self.next.extend_from_slice(&some);
            if self.next.len() == COLLECTED {
                let full = mem::take(&mut self.next);
                self.write_next(full.into()).await?;
            }
        }
        Ok(())
    }

    async fn write_next(&mut self, full: Bytes) -> Result<()> {
        self.settle().await?;
        let file = self.file.clone();
        self.ongoing = Some(tokio::task::spawn_blocking(move || (&*file).write_all(&full)));
        Ok(())
    }

    fn fault(&self, error: &io::Error) -> Error {
        Error::file(self.path.display(), error)
    }

    fn still_whole(&self) -> Result<()> {
        match self.failed {
            true => Err(Error::internal(format!("{} is written on after an error", self.key))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Writing for Begun {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.still_whole()?;
        // Also if the caller gives up in the middle.
        self.failed = true;
        self.add(bytes).await?;
        self.failed = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<()> {
        self.still_whole()?;
        self.settle().await?;
        let (file, last) = (self.file.clone(), mem::take(&mut self.next));
        let (root, from, to) = (self.root.clone(), self.path.clone(), self.root.join(self.key.as_str()));
        let finish = move || {
            (&*file).write_all(&last)?;
            file.sync_all()?;
            durable::place(&root, &from, &to)
        };
        let finished = tokio::task::spawn_blocking(finish).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        finished.map_err(|error| self.fault(&error))?;
        self.placed = true;
        Ok(())
    }

    async fn abort(mut self: Box<Self>) {
        let _ = self.settle().await;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.placed {
            return;
        }
        let path = mem::take(&mut self.path);
        let remove = move || {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %error, "an unfinished file stays until it is swept");
            }
        };
        // A large file takes a while to be removed.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}
