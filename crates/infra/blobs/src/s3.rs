//! The store in a bucket of a server that speaks the protocol of S3.
//!
//! Signing, retries and most requests are `object_store`'s. The bytes of uploads we send ourselves, to addresses that it
//! signs: it would hold each part, 5 MiB at least, in memory, and ours go through a file without a name.

mod arrived;
mod connect;
mod fault;
mod grow;
mod presign;
mod unfinished;
mod write;

use std::{
    fmt,
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Error, Result, Timestamp};
use clowder_media::{
    Blobs, Key,
    blobs::{ByteStream, Growing, Grown, Head, Listed, Reading, Shown, SignedPut, Writing},
};
use futures_util::{StreamExt, stream};
use http::Method;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt,
    aws::AmazonS3,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
    signer::{SignedUrlOptions, Signer},
};

use crate::{
    CHUNK,
    folder::create_folders,
    place::{Bucket, Credentials},
    within,
};

/// The maximum number of objects in one page of a list.
const PAGE: usize = 1000;

pub struct S3 {
    inner: Arc<Inner>,
    /// Signs addresses at which clients reach the server, if they do.
    public: Option<AmazonS3>,
}

struct Inner {
    store: AmazonS3,
    http: reqwest::Client,
    /// Of all keys: empty, or with a `/` at its end.
    prefix: String,
    /// For parts that are not sent yet.
    work: PathBuf,
}

impl S3 {
    /// Creates the folder `work` if it is missing; the server is asked for nothing.
    pub fn open(bucket: &Bucket, credentials: Option<Credentials>, work: &FilePath) -> Result<Self> {
        create_folders(work).map_err(|error| Error::file(work.display(), &error))?;
        let http = connect::client()?;
        let store = connect::store(bucket, bucket.endpoint.as_deref(), credentials.clone(), &http)?;
        let public = match (&bucket.public_endpoint, &bucket.endpoint) {
            (Some(public), _) => Some(connect::store(bucket, Some(public), credentials, &http)?),
            // AWS itself.
            (None, None) => Some(store.clone()),
            (None, Some(_)) => None,
        };
        let inner = Inner { store, http, prefix: bucket.prefix.clone(), work: work.to_owned() };
        Ok(Self { inner: Arc::new(inner), public })
    }
}

impl Inner {
    fn at(&self, key: &(impl fmt::Display + ?Sized)) -> Result<Path> {
        Path::parse(format!("{}{key}", self.prefix)).map_err(|error| Error::internal(format!("{key}: {error}")))
    }

    /// One page of a list; the prefix is that of keys in the bucket.
    async fn page(&self, prefix: &str, options: PaginatedListOptions) -> Result<(Vec<ObjectMeta>, Option<String>)> {
        let prefix = (!prefix.is_empty()).then_some(prefix);
        let page = self.store.list_paginated(prefix, options).await.map_err(|error| fault::of("the bucket", error))?;
        Ok((page.result.objects, page.page_token))
    }
}

/// `None` if there is no such object.
fn present<T>(key: &Key, result: object_store::Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        // There is no bucket either, then nothing is known of the object.
        Err(object_store::Error::NotFound { source, .. }) if source.to_string().contains("NoSuchBucket") => {
            Err(Error::internal(format!("{key}: there is no such bucket")))
        }
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(fault::of(key, error)),
    }
}

fn head(meta: &ObjectMeta) -> Head {
    Head { size: meta.size, modified: Timestamp::from_micros(meta.last_modified.timestamp_micros()) }
}

/// The same bytes in pieces that are not too large.
fn pieces(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(CHUNK))))
}

