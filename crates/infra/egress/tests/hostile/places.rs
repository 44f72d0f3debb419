//! Where calls end up: names that change their address, redirects to the inside, and credentials on the way.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use clowder_egress::{Bounds, Call, Egress, Failure, HeaderMap, Method, Options, Url, header};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::server::{Answers, Silent, answer_all, bounds, egress, get, head, options, says, serve, serve_at};

/// The address of the inside of these tests: 127.0.0.1 is open and this is not.
const INSIDE: &str = "127.0.0.2:0";

fn with(resolver: Arc<Answers>) -> Egress {
    Egress::new(Options { resolver, ..options() }).unwrap()
}

fn following(url: Url, redirects: u8) -> Call {
    Call::get(url, Bounds { redirects, ..bounds() })
}

async fn redirects_to(location: &str) -> crate::server::Server {
    says(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")).await
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_called() {
    let outside = serve(|stream| async { answer_all(stream, "outside").await }).await;
    let inside = serve_at(&format!("127.0.0.2:{}", outside.address.port()), |stream| async {
        answer_all(stream, "inside").await;
    })
    .await;
    // A second look at the name would lead inside.
    let resolver = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let egress = with(Arc::clone(&resolver));
    let url = outside.named("http", "rebinds.example");
    assert_eq!(egress.call(get(url.clone())).await.unwrap().body, "outside");
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1);
    // The connection is kept; who opens one of their own sees the other address and does not go there.
    assert_eq!(egress.call(get(url.clone())).await.unwrap().body, "outside");
    let other = with(resolver);
    assert_eq!(other.call(get(url)).await.unwrap_err(), Failure::Forbidden("loopback"));
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn one_closed_address_closes_the_name() {
    let outside = serve(|stream| async { answer_all(stream, "outside").await }).await;
    let table = [
        (["127.0.0.1", "10.0.0.1"], "private"),
        (["10.0.0.1", "127.0.0.1"], "private"),
        (["127.0.0.1", "::ffff:169.254.169.254"], "metadata"),
        (["127.0.0.1", "64:ff9b::a00:1"], "private"),
        (["127.0.0.1", "fe80::1"], "link_local"),
        // Public, but this is http.
        (["127.0.0.1", "1.1.1.1"], "http"),
    ];
    for (addresses, why) in table {
        let egress = with(Answers::new(&[&addresses]));
        let failed = egress.call(get(outside.named("http", "half.example"))).await.unwrap_err();
        assert_eq!(failed, Failure::Forbidden(why), "{addresses:?}");
    }
    assert_eq!(outside.connections(), 0);
}

#[tokio::test]
async fn the_next_address_is_tried_after_one_that_refuses() {
    let server = serve_at("127.0.0.3:0", |stream| async { answer_all(stream, "here").await }).await;
    let allow = clowder_egress::networks("127.0.0.0/8").unwrap();
    let resolver = Answers::new(&[&["127.0.0.4", "::ffff:127.0.0.5", "127.0.0.3"]]);
    let egress = Egress::new(Options { allow, resolver, ..options() }).unwrap();
    assert_eq!(egress.call(get(server.named("http", "three.example"))).await.unwrap().body, "here");
}

#[tokio::test]
async fn names_without_an_answer_end() {
    let connect_time = Duration::from_millis(200);
    let silent = Egress::new(Options { resolver: Arc::new(Silent), connect_time, ..options() }).unwrap();
    let url = Url::parse("https://silent.example/").unwrap();
    assert_eq!(silent.call(get(url.clone())).await.unwrap_err(), Failure::Resolve);
    assert_eq!(with(Answers::new(&[&[]])).call(get(url)).await.unwrap_err(), Failure::Resolve);
}

#[tokio::test]
async fn a_redirect_is_checked_like_a_call() {
    let inside = serve_at(INSIDE, |stream| async { answer_all(stream, "inside").await }).await;
    let port = inside.address.port();
    let table = [
        (format!("http://127.0.0.2:{port}/"), Failure::Forbidden("loopback")),
        (format!("//127.0.0.2:{port}/"), Failure::Forbidden("loopback")),
        (format!("http://0x7f000002:{port}/"), Failure::Forbidden("loopback")),
        (format!("http://[::ffff:127.0.0.2]:{port}/"), Failure::Forbidden("loopback")),
        (format!("http://inside.example:{port}/"), Failure::Forbidden("loopback")),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), Failure::Forbidden("metadata")),
        ("https://ada:secret@example.org/".to_owned(), Failure::Forbidden("userinfo")),
        ("https://127.0.0.1:22/".to_owned(), Failure::Forbidden("port")),
        ("file:///etc/passwd".to_owned(), Failure::Forbidden("scheme")),
        ("gopher://127.0.0.1/".to_owned(), Failure::Forbidden("scheme")),
        ("http://[".to_owned(), Failure::Redirects),
    ];
    for (location, expected) in table {
        let outside = redirects_to(&location).await;
        let egress = with(Answers::new(&[&["127.0.0.2"]]));
        assert_eq!(egress.call(following(outside.url("/"), 3)).await.unwrap_err(), expected, "{location}");
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn redirects_end() {
    let round = serve(|mut stream: TcpStream| async move {
        while !head(&mut stream).await.is_empty() {
            let answer = b"HTTP/1.1 301 Moved\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    assert_eq!(egress().call(following(round.url("/"), 5)).await.unwrap_err(), Failure::Redirects);
    // Who follows none gets the redirect, as does who sends something.
    assert_eq!(egress().call(get(round.url("/"))).await.unwrap().status, 301);
    let post = Call { method: Method::POST, ..following(round.url("/"), 5) };
    assert_eq!(egress().call(post).await.unwrap().status, 301);
}

#[tokio::test]
async fn another_host_gets_no_credentials() {
    let told = serve(|mut stream: TcpStream| async move {
        let head = head(&mut stream).await.to_lowercase();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let other = redirects_to(told.url("/there").as_str()).await;
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, "Bearer secret".parse().unwrap());
    headers.insert(header::COOKIE, "a=secret".parse().unwrap());
    headers.insert("x-api-key", "secret".parse().unwrap());
    headers.insert(header::ACCEPT, "text/html".parse().unwrap());
    let direct = Call { headers: headers.clone(), ..get(told.url("/")) };
    let body = egress().call(direct).await.unwrap().body;
    assert_eq!(String::from_utf8_lossy(&body).matches("secret").count(), 3);
    let answer = egress().call(Call { headers, ..following(other.url("/"), 1) }).await.unwrap();
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(!body.contains("secret") && body.contains("accept: text/html"), "{body}");
    assert_eq!(answer.url, told.url("/there"));
}

#[tokio::test]
async fn nobody_sets_what_belongs_to_the_connection() {
    let told = serve(|mut stream: TcpStream| async move {
        let head = head(&mut stream).await.to_lowercase();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, "other.example".parse().unwrap());
    headers.insert(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
    headers.insert(header::CONTENT_LENGTH, "7".parse().unwrap());
    headers.insert(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
    let answer = egress().call(Call { headers, ..get(told.url("/a?b=c#d")) }).await.unwrap();
    let head = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", told.address)), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    for absent in ["other.example", "chunked", "content-length", "gzip"] {
        assert!(!head.contains(absent), "{absent}: {head}");
    }
}
