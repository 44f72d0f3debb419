//! Reading an object of a folder. The next piece is read while the last one is being sent.

use std::{
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use clowder_core::{Error, Result};
use clowder_media::{
    Key,
    blobs::{ByteStream, Reading},
};
use futures_util::stream;
use tokio::task::JoinHandle;

use super::{head, present};
use crate::{CHUNK, within};

/// A file from which this many octets are still to be read.
struct Rest {
    file: File,
    left: u64,
    name: Arc<str>,
}

/// The first piece is read at once, so a small file costs one change of threads.
pub fn open(root: &Path, path: &Path, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>> {
    let fault = |error: &std::io::Error| Error::file(path.display(), error);
    let Some(mut file) = present(root, path, File::open(path))? else { return Ok(None) };
    let metadata = file.metadata().map_err(|error| fault(&error))?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let head = head(&metadata).map_err(|error| fault(&error))?;
    let range = within(key, range, head.size)?;
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start)).map_err(|error| fault(&error))?;
    }
    let rest = Rest { file, left: range.end - range.start, name: key.as_str().into() };
    Ok(Some(Reading { head, range, bytes: rest.stream()? }))
}

impl Rest {
    fn piece(mut self) -> Result<(Bytes, Self)> {
        let size = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let mut piece = vec![0; size];
        self.file.read_exact(&mut piece).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::internal(format!("{} is shorter than it was", self.name)),
            _ => Error::file(&self.name, &error),
        })?;
        self.left -= size as u64;
        Ok((piece.into(), self))
    }

    fn stream(self) -> Result<ByteStream> {
        if self.left == 0 {
            return Ok(Box::pin(stream::empty()));
        }
        let first = self.piece()?;
        let following = |(piece, rest): (Bytes, Self)| (piece, (rest.left > 0).then(|| rest.ahead()));
        let pieces = stream::unfold(Some(State::Read(first)), move |state| async move {
            let read = match state? {
                State::Read(read) => Ok(read),
                State::Ahead(ahead) => ahead.await.unwrap_or_else(|error| Err(Error::internal(error.to_string()))),
            };
            match read.map(following) {
                Ok((piece, ahead)) => Some((Ok(piece), ahead.map(State::Ahead))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(Box::pin(pieces))
    }

    fn ahead(self) -> JoinHandle<Result<(Bytes, Self)>> {
        tokio::task::spawn_blocking(|| self.piece())
    }
}

/// The next piece.
enum State {
    Read((Bytes, Rest)),
    Ahead(JoinHandle<Result<(Bytes, Rest)>>),
}
