//! An object of S3 that is being written: in parts, each of which waits in a file without a name until it is complete,
//! because S3 wants to know its size first. What fits into one part is sent at the end, in a single request.

use std::{fs::File, io, mem, os::unix::fs::FileExt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use clowder_core::{Error, Result};
use clowder_media::blobs::Writing;
use futures_util::stream;
use http::{Method, StatusCode, header};
use object_store::{
    MultipartId,
    multipart::{MultipartStore, PartId},
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use reqwest::Body;
use tokio::runtime::Handle;

use super::{Inner, fault};
use crate::{CHUNK, blocking};

/// The size of all parts but the last; 10,000 of them make 80 GB. S3 allows no smaller ones than 5 MiB.
pub const PART: u64 = 8 << 20;
/// S3 allows no more.
const MOST_PARTS: usize = 10_000;
/// What is read from the file at once while a part is sent.
const PIECE: usize = 64 << 10;
/// How often a part is sent until it fails, and how long each of these may take.
const ATTEMPTS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Begun {
    inner: Arc<Inner>,
    path: Path,
    /// What is collected for the next write to the file.
    next: Vec<u8>,
    /// The part that is being collected, and how much of it is in the file.
    part: Option<Arc<File>>,
    size: u64,
    /// Once there is more than one part.
    upload: Option<MultipartId>,
    sent: Vec<PartId>,
    failed: bool,
    /// Whether the upload stays when this is dropped, because somebody else goes on with it.
    keeps: bool,
}

/// Where the bytes of a request are.
pub enum Source {
    Memory(Bytes),
    File(Arc<File>, u64),
}

impl Source {
    fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }

    fn body(&self) -> Body {
        match self {
            Self::Memory(bytes) => bytes.clone().into(),
            Self::File(file, size) => Body::wrap_stream(stream::try_unfold((file.clone(), 0, *size), read)),
        }
    }
}

/// The next piece of a file of this size.
async fn read((file, at, size): (Arc<File>, u64, u64)) -> Result<Option<(Bytes, (Arc<File>, u64, u64))>> {
    let length = usize::try_from(size - at).unwrap_or(PIECE).min(PIECE);
    if length == 0 {
        return Ok(None);
    }
    blocking(move || {
        let mut piece = vec![0; length];
        file.read_exact_at(&mut piece, at).map_err(|error| Error::file("a part", &error))?;
        Ok(Some((piece.into(), (file, at + length as u64, size))))
    })
    .await
}

impl Begun {
    pub fn new(inner: Arc<Inner>, path: Path) -> Self {
        Self {
            inner,
            path,
            next: Vec::new(),
            part: None,
            size: 0,
            upload: None,
            sent: Vec::new(),
            failed: false,
            keeps: false,
        }
    }

    /// Goes on with an upload that has these parts.
    pub fn resumed(inner: Arc<Inner>, path: Path, upload: Option<MultipartId>, parts: Vec<String>) -> Self {
        let mut begun = Self::new(inner, path);
        begun.keeps = upload.is_some();
        begun.upload = upload;
        begun.sent = parts.into_iter().map(|content_id| PartId { content_id }).collect();
        begun
    }

    pub fn inner(&self) -> Arc<Inner> {
        self.inner.clone()
    }

    /// The upload, and the parts that it has.
    pub fn so_far(&self) -> (Option<MultipartId>, Vec<String>) {
        (self.upload.clone(), self.sent.iter().map(|part| part.content_id.clone()).collect())
    }

    /// What is collected for the next part, if anything.
    pub async fn collected(&mut self) -> Result<Option<(Arc<File>, u64)>> {
        self.still_whole()?;
        if !self.next.is_empty() {
            self.put_aside().await?;
        }
        Ok(self.part.clone().filter(|_| self.size > 0).map(|part| (part, self.size)))
    }

    /// Sends the last part, and makes all of them the object.
    pub async fn complete_parts(mut self) -> Result<()> {
        if !self.next.is_empty() {
            self.put_aside().await?;
        }
        self.finish_parts().await
    }

    async fn finish_parts(&mut self) -> Result<()> {
        if self.size > 0 {
            self.send_part().await?;
        }
        let Some(upload) = self.upload.clone() else {
            return Err(Error::internal(format!("{} has no parts", self.path)));
        };
        let completed = self.inner.store.complete_multipart(&self.path, &upload, mem::take(&mut self.sent)).await;
        completed.map(drop).map_err(|error| fault::of(&self.path, error))
    }

    /// From now on, dropping it does not abort the upload.
    pub fn keep(&mut self) {
        self.keeps = true;
    }

    /// Moves what has been collected to the file.
    async fn put_aside(&mut self) -> Result<()> {
        let (work, part, at, mut next) =
            (self.inner.work.clone(), self.part.clone(), self.size, mem::take(&mut self.next));
        let written = blocking(move || {
            let fault = |error: &io::Error| Error::file(work.display(), error);
            let part = match part {
                Some(part) => part,
                None => Arc::new(tempfile::tempfile_in(&work).map_err(|error| fault(&error))?),
            };
            part.write_all_at(&next, at).map_err(|error| fault(&error))?;
            let size = at + next.len() as u64;
            next.clear();
            Ok((part, size, next))
        });
        let (part, size, next) = written.await?;
        (self.part, self.size, self.next) = (Some(part), size, next);
        Ok(())
    }

    async fn send_part(&mut self) -> Result<()> {
        let Some(file) = self.part.clone() else { return Ok(()) };
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                let created = self.inner.store.create_multipart(&self.path).await;
                self.upload.insert(created.map_err(|error| fault::of(&self.path, error))?).clone()
            }
        };
        if self.sent.len() == MOST_PARTS {
            return Err(Error::internal(format!("{} has more parts than S3 allows", self.path)));
        }
        let number = (self.sent.len() + 1).to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", upload.as_str())];
        let part = self.put(&query, &Source::File(file, self.size)).await?;
        self.sent.push(PartId { content_id: part });
        self.size = 0;
        Ok(())
    }

    pub async fn add(&mut self, mut bytes: Bytes) -> Result<()> {
        while bytes.has_remaining() {
            let some = bytes.split_to(bytes.len().min(CHUNK - self.next.len()));
            self.next.extend_from_slice(&some);
            if self.next.len() == CHUNK {
                self.put_aside().await?;
            }
            // Not before more comes, so that the last part is never empty.
            if self.size == PART && bytes.has_remaining() {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<()> {
        // A small object is not worth a file.
        if self.part.is_none() {
            let all = mem::take(&mut self.next).into();
            return self.put(&[], &Source::Memory(all)).await.map(drop);
        }
        self.put_aside().await?;
        if let (None, Some(file)) = (&self.upload, self.part.clone()) {
            return self.put(&[], &Source::File(file, self.size)).await.map(drop);
        }
        self.finish_parts().await?;
        self.upload = None;
        Ok(())
    }

    /// Adds bytes. After an error, or if the caller gives up in the middle, nothing can be added any more.
    pub async fn add_or_fail(&mut self, bytes: Bytes) -> Result<()> {
        self.still_whole()?;
        self.failed = true;
        self.add(bytes).await?;
        self.failed = false;
        Ok(())
    }

    /// Sends bytes, again if that may help, and returns the entity tag.
    pub async fn put(&self, query: &[(&str, &str)], source: &Source) -> Result<String> {
        let mut pause = Duration::from_millis(100);
        let mut attempt = 1;
        loop {
            match self.put_once(query, source).await {
                Err(error) if error.cause().is_some() && attempt < ATTEMPTS => {
                    tracing::debug!(path = %self.path, %error, attempt, "sending again");
                    tokio::time::sleep(pause).await;
                    (pause, attempt) = (pause * 3, attempt + 1);
                }
                done => return done,
            }
        }
    }

    async fn put_once(&self, query: &[(&str, &str)], source: &Source) -> Result<String> {
        let options = SignedUrlOptions::default().with_query(query.iter().copied());
        // Longer than it may take, because the clock of the server may be behind or ahead.
        let url = self.inner.store.signed_url_opts(Method::PUT, &self.path, PATIENCE * 10, &options).await;
        let url = url.map_err(|error| fault::of(&self.path, error))?;
        let request = self.inner.http.put(url).header(header::CONTENT_LENGTH, source.size());
        let answer = request.body(source.body()).timeout(PATIENCE).send().await;
        let answer = answer.map_err(|error| fault::unanswered(&self.path, error))?;
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            return Err(fault::answered(&self.path, status, &answer.text().await.unwrap_or_default()));
        }
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        tag.map(str::to_owned).ok_or_else(|| Error::internal(format!("{}: the server gives no ETag", self.path)))
    }

    fn still_whole(&self) -> Result<()> {
        match self.failed {
            true => Err(Error::internal(format!("{} is written on after an error", self.path))),
            false => Ok(()),
        }
    }
}

async fn abort(inner: Arc<Inner>, path: Path, upload: MultipartId) {
    if let Err(error) = inner.store.abort_multipart(&path, &upload).await {
        tracing::warn!(%path, %error, "an unfinished upload stays until it is swept");
    }
}

#[async_trait]
impl Writing for Begun {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.add_or_fail(bytes).await
    }

    async fn finish(mut self: Box<Self>) -> Result<()> {
        self.still_whole()?;
        self.complete().await
    }

    async fn abort(mut self: Box<Self>) {
        if let Some(upload) = self.upload.take() {
            abort(self.inner.clone(), self.path.clone(), upload).await;
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let upload = self.upload.take().filter(|_| !self.keeps);
        if let (Some(upload), Ok(runtime)) = (upload, Handle::try_current()) {
            runtime.spawn(abort(self.inner.clone(), self.path.clone(), upload));
        }
    }
}
