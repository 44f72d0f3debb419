//! A folder of this machine for one file while it is examined, and the ways between it and the store.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use clowder_core::{Error, Result, Timestamp};
use clowder_media::{Blobs, Key, blobs::Writing};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, task::spawn_blocking};

/// How old a folder is that a process has left behind: no examination takes so long.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);
/// How much is read or written at once, in octets.
const PIECE: usize = 256 << 10;

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Workplace(PathBuf);

impl Workplace {
    /// A new folder below `root` with this name, which nothing else has. Removes those that processes have left behind.
    pub async fn prepare(root: &Path, name: &str, now: Timestamp) -> Result<Self> {
        let (root, folder) = (root.to_owned(), root.join(name));
        let prepare = move || -> Result<Self> {
            let fault = |error: io::Error| Error::file(folder.display(), &error);
            clear(&root, now.minus(LEFT_BEHIND));
            let place = Self(folder.clone());
            DirBuilder::new().recursive(true).mode(0o700).create(place.results()).map_err(fault)?;
            Ok(place)
        };
        on_a_thread(prepare).await
    }

    /// Where a file of a distant store goes.
    pub fn file(&self) -> PathBuf {
        self.0.join("file")
    }

    /// An empty folder for what is made of the file.
    pub fn results(&self) -> PathBuf {
        self.0.join("made")
    }

    /// Fetches a file from the store; `false` if it is not there.
    pub async fn fetch(&self, blobs: &dyn Blobs, key: &Key) -> Result<bool> {
        let Some(mut reading) = blobs.read(key, None).await? else { return Ok(false) };
        let path = self.file();
        let mut file =
            on_a_thread(move || File::create(&path).map_err(|error| Error::file(path.display(), &error))).await?;
        while let Some(piece) = reading.bytes.next().await {
            let piece = piece?;
            let write = move || match file.write_all(&piece) {
                Ok(()) => Ok(file),
                Err(error) => Err(Error::file("a file that is examined", &error)),
            };
            file = on_a_thread(write).await?;
        }
        Ok(true)
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let folder = std::mem::take(&mut self.0);
        let remove = move || _ = fs::remove_dir_all(folder);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// Whatever cannot be removed stays until the next time.
fn clear(root: &Path, before: Timestamp) {
    let before = UNIX_EPOCH + Duration::from_micros(u64::try_from(before.as_micros()).unwrap_or(0));
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|entry| entry.modified());
        if modified.is_ok_and(|modified| modified < before) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The length and the SHA-256 of a file.
pub async fn hash(path: PathBuf) -> Result<(i64, [u8; 32])> {
    let hash = move || -> Result<(i64, [u8; 32])> {
        let mut file = File::open(&path).map_err(|error| Error::file(path.display(), &error))?;
        let (mut hash, mut length) = (Sha256::new(), 0);
        loop {
            let piece = next_piece(&mut file)?;
            if piece.is_empty() {
                break;
            }
            hash.update(&piece);
            length += i64::try_from(piece.len()).map_err(|_| Error::internal("a piece of too many octets"))?;
        }
        Ok((length, hash.finalize().into()))
    };
    on_a_thread(hash).await
}

/// Stores a file of this machine under this key.
pub async fn store(blobs: &dyn Blobs, key: &Key, path: PathBuf) -> Result<()> {
    let mut writing = blobs.begin(key).await?;
    match pass_on(&mut *writing, path).await {
        Ok(()) => writing.finish().await,
        Err(error) => {
            writing.abort().await;
            Err(error)
        }
    }
}

async fn pass_on(writing: &mut dyn Writing, path: PathBuf) -> Result<()> {
    let mut file = on_a_thread(move || File::open(&path).map_err(|error| Error::file(path.display(), &error))).await?;
    loop {
        let read = move || next_piece(&mut file).map(|piece| (file, piece));
        let (rest, piece) = on_a_thread(read).await?;
        if piece.is_empty() {
            return Ok(());
        }
        file = rest;
        writing.write(Bytes::from(piece)).await?;
    }
}

/// Empty at the end.
fn next_piece(file: &mut File) -> Result<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    let read = loop {
        match file.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    piece.truncate(read.map_err(|error| Error::file("a file of this machine", &error))?);
    Ok(piece)
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::internal(format!("a file that is examined: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_goes_with_its_examination_or_an_hour_later() {
        let root = tempfile::tempdir().unwrap();
        let now = Timestamp::from_micros(4_000_000_000_000_000);
        let left = Workplace::prepare(root.path(), "left", Timestamp::from_micros(0)).await.unwrap();
        let place = Workplace::prepare(root.path(), "a", Timestamp::from_micros(0)).await.unwrap();
        assert!(left.results().is_dir() && place.results().is_dir(), "both are in use");
        std::mem::forget(left);
        drop(place);
        while root.path().join("a").exists() {
            tokio::task::yield_now().await;
        }
        // Far in the future, everything is old.
        let _other = Workplace::prepare(root.path(), "b", now).await.unwrap();
        assert!(!root.path().join("left").exists() && root.path().join("b").is_dir());
    }

    #[tokio::test]
    async fn the_hash_is_that_of_the_content() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        fs::write(&path, b"abc").unwrap();
        let (length, hash) = hash(path).await.unwrap();
        assert_eq!((length, &hash[..4]), (3, [0xba, 0x78, 0x16, 0xbf].as_slice()));
    }
}
