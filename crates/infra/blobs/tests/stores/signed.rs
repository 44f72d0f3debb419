//! Addresses at which clients read and upload without us.

use std::time::Duration;

use clowder_media::blobs::Shown;
use sha2::{Digest, Sha256};

use super::stores::{FOREVER, NEVER, Store, all, folder, key, names, noise, opened, read, s3, write};

const MINUTE: Duration = Duration::from_secs(60);
const SHOWN: Shown<'static> = Shown {
    content_type: "image/png",
    content_disposition: "inline; filename=\"a b.png\"; filename*=UTF-8''%C3%A4%20b.png",
    cache_control: "private, max-age=900",
};

#[tokio::test]
async fn what_clients_do_not_reach_signs_nothing() {
    for store in [folder(), s3()] {
        assert_eq!(store.blobs.signed_get(&key("a"), SHOWN, MINUTE).await.unwrap(), None);
        assert_eq!(store.blobs.signed_put(&key("a"), 1, None, MINUTE).await.unwrap(), None);
        assert!(store.blobs.arrived(&key("a")).await.unwrap().is_none());
        store.blobs.decline(&key("a")).await.unwrap();
    }
}

/// A server of S3 that clients reach under the same address.
fn public() -> Store {
    let Store { url, folder, .. } = s3();
    let (_, endpoint) = url.split_once("?endpoint=").unwrap();
    let url = format!("{url}&public_endpoint={endpoint}");
    Store { blobs: opened(&url, folder.path()), url, folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_to_read_at() {
    let store = public();
    write(&*store.blobs, "a/b", noise(1, 1000)).await;
    let url = store.blobs.signed_get(&key("a/b"), SHOWN, MINUTE).await.unwrap().unwrap();
    let http = reqwest_client();
    let answer = http.get(&url).header("Range", "bytes=10-19").send().await.unwrap();
    assert_eq!(answer.status(), 206);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), SHOWN.content_type);
    assert_eq!(header("content-disposition"), SHOWN.content_disposition);
    assert_eq!(header("cache-control"), SHOWN.cache_control);
    assert_eq!(answer.bytes().await.unwrap(), noise(1, 1000).slice(10..20));

    // What is signed cannot be changed.
    for (from, to) in [("a/b", "a/c"), ("image%2Fpng", "text%2Fhtml"), ("Expires=60", "Expires=600")] {
        assert!(url.contains(from), "{url}");
        let status = http.get(url.replacen(from, to, 1)).send().await.unwrap().status();
        assert_eq!(status, 403, "{from} → {to}");
    }
    assert_eq!(http.delete(&url).send().await.unwrap().status(), 403);
}

/// Uploads to a new address for an object `up` of this size, and answers with the status.
async fn send(store: &Store, size: u64, sha256: Option<&[u8; 32]>, bytes: bytes::Bytes) -> u16 {
    let put = store.blobs.signed_put(&key("up"), size, sha256, MINUTE).await.unwrap().unwrap();
    let headers = put.headers.iter().filter(|(name, _)| *name != "Content-Length");
    let request = headers.fold(reqwest_client().put(&put.url), |request, (name, value)| request.header(*name, value));
    request.body(bytes).send().await.unwrap().status().as_u16()
}

/// What has arrived for the object `up`.
async fn arrived(store: &Store) -> Option<bytes::Bytes> {
    Some(all(store.blobs.arrived(&key("up")).await.unwrap()?.bytes).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_to_upload_to() {
    let store = public();
    let bytes = noise(2, 5000);
    let put = store.blobs.signed_put(&key("up"), 5000, None, MINUTE).await.unwrap().unwrap();
    let expected = [("Content-Length", "5000"), ("Content-Type", "application/octet-stream")];
    assert_eq!(put.headers, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(send(&store, 5000, None, bytes.slice(..4999)).await, 403);
    assert_eq!(send(&store, 5000, None, noise(2, 5001)).await, 403);
    let other = reqwest_client().put(&put.url).header("Content-Type", "text/html").body(bytes.clone()).send();
    assert_eq!(other.await.unwrap().status(), 403);
    assert_eq!(arrived(&store).await, None);

    // What has arrived is no object, whatever happens to it.
    assert_eq!(send(&store, 5000, None, bytes.clone()).await, 200);
    assert_eq!(arrived(&store).await.unwrap(), bytes);
    assert_eq!(read(&*store.blobs, "up").await, None);
    assert!(names(&*store.blobs, "").await.is_empty());
    write(&*store.blobs, "up", bytes.clone()).await;
    assert_eq!(send(&store, 5000, None, noise(3, 5000)).await, 200);
    assert_eq!(arrived(&store).await.unwrap(), noise(3, 5000));
    store.blobs.decline(&key("up")).await.unwrap();
    assert_eq!(arrived(&store).await, None);

    // What nobody has declined is swept.
    assert_eq!(send(&store, 5000, None, noise(3, 5000)).await, 200);
    assert_eq!(store.blobs.sweep(NEVER).await.unwrap(), 0);
    assert_eq!(store.blobs.sweep(FOREVER).await.unwrap(), 1);
    assert_eq!(arrived(&store).await, None);
    assert_eq!(read(&*store.blobs, "up").await.unwrap(), bytes);
    assert_eq!(names(&*store.blobs, "").await, ["up"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_for_content_that_is_known() {
    let store = public();
    let bytes = noise(4, 1000);
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let put = store.blobs.signed_put(&key("up"), 1000, Some(&sha256), MINUTE).await.unwrap().unwrap();
    assert_eq!(put.headers[2].0, "x-amz-checksum-sha256");
    let without = reqwest_client().put(&put.url).header("Content-Type", "application/octet-stream");
    assert_eq!(without.body(bytes.clone()).send().await.unwrap().status(), 403, "the header is signed");
    assert_eq!(send(&store, 1000, Some(&sha256), bytes.clone()).await, 200);
    assert_eq!(arrived(&store).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_for_the_public_name_of_the_server() {
    let Store { url, folder, .. } = s3();
    let blobs = opened(&format!("{url}&public_endpoint=https://files.example.org"), folder.path());
    let get = blobs.signed_get(&key("a"), SHOWN, MINUTE).await.unwrap().unwrap();
    let put = blobs.signed_put(&key("a"), 1, None, MINUTE).await.unwrap().unwrap();
    assert!(
        get.starts_with("https://files.example.org/tests/") && put.url.starts_with("https://files.example.org/tests/")
    );
    // All else goes to the other.
    blobs.check().await.unwrap();
}

fn reqwest_client() -> reqwest::Client {
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
}
