//! Bodies that are too long, too slow, shorter or longer than announced, or compressed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clowder_egress::{Bounds, Call, Failure};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::server::{Server, bounds, closed, egress, get, head, says, serve, short};

/// A server that sends this head and then a part of a body without end, and how many octets it got rid of.
async fn endless(begin: &'static [u8], part: &'static [u8]) -> (Server, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = serve(move |mut stream| {
        let counted = Arc::clone(&counted);
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(begin).await;
            while stream.write_all(part).await.is_ok() {
                counted.fetch_add(part.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    (server, sent)
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const A_CHUNK: &[u8] = b"8\r\nabcdefgh\r\n";
const SOME: &[u8] = &[b'x'; 65_536];
const UNTIL_THE_END: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const A_MEGABYTE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
const A_GIGABYTE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";

#[tokio::test]
async fn bodies_without_end_are_refused_or_cut() {
    for (begin, part) in [(CHUNKED, A_CHUNK), (UNTIL_THE_END, SOME), (A_GIGABYTE, SOME)] {
        let (server, sent) = endless(begin, part).await;
        assert_eq!(egress().call(get(server.url("/"))).await.unwrap_err(), Failure::TooLarge);
        let cut = Bounds { cut: true, octets: 1000, ..bounds() };
        let answer = egress().call(Call::get(server.url("/"), cut)).await.unwrap();
        assert!(answer.is_cut);
        assert_eq!(answer.body.len(), 1000);
        // Nobody goes on reading.
        sleep(Duration::from_millis(200)).await;
        let before = sent.load(Ordering::SeqCst);
        assert!(before < 64 << 20, "{before}");
        sleep(Duration::from_millis(200)).await;
        assert_eq!(sent.load(Ordering::SeqCst), before);
    }
}

#[tokio::test]
async fn slow_bodies_run_out_of_time() {
    let server = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(A_MEGABYTE).await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(egress().call(Call::get(server.url("/"), short())).await.unwrap_err(), Failure::Time);
    let silent = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(CHUNKED).await;
        closed(stream).await;
    })
    .await;
    assert_eq!(egress().call(Call::get(silent.url("/"), short())).await.unwrap_err(), Failure::Time);
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_answer() {
    let table: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabcde\r\n",
    ];
    for answer in table {
        let server = says(*answer).await;
        let failed = egress().call(Call::get(server.url("/"), short())).await.unwrap_err();
        assert_eq!(failed, Failure::Protocol, "{:?}", String::from_utf8_lossy(answer));
    }
}

/// What follows the announced body must not become the answer to the next call.
#[tokio::test]
async fn a_body_that_goes_on_is_no_second_answer() {
    let server = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        let smuggled =
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
        let _ = stream.write_all(smuggled).await;
        closed(stream).await;
    })
    .await;
    let egress = egress();
    for _ in 0..3 {
        assert_eq!(egress.call(get(server.url("/"))).await.unwrap().body, "good");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn nothing_is_decompressed() {
    let server = says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd").await;
    let answer = egress().call(get(server.url("/"))).await.unwrap();
    assert_eq!((answer.body.as_ref(), answer.is_cut), (&b"abcd"[..], false));
}
