//! Connections to a server of S3.

use std::{sync::Arc, time::Duration};

use clowder_core::{Error, Result};
use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{HttpClient, HttpConnector},
};

use super::fault;
use crate::place::{Bucket, Credentials};

/// A server that does not answer delays a request by a few seconds, and a request that fails is repeated.
const CONNECT: Duration = Duration::from_secs(3);
const SILENCE: Duration = Duration::from_secs(10);
const RETRIES: usize = 3;
const RETRY_FOR: Duration = Duration::from_secs(5);

/// Both stores and the uploads share the connections.
#[derive(Debug)]
struct Shared(reqwest::Client);

impl HttpConnector for Shared {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

pub fn client() -> Result<reqwest::Client> {
    let mut roots = rustls::RootCertStore::empty();
    // Without any, only plain connections work.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal(format!("TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        // What is signed is meant for this server.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Error::internal(format!("HTTP client: {error}")))
}

pub fn store(
    bucket: &Bucket,
    endpoint: Option<&str>,
    credentials: Option<Credentials>,
    http: &reqwest::Client,
) -> Result<AmazonS3> {
    let mut builder = match credentials {
        Some(Credentials { key_id, secret, token }) => {
            let builder = AmazonS3Builder::new().with_access_key_id(key_id).with_secret_access_key(secret);
            token.into_iter().fold(builder, AmazonS3Builder::with_token)
        }
        None => AmazonS3Builder::from_env(),
    };
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(bucket.at(endpoint));
    }
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.,
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_FOR,
    };
    builder
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_virtual_hosted_style_request(!bucket.path_style)
        .with_retry(retry)
        // Not every server has the call that deletes many.
        .with_disable_bulk_delete(true)
        .with_http_connector(Shared(http.clone()))
        .build()
        .map_err(|error| fault::of("STORAGE_URL", error))
}
