//! Uploads that have begun and were neither finished nor aborted: the server keeps their parts until somebody asks.

use std::{str::FromStr, time::Duration};

use clowder_core::{Error, Result, Timestamp};
use clowder_media::Key;
use http::Method;
use object_store::{
    multipart::MultipartStore,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use serde::Deserialize;

use super::{Inner, fault};

/// How many uploads may fail to be aborted.
const GIVES_UP_AFTER: usize = 10;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
    initiated: String,
}

/// Aborts the uploads of files below our prefix that began before this time: others may use the same bucket. One that cannot be
/// aborted holds up no others, and is the error in the end; after several, it is the server, and the rest is left for later.
pub async fn sweep(inner: &Inner, before: Timestamp) -> Result<u64> {
    let (mut aborted, mut faults) = (0, Vec::new());
    let mut markers = (String::new(), String::new());
    loop {
        let page = page(inner, &markers).await?;
        for Upload { key, upload_id, initiated } in &page.uploads {
            let began = Timestamp::from_str(initiated);
            let began = began.map_err(|_| Error::internal(format!("an upload that began at {initiated:?}")))?;
            let ours = key.strip_prefix(&inner.prefix).and_then(|key| Key::new(key).ok());
            let is_due = ours.is_some_and(|key| key.is_of_a_file()) && began < before;
            let (Ok(path), true) = (Path::parse(key), is_due) else { continue };
            match inner.store.abort_multipart(&path, upload_id).await {
                Ok(()) => aborted += 1,
                // Finished or aborted meanwhile.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => faults.push(fault::of(key, error)),
            }
            if faults.len() == GIVES_UP_AFTER {
                break;
            }
        }
        let next = (page.next_key_marker, page.next_upload_id_marker);
        if !page.is_truncated || next == markers || faults.len() == GIVES_UP_AFTER {
            return faults.into_iter().next().map_or(Ok(aborted), Err);
        }
        markers = next;
    }
}

async fn page(inner: &Inner, (key, upload): &(String, String)) -> Result<Page> {
    let what = "the unfinished uploads";
    let mut query = vec![("uploads", ""), ("prefix", inner.prefix.as_str())];
    if !key.is_empty() {
        query.extend([("key-marker", key.as_str()), ("upload-id-marker", upload.as_str())]);
    }
    let options = SignedUrlOptions::default().with_query(query);
    // The bucket itself.
    let url = inner.store.signed_url_opts(Method::GET, &Path::default(), Duration::from_secs(60), &options).await;
    let url = url.map_err(|error| fault::of(what, error))?;
    let answer = inner.http.get(url).send().await.map_err(|error| fault::unanswered(what, error))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| fault::unanswered(what, error))?;
    if !status.is_success() {
        return Err(fault::answered(what, status, &body));
    }
    quick_xml::de::from_str(&body).map_err(|error| Error::internal(format!("{what}: {error}: {body}")))
}