#[async_trait]
impl Blobs for S3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    async fn begin(&self, key: &Key) -> Result<Box<dyn Writing>> {
        Ok(Box::new(write::Begun::new(self.inner.clone(), self.inner.at(key)?)))
    }

    async fn grow(&self, key: &Key, grown: &Grown) -> Result<Box<dyn Growing>> {
        Ok(Box::new(grow::begin(self, key, grown).await?))
    }

    async fn complete(&self, key: &Key, grown: &Grown) -> Result<()> {
        grow::complete(self, key, grown).await
    }

    async fn abandon(&self, key: &Key, grown: &Grown) -> Result<()> {
        grow::abandon(self, key, grown).await
    }

    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>> {
        read(&self.inner, key, &self.inner.at(key)?, range).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>> {
        let meta = present(key, self.inner.store.head(&self.inner.at(key)?).await)?;
        Ok(meta.map(|meta| head(&meta)))
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        present(key, self.inner.store.delete(&self.inner.at(key)?).await).map(drop)
    }

    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>> {
        let prefix = format!("{}{prefix}", self.inner.prefix);
        let offset = after.map(|key| format!("{}{key}", self.inner.prefix));
        let (mut found, mut token) = (Vec::new(), None);
        while found.len() < limit {
            let max_keys = Some((limit - found.len()).min(PAGE));
            let options =
                PaginatedListOptions { offset: offset.clone(), max_keys, page_token: token, ..Default::default() };
            let (objects, next) = self.inner.page(&prefix, options).await?;
            // What has no key of ours is not ours.
            found.extend(objects.iter().filter_map(|meta| {
                let key = Key::new(meta.location.as_ref().strip_prefix(&self.inner.prefix)?).ok()?;
                Some(Listed { key, head: head(meta) })
            }));
            token = next;
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<bool> {
        let copied = self.inner.store.copy(&self.inner.at(from)?, &self.inner.at(to)?).await;
        Ok(present(from, copied)?.is_some())
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<bool> {
        if from == to {
            return Ok(self.head(from).await?.is_some());
        }
        let copied = self.copy(from, to).await?;
        if copied {
            self.delete(from).await?;
        }
        Ok(copied)
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64> {
        let (unfinished, arrived) =
            (unfinished::sweep(&self.inner, before).await, arrived::sweep(&self.inner, before).await);
        Ok(unfinished? + arrived?)
    }

    async fn check(&self) -> Result<()> {
        let one = PaginatedListOptions { max_keys: Some(1), ..Default::default() };
        self.inner.page(&self.inner.prefix, one).await.map(drop)
    }

    fn path(&self, _: &Key) -> Option<PathBuf> {
        None
    }

    async fn signed_get(&self, key: &Key, shown: Shown<'_>, lifetime: Duration) -> Result<Option<String>> {
        let Some(public) = &self.public else { return Ok(None) };
        let options = SignedUrlOptions::default().with_query([
            ("response-content-type", shown.content_type),
            ("response-content-disposition", shown.content_disposition),
            ("response-cache-control", shown.cache_control),
        ]);
        let signed = public.signed_url_opts(Method::GET, &self.inner.at(key)?, lifetime, &options).await;
        Ok(Some(signed.map_err(|error| fault::of(key, error))?.into()))
    }

    async fn signed_put(
        &self,
        key: &Key,
        size: u64,
        sha256: Option<&[u8; 32]>,
        lifetime: Duration,
    ) -> Result<Option<SignedPut>> {
        let Some(public) = &self.public else { return Ok(None) };
        arrived::sign(&self.inner, public, key, (size, sha256), lifetime).await.map(Some)
    }

    async fn arrived(&self, key: &Key) -> Result<Option<Reading>> {
        arrived::read(&self.inner, key).await
    }

    async fn decline(&self, key: &Key) -> Result<()> {
        arrived::decline(&self.inner, key).await
    }
}

/// Reads an object at its place. The key is for words about it.
async fn read(inner: &Inner, key: &Key, place: &Path, range: Option<Range<u64>>) -> Result<Option<Reading>> {
    // No server is asked for nothing.
    if let Some(range) = &range
        && range.is_empty()
    {
        within(key, Some(range.clone()), u64::MAX)?;
    }
    let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
    let Some(object) = present(key, inner.store.get_opts(place, options).await)? else {
        return Ok(None);
    };
    let head = head(&object.meta);
    let range = within(key, range, head.size)?;
    if object.range != range {
        return Err(Error::internal(format!("{key}: instead of {range:?}, the server sends {:?}", object.range)));
    }
    let key = key.clone();
    let bytes = object.into_stream().flat_map(move |piece| match piece {
        Ok(bytes) => stream::iter(pieces(bytes).map(Ok)).left_stream(),
        Err(error) => stream::iter([Err(fault::of(&key, error))]).right_stream(),
    });
    Ok(Some(Reading { head, range, bytes: whole(bytes.boxed()) }))
}

/// Ends after the first error.
fn whole(bytes: ByteStream) -> ByteStream {
    let pieces = stream::unfold(Some(bytes), |bytes| async move {
        let mut bytes = bytes?;
        let piece = bytes.next().await?;
        let rest = piece.is_ok().then_some(bytes);
        Some((piece, rest))
    });
    Box::pin(pieces)
}
