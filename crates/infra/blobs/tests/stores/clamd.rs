//! A real clamd, which knows one signature, and servers that behave badly.

use std::time::Duration;

use bytes::Bytes;
use clowder_core::{Cause, Error};
use clowder_infra_blobs::{Address, Clamd};
use clowder_media::{Scanner, Verdict, blobs::ByteStream};
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};

use super::stores::{folder, key, needed, noise, write};

fn clamd() -> Clamd {
    Clamd::new(Address::parse(&needed("TEST_CLAMD_URL")).unwrap())
}

/// The test file of EICAR. In two halves, because scanners would also find it here.
fn eicar() -> Bytes {
    format!("{}{}", r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD", "-ANTIVIRUS-TEST-FILE!$H+H*").into()
}

fn pieces(bytes: &Bytes, size: usize) -> ByteStream {
    let (bytes, size) = (bytes.clone(), size.max(1));
    let starts = (0..bytes.len()).step_by(size);
    let pieces: Vec<_> = starts.map(|start| Ok(bytes.slice(start..bytes.len().min(start + size)))).collect();
    stream::iter(pieces).boxed()
}

#[tokio::test]
async fn a_real_clamd_finds_what_is_bad() {
    let clamd = clamd();
    let found = |name: &str| Verdict::Infected(format!("{name}.UNOFFICIAL"));
    for size in [1, 7, 1000] {
        assert_eq!(clamd.scan(pieces(&eicar(), size)).await.unwrap(), found("Test.Eicar"), "pieces of {size}");
        assert_eq!(clamd.scan(pieces(&noise(1, 3000), size)).await.unwrap(), Verdict::Clean, "pieces of {size}");
    }
    assert_eq!(clamd.scan(pieces(&Bytes::new(), 1)).await.unwrap(), Verdict::Clean);
    let empty = stream::iter([Ok(Bytes::new()), Ok(eicar()), Ok(Bytes::new())]).boxed();
    assert_eq!(clamd.scan(empty).await.unwrap(), found("Test.Eicar"), "an empty piece is not the end");
    assert!(clamd.signatures().await.unwrap().starts_with("ClamAV 1."));
}

#[tokio::test]
async fn objects_of_a_store_are_scanned_while_they_are_read() {
    let store = folder();
    write(&*store.blobs, "good", noise(1, 3_000_000)).await;
    write(&*store.blobs, "bad", eicar()).await;
    let scan = async |name| {
        let reading = store.blobs.read(&key(name), None).await.unwrap().unwrap();
        clamd().scan(reading.bytes).await.unwrap()
    };
    assert_eq!(scan("good").await, Verdict::Clean);
    assert!(matches!(scan("bad").await, Verdict::Infected(_)));
}

#[tokio::test]
async fn what_is_too_large_is_neither_clean_nor_infected() {
    // The limit of clamd in the tests is 4 MiB. It closes the connection in the middle.
    let large = noise(2, 20 << 20);
    for size in [1 << 10, 64 << 10, 256 << 10] {
        assert_eq!(clamd().scan(pieces(&large, size)).await.unwrap(), Verdict::TooLarge, "pieces of {size}");
    }
}

#[tokio::test]
async fn many_at_once() {
    let scan = async |number: u64| match number % 2 {
        0 => assert_eq!(clamd().scan(pieces(&noise(number, 100_000), 5000)).await.unwrap(), Verdict::Clean),
        _ => assert!(matches!(clamd().scan(pieces(&eicar(), 10)).await.unwrap(), Verdict::Infected(_))),
    };
    futures_util::future::join_all((0..20).map(scan)).await;
}

#[tokio::test]
async fn an_error_of_the_bytes_is_no_verdict() {
    let cut = stream::iter([Ok(noise(1, 100)), Err(Error::outage(Cause::Storage, "the store"))]).boxed();
    let fault = clamd().scan(cut).await.unwrap_err();
    assert_eq!(fault.cause(), Some(Cause::Storage));
}

/// A server that does `what` with each connection.
async fn server<F: Future<Output = ()> + Send + 'static>(what: fn(TcpStream) -> F) -> Clamd {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(what(connection));
        }
    });
    Clamd::new(address)
}

