//! What clients upload to addresses that we have signed. It arrives beside the objects, under names that are no keys.
//! It is no object: whoever has the address can replace it as long as that is good. Nor is it copied to an object by the
//! server of S3, which may carry out a copy late, when something else is there.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use clowder_core::{Result, Timestamp};
use clowder_media::{
    Key,
    blobs::{Reading, SignedPut},
};
use http::Method;
use object_store::{
    ObjectStoreExt,
    aws::AmazonS3,
    list::PaginatedListOptions,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};

use super::{Inner, PAGE, fault, head, present, presign};

/// Where it arrives. A key has no segment that begins like this, so no list of objects has it.
const INCOMING: &str = ".incoming/";
/// Whatever it is called, a browser that reads it in the bucket runs nothing.
const OCTETS: &str = "application/octet-stream";
/// How many may fail to be removed until the rest is left for later.
const GIVES_UP_AFTER: usize = 10;

fn at(inner: &Inner, key: &Key) -> Result<Path> {
    inner.at(&format!("{INCOMING}{key}"))
}

pub async fn sign(
    inner: &Inner,
    public: &AmazonS3,
    key: &Key,
    (size, sha256): (u64, Option<&[u8; 32]>),
    lifetime: Duration,
) -> Result<SignedPut> {
    let options = SignedUrlOptions::default();
    let url = public.signed_url_opts(Method::PUT, &at(inner, key)?, lifetime, &options).await;
    let url = String::from(url.map_err(|error| fault::of(key, error))?);
    let credential = public.credentials().get_credential().await.map_err(|error| fault::of(key, error))?;
    let mut headers = vec![("Content-Length", size.to_string()), ("Content-Type", OCTETS.to_owned())];
    // A server of S3 that knows checksums refuses other content; one that does not ignores this.
    headers.extend(sha256.map(|sha256| ("x-amz-checksum-sha256", BASE64.encode(sha256))));
    let lowercase: Vec<_> = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let signed: Vec<_> = lowercase.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = presign::sign("PUT", &url, &signed, &credential)?;
    Ok(SignedPut { url, headers })
}

pub async fn read(inner: &Inner, key: &Key) -> Result<Option<Reading>> {
    super::read(inner, key, &at(inner, key)?, None).await
}

pub async fn decline(inner: &Inner, key: &Key) -> Result<()> {
    present(key, inner.store.delete(&at(inner, key)?).await).map(drop)
}

/// Removes what arrived before this time. What cannot be removed holds up no others, and is the error in the end.
pub async fn sweep(inner: &Inner, before: Timestamp) -> Result<u64> {
    let prefix = format!("{}{INCOMING}", inner.prefix);
    let (mut removed, mut faults, mut token) = (0, Vec::new(), None);
    loop {
        let options = PaginatedListOptions { max_keys: Some(PAGE), page_token: token, ..Default::default() };
        let (arrived, next) = inner.page(&prefix, options).await?;
        for meta in arrived.iter().filter(|meta| head(meta).modified < before) {
            match inner.store.delete(&meta.location).await {
                Ok(()) => removed += 1,
                // Declined meanwhile.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => faults.push(fault::of(&meta.location, error)),
            }
            if faults.len() == GIVES_UP_AFTER {
                break;
            }
        }
        token = next;
        if token.is_none() || faults.len() == GIVES_UP_AFTER {
            return faults.into_iter().next().map_or(Ok(removed), Err);
        }
    }
}
