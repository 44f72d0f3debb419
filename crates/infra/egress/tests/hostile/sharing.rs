//! Connections that calls share: how many there are, and what happens when one breaks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use clowder_egress::{Bounds, Call, Egress, Failure, HeaderMap, Options};
use futures_util::future::join_all;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::server::{answer_all, bounds, closed, egress, get, head, options, serve};

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    let server = serve(|stream| async { answer_all(stream, "hello").await }).await;
    let egress = egress();
    for _ in 0..20 {
        assert_eq!(egress.call(get(server.url("/"))).await.unwrap().body, "hello");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_host_has_no_more_connections_than_are_allowed() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (counted, highest) = (Arc::clone(&now), Arc::clone(&most));
    let server = serve(move |mut stream: TcpStream| {
        let (counted, highest) = (Arc::clone(&counted), Arc::clone(&highest));
        async move {
            highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while !head(&mut stream).await.is_empty() {
                sleep(Duration::from_millis(20)).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
            counted.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    let egress = Egress::new(Options { connections_per_host: 3, ..options() }).unwrap();
    let calls = join_all((0..30).map(|_| egress.call(get(server.url("/"))))).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

/// A host that hangs keeps its own calls waiting, and nobody else's.
#[tokio::test]
async fn a_host_that_hangs_holds_up_itself_alone() {
    let hangs = serve(|stream| async { closed(stream).await }).await;
    let works = serve(|stream| async { answer_all(stream, "hello").await }).await;
    let egress = Egress::new(Options { connections_per_host: 1, ..options() }).unwrap();
    let call = |time: u64| Call::get(hangs.url("/"), Bounds { time: Duration::from_millis(time), ..bounds() });
    let (first, second, other) = tokio::join!(
        egress.call(call(800)),
        async {
            sleep(Duration::from_millis(100)).await;
            egress.call(call(300)).await
        },
        async {
            sleep(Duration::from_millis(100)).await;
            egress.call(Call::get(works.url("/"), Bounds { time: Duration::from_millis(300), ..bounds() })).await
        }
    );
    assert_eq!((first.unwrap_err(), second.unwrap_err()), (Failure::Time, Failure::Busy));
    assert_eq!(other.unwrap().body, "hello");
    // Afterwards, there is room again.
    assert_eq!(egress.call(call(100)).await.unwrap_err(), Failure::Time);
}

#[tokio::test]
async fn the_number_of_all_connections_is_bounded() {
    let hangs = serve(|stream| async { closed(stream).await }).await;
    let works = serve(|stream| async { answer_all(stream, "hello").await }).await;
    let egress = Egress::new(Options { connections: 1, ..options() }).unwrap();
    let call = |url, time: u64| Call::get(url, Bounds { time: Duration::from_millis(time), ..bounds() });
    let (first, second) = tokio::join!(egress.call(call(hangs.url("/"), 500)), async {
        sleep(Duration::from_millis(100)).await;
        egress.call(call(works.url("/"), 200)).await
    });
    assert_eq!((first.unwrap_err(), second.unwrap_err()), (Failure::Time, Failure::Busy));
    assert!(egress.call(call(works.url("/"), 500)).await.is_ok());
}

/// A server that answers once on each connection, and closes it when the next request has come.
async fn answers_once() -> (crate::server::Server, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = serve(move |mut stream: TcpStream| {
        let counted = Arc::clone(&counted);
        async move {
            for is_first in [true, false] {
                if head(&mut stream).await.is_empty() {
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                if is_first {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                }
            }
        }
    })
    .await;
    (server, requests)
}

#[tokio::test]
async fn what_may_have_arrived_is_not_sent_twice() {
    let (server, requests) = answers_once().await;
    let egress = egress();
    let post = || Call::post(server.url("/"), HeaderMap::new(), Bytes::new(), bounds());
    assert!(egress.call(post()).await.is_ok());
    assert_eq!(egress.call(post()).await.unwrap_err(), Failure::Protocol);
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_only_reads_is_sent_again() {
    let (server, requests) = answers_once().await;
    let egress = egress();
    for _ in 0..2 {
        assert!(egress.call(get(server.url("/"))).await.is_ok());
    }
    assert_eq!((requests.load(Ordering::SeqCst), server.connections()), (3, 2));
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let open = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&open);
    let server = serve(move |stream| {
        let counted = Arc::clone(&counted);
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            answer_all(stream, "hello").await;
            counted.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    let egress = Egress::new(Options { idle_time: Duration::from_millis(100), ..options() }).unwrap();
    egress.call(get(server.url("/"))).await.unwrap();
    assert_eq!(open.load(Ordering::SeqCst), 1);
    sleep(Duration::from_millis(600)).await;
    assert_eq!(open.load(Ordering::SeqCst), 0);
    assert!(egress.call(get(server.url("/"))).await.is_ok());
}
