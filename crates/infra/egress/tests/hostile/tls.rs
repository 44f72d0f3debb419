//! TLS: who is trusted, HTTP/2, handshakes that hang, and floods of frames.

use std::{convert::Infallible, io::Write, sync::Arc, time::Duration};

use bytes::Bytes;
use clowder_egress::{Call, Egress, Failure, Options, networks};
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::server::{Answers, Server, answer_all, closed, get, head, options, serve, short};

/// An authority in a file, and what accepts TLS with a certificate of it for `trusted.example`.
pub fn authority(protocols: &[&[u8]]) -> (NamedTempFile, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["trusted.example".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(root.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = config.with_single_cert(vec![leaf.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (file, TlsAcceptor::from(Arc::new(config)))
}

/// A server of TLS that gives its streams to `serve_stream`.
pub async fn serve_tls<F, S>(acceptor: TlsAcceptor, serve_stream: S) -> Server
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(TlsStream<TcpStream>) -> F + Send + Sync + Clone + 'static,
{
    serve(move |stream| {
        let (acceptor, serve_stream) = (acceptor.clone(), serve_stream.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve_stream(stream).await;
            }
        }
    })
    .await
}

pub fn trusting(file: &NamedTempFile) -> Options {
    let resolver = Answers::new(&[&["127.0.0.1"]]);
    Options { resolver, ca_file: Some(file.path().to_owned()), ..options() }
}

#[tokio::test]
async fn certificates_are_checked() {
    let (file, acceptor) = authority(&[b"http/1.1"]);
    let server = serve_tls(acceptor, |stream| async { answer_all(stream, "hello").await }).await;
    let egress = Egress::new(trusting(&file)).unwrap();
    let call = |egress: &Egress, name: &str| {
        let (egress, url) = (egress.clone(), server.named("https", name));
        async move { egress.call(get(url)).await }
    };
    assert_eq!(call(&egress, "trusted.example").await.unwrap().body, "hello");
    assert_eq!(call(&egress, "trusted.example.").await.unwrap().body, "hello");
    assert_eq!(call(&egress, "other.example").await.unwrap_err(), Failure::Tls);
    assert_eq!(call(&egress, "127.0.0.1").await.unwrap_err(), Failure::Tls);
    let strict = Egress::new(Options { ca_file: None, ..trusting(&file) }).unwrap();
    assert_eq!(call(&strict, "trusted.example").await.unwrap_err(), Failure::Tls);
}

#[tokio::test]
async fn files_without_a_certificate_are_named() {
    let file = NamedTempFile::new().unwrap();
    assert!(Egress::new(trusting(&file)).unwrap_err().contains("no certificate"));
    let ca_file = Some("/nowhere/ca.pem".into());
    assert!(Egress::new(Options { ca_file, ..options() }).unwrap_err().contains("/nowhere/ca.pem"));
}

#[tokio::test]
async fn handshakes_that_hang_end() {
    let silent = serve(|stream| async { closed(stream).await }).await;
    let resolver = Answers::new(&[&["127.0.0.1"]]);
    let connect_time = Duration::from_millis(200);
    let egress = Egress::new(Options { resolver, connect_time, ..options() }).unwrap();
    assert_eq!(egress.call(get(silent.named("https", "silent.example"))).await.unwrap_err(), Failure::Tls);
    let plain = serve(|mut stream: TcpStream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    assert_eq!(egress.call(get(plain.named("https", "plain.example"))).await.unwrap_err(), Failure::Tls);
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let said = format!("{:?} {}", request.version(), request.uri());
    Ok(Response::new(Full::new(Bytes::from(said))))
}

#[tokio::test]
async fn calls_share_one_connection_of_http_2() {
    let (file, acceptor) = authority(&[b"h2", b"http/1.1"]);
    let server = serve_tls(acceptor, |stream| async {
        let _ =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service_fn(echo)).await;
    })
    .await;
    let egress = Egress::new(trusting(&file)).unwrap();
    let url = server.named("https", "trusted.example");
    let answers = join_all((0..50).map(|_| egress.call(get(url.clone())))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().body, format!("HTTP/2.0 {url}"));
    }
    assert_eq!(server.connections(), 1);
}

/// Frames of HTTP/2: an octet for the type, one for the flags, and the stream.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn floods_of_frames_end() {
    let settings = frame(4, 0, 0, &[]);
    let ping = frame(6, 0, 0, b"floodpin");
    let hello = [settings.clone(), frame(1, 0, 1, &[0x88])].concat();
    // A header field that is not indexed: `x: y…`.
    let field = [&[0x00, 0x01, b'x', 0x7f, 0x81, 0x07][..], &[b'y'; 1024]].concat();
    let table: [(&[u8], Vec<u8>); 5] = [
        (&settings, settings.clone()),
        (&settings, ping),
        // The head of the answer goes on for ever.
        (&hello, frame(9, 0, 1, &field)),
        (&hello, frame(9, 0, 1, &[])),
        // Streams that nobody has asked for.
        (&settings, frame(5, 4, 1, &[0, 0, 0, 2, 0x82])),
    ];
    for (index, (begin, flood)) in table.into_iter().enumerate() {
        let (file, acceptor) = authority(&[b"h2"]);
        let (begin, flood) = (begin.to_vec(), flood.repeat(64));
        let server = serve_tls(acceptor, move |mut stream| {
            let (begin, flood) = (begin.clone(), flood.clone());
            async move {
                let _ = stream.write_all(&begin).await;
                while stream.write_all(&flood).await.is_ok() {
                    tokio::task::yield_now().await;
                }
            }
        })
        .await;
        let egress = Egress::new(trusting(&file)).unwrap();
        let call = Call::get(server.named("https", "trusted.example"), short());
        let failed = tokio::time::timeout(Duration::from_secs(5), egress.call(call)).await.unwrap().unwrap_err();
        let ends = [Failure::Time, Failure::Protocol, Failure::TooLarge, Failure::Tls];
        assert!(ends.contains(&failed), "{index}: {failed}");
    }
}

#[tokio::test]
async fn an_address_can_be_opened_with_a_certificate_for_its_name_alone() {
    let (file, acceptor) = authority(&[]);
    let server = serve_tls(acceptor, |mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let options = Options { allow: networks("127.0.0.0/8").unwrap(), ..trusting(&file) };
    let egress = Egress::new(options).unwrap();
    assert_eq!(egress.call(get(server.named("https", "trusted.example"))).await.unwrap().status, 204);
}
