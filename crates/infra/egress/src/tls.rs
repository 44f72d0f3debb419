//! TLS of calls: the authorities of Mozilla and those of the operator, HTTP/2 before HTTP/1.1.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::Failure;

pub(crate) const H2: &[u8] = b"h2";

/// What opens TLS, with the authorities that it trusts.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(file) = ca_file {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let found = CertificateDer::pem_file_iter(file).map_err(|error| said(&error))?;
        let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| said(&error))?;
        if found.is_empty() {
            return Err(said(&"it has no certificate in PEM"));
        }
        for certificate in found {
            roots.add(certificate).map_err(|error| said(&error))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    connector: &TlsConnector,
    name: String,
    stream: S,
) -> Result<TlsStream<S>, Failure> {
    let name = ServerName::try_from(name).map_err(|_| Failure::Url)?;
    connector.connect(name, stream).await.map_err(|_| Failure::Tls)
}
