//! The operator's proxy: what it is asked for, and what never reaches it.

use std::sync::{Arc, Mutex};

use clowder_egress::{Egress, Failure, Options, Url};
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
};

use crate::{
    server::{Server, answer_all, get, head, serve},
    tls::{authority, serve_tls, trusting},
};

/// A proxy that leads all tunnels to this port, and the heads of what it was asked.
async fn proxy_to(port: u16) -> (Server, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&asked);
    let server = serve(move |mut stream: TcpStream| {
        let noted = Arc::clone(&noted);
        async move {
            let head = head(&mut stream).await;
            let is_refused = head.contains("refused.example");
            noted.lock().unwrap().push(head);
            if is_refused {
                let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await;
            let mut there = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut there).await;
        }
    })
    .await;
    (server, asked)
}

#[tokio::test]
async fn calls_go_through_a_tunnel() {
    let (file, acceptor) = authority(&[b"http/1.1"]);
    let server = serve_tls(acceptor, |stream| async { answer_all(stream, "hello").await }).await;
    let (proxy, asked) = proxy_to(server.address.port()).await;
    let through = Some(format!("http://ada:secret@{}", proxy.address).parse().unwrap());
    let egress = Egress::new(Options { proxy: through, ..trusting(&file) }).unwrap();
    let call = |url: &str| {
        let (egress, url) = (egress.clone(), Url::parse(url).unwrap());
        async move { egress.call(get(url)).await }
    };
    // The certificate is that of the server, not of the proxy.
    assert_eq!(call("https://trusted.example/").await.unwrap().body, "hello");
    assert_eq!(call("https://other.example/").await.unwrap_err(), Failure::Tls);
    assert_eq!(call("https://refused.example/").await.unwrap_err(), Failure::Forbidden("proxy"));
    let heads = asked.lock().unwrap().clone();
    assert!(heads[0].starts_with("CONNECT trusted.example:443 HTTP/1.1\r\nHost: trusted.example:443\r\n"));
    assert!(heads[0].contains("Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\n"));
    // What is closed is not asked of the proxy, and what the operator has opened is reached without it.
    let table = [
        ("https://10.0.0.1/", "private"),
        ("https://[fd00:ec2::254]/", "metadata"),
        ("http://inside.example/", "http"),
        ("https://trusted.example:22/", "port"),
    ];
    for (url, why) in table {
        assert_eq!(call(url).await.unwrap_err(), Failure::Forbidden(why), "{url}");
    }
    let near = serve(|stream| async { answer_all(stream, "near").await }).await;
    assert_eq!(call(near.url("/").as_str()).await.unwrap().body, "near");
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_proxy_that_fails_is_no_connection() {
    for answer in ["", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP/1.1 407 Who\r\n\r\n", "nonsense\r\n\r\n"] {
        let proxy = crate::server::says(answer).await;
        let (file, _) = authority(&[]);
        let through = Some(format!("http://{}", proxy.address).parse().unwrap());
        let egress = Egress::new(Options { proxy: through, ..trusting(&file) }).unwrap();
        let failed = egress.call(get(Url::parse("https://trusted.example/").unwrap())).await.unwrap_err();
        assert_eq!(failed, Failure::Connect, "{answer}");
    }
}