#[tokio::test]
async fn over_tcp_as_over_a_socket_of_this_machine() {
    // Passes everything on to the real one.
    let clamd = server(|mut here| async move {
        let path = needed("TEST_CLAMD_URL");
        let mut there = UnixStream::connect(path.trim_start_matches("unix:")).await.unwrap();
        let ((mut sent, mut back), (mut answers, mut passed)) = (here.split(), there.split());
        let pass = async {
            let _ = tokio::io::copy(&mut sent, &mut passed).await;
            // A connection that is closed with something unread takes the answer with it.
            let _ = tokio::io::copy(&mut sent, &mut tokio::io::sink()).await;
        };
        let answer = async {
            let _ = tokio::io::copy(&mut answers, &mut back).await;
        };
        tokio::join!(pass, answer);
    })
    .await;
    assert_eq!(clamd.scan(pieces(&noise(1, 100_000), 5000)).await.unwrap(), Verdict::Clean);
    assert!(matches!(clamd.scan(pieces(&eicar(), 5000)).await.unwrap(), Verdict::Infected(_)));
    assert_eq!(clamd.scan(pieces(&noise(2, 20 << 20), 64 << 10)).await.unwrap(), Verdict::TooLarge);
}

#[tokio::test]
async fn a_scanner_that_is_away_or_talks_nonsense_is_an_outage() {
    let scan = async |clamd: Clamd| {
        let fault = clamd.scan(pieces(&noise(1, 1 << 20), 64 << 10)).await.unwrap_err();
        assert_eq!(fault.cause(), Some(Cause::Lost), "{fault}");
        assert!(clamd.signatures().await.is_err());
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    scan(Clamd::new(Address::parse(&format!("tcp://127.0.0.1:{port}")).unwrap())).await;
    scan(Clamd::new(Address::parse("unix:/nowhere/clamd").unwrap())).await;
    scan(server(|connection| async { drop(connection) }).await).await;
    scan(
        server(|mut connection| async move {
            let mut some = [0; 10];
            let _ = connection.read_exact(&mut some).await;
        })
        .await,
    )
    .await;
    // It has not seen the end, so it cannot know.
    let hasty = server(|mut connection| async move {
        let _ = connection.write_all(b"stream: OK\0").await;
        let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
    });
    let endless = stream::repeat_with(|| Ok(noise(1, 1000))).boxed();
    let fault = hasty.await.scan(endless).await;
    assert!(fault.is_err_and(|fault| fault.cause() == Some(Cause::Lost)));
}

#[tokio::test(start_paused = true)]
async fn a_scanner_that_hangs_is_an_outage() {
    // Time passes as soon as everybody waits.
    let silent = server(|mut connection| async move {
        let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
        tokio::time::sleep(Duration::from_secs(10_000)).await;
    });
    // Another server, whose answer has no end that clamd's has.
    let nonsense = server(|mut connection| async move {
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
    });
    let fault = nonsense.await.scan(pieces(&noise(1, 100), 100)).await;
    assert!(fault.is_err_and(|fault| fault.cause() == Some(Cause::Lost)));
    let silent = silent.await;
    let fault = silent.scan(pieces(&noise(1, 100), 100)).await.unwrap_err();
    assert_eq!(fault.cause(), Some(Cause::Lost));
    let stuck = server(|connection| async move {
        tokio::time::sleep(Duration::from_secs(10_000)).await;
        drop(connection);
    });
    let stuck = stuck.await;
    let fault = stuck.scan(pieces(&noise(1, 50 << 20), 256 << 10)).await.unwrap_err();
    assert_eq!(fault.cause(), Some(Cause::Lost));
}
