//! Connections that begin as HTTP: what comes together with a handshake, and requests whose `Upgrade` is not followed.

use clowder_tests::{PATIENCE, World, on_both};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

on_both!(shared; the_first_frame_comes_with_the_handshake, a_frame_comes_in_many_segments);

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n";

/// A masked text frame (with a mask that changes nothing).
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

pub fn handshake(access: &str) -> String {
    format!("GET /api/ws HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}Authorization: Bearer {access}\r\n\r\n")
}

async fn connect(world: &World) -> TcpStream {
    let stream = TcpStream::connect(&world.server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads until this text has come.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut received = String::new();
    while !received.contains(text) {
        let mut octets = [0; 4_096];
        let length = timeout(PATIENCE, stream.read(&mut octets)).await.expect("it never comes").unwrap();
        assert!(length > 0, "it ended: {received}");
        received.push_str(&String::from_utf8_lossy(&octets[..length]));
    }
    received
}

/// Everything that the server answers until it ends the connection, which must not be reset.
async fn answered(world: &World, octets: &[u8]) -> String {
    let mut stream = connect(world).await;
    stream.write_all(octets).await.unwrap();
    let mut received = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut received)).await.expect("it never ends").unwrap();
    String::from_utf8(received).unwrap()
}

/// The head without the headers that are different each time, and the body.
fn parts(answer: &str) -> (Vec<String>, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
    let varies = ["date:", "connection:", "ratelimit:", "x-ratelimit-"];
    let mut head: Vec<_> = head.split("\r\n").map(str::to_lowercase).collect();
    head.retain(|line| !varies.iter().any(|name| line.starts_with(name)));
    head.sort();
    (head, body)
}

async fn the_first_frame_comes_with_the_handshake(world: World) {
    let ada = world.user("ada").await;
    let mut stream = connect(&world).await;
    let commands = [frame(r#"{"id":1,"type":"ping"}"#), frame(r#"{"id":2,"type":"ping"}"#)].concat();
    stream.write_all(&[handshake(ada.token()).as_bytes(), &commands].concat()).await.unwrap();
    let received = until(&mut stream, r#""id":2,"#).await;
    let order = ["HTTP/1.1 101 ", r#""type":"hello""#, r#""id":1,"#, r#""id":2,"#].map(|part| received.find(part));
    assert!(order.is_sorted() && order[0] == Some(0), "{received}");
    // Who only stops sending is answered, and told goodbye.
    stream.write_all(&frame(r#"{"id":3,"type":"ping"}"#)).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it never ends").unwrap();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains(r#""id":3,"#) && rest.ends_with("goodbye"), "{rest}");
}

async fn a_frame_comes_in_many_segments(world: World) {
    let ada = world.user("ada").await;
    let mut stream = connect(&world).await;
    let octets = [handshake(ada.token()).as_bytes(), &frame(r#"{"id":"a","type":"ping"}"#)].concat();
    for octet in octets {
        stream.write_all(&[octet]).await.unwrap();
        tokio::task::yield_now().await;
    }
    until(&mut stream, r#""id":"a","#).await;
}

/// The answer is the one that the same request gets without `Upgrade`, and it arrives whole.
#[tokio::test]
async fn an_upgrade_that_is_not_followed_changes_nothing() {
    let world = World::shared_on_sqlite(&[]).await;
    let ada = world.user("ada").await;
    let (json, bearer) = ("Content-Type: application/json\r\n", format!("Authorization: Bearer {}\r\n", ada.token()));
    let login = format!(r#"{{"username":"{}","password":"wrong horse battery"}}"#, ada.name);
    for (request, headers, body, status) in [
        ("GET /api/nowhere", "", "", 404),
        ("CONNECT localhost:80", "", "", 404),
        ("DELETE /api/ws", "", "", 405),
        ("GET /api/auth/me", "", "", 401),
        ("GET /api/auth/me", &bearer, "", 200),
        ("HEAD /api/auth/me", &bearer, "", 200),
        ("OPTIONS /api/auth/me", "", "", 204),
        ("GET /api/openapi.json", "", "", 200),
        ("POST /api/auth/login", json, &login, 401),
        ("POST /api/auth/login", json, "{}", 422),
        ("POST /api/auth/login", json, "", 400),
        ("POST /api/auth/login", "Content-Length: 2000000\r\n", "", 413),
    ] {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let ask = async |upgrade: &str| {
            let head = format!(
                "{request} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: same\r\n{upgrade}{headers}{length}\r\n"
            );
            // Nothing but the answer to the first of two requests comes back.
            let next = if upgrade == UPGRADE { "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n" } else { "" };
            answered(&world, [&head, body, next].concat().as_bytes()).await
        };
        let (plain, upgrade) = (ask("Connection: close\r\n").await, ask(UPGRADE).await);
        assert!(plain.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {plain}");
        assert!(upgrade.contains("\r\nconnection: close"), "{request}: {upgrade}");
        assert_eq!(parts(&upgrade), parts(&plain), "{request}");
    }
}

#[tokio::test]
async fn who_waits_before_the_body_is_told_to_go_on() {
    let world = World::shared_on_sqlite(&[]).await;
    for upgrade in ["", UPGRADE] {
        let mut stream = connect(&world).await;
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{upgrade}\
             Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
        stream.write_all(b"{}").await.unwrap();
        until(&mut stream, "HTTP/1.1 422 ").await;
    }
}

#[tokio::test]
async fn a_stream_whose_upgrade_is_not_followed_is_written_as_it_comes() {
    let world = World::shared_on_sqlite(&[]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut stream = connect(&world).await;
    let ask = format!(
        "GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{UPGRADE}\
         Authorization: Bearer {}\r\n\r\n",
        bob.token()
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    until(&mut stream, r#""type":"hello""#).await;
    ada.says(&chat, "good morning").await;
    until(&mut stream, "good morning").await;
}

#[tokio::test]
async fn a_refused_handshake_ends_the_connection() {
    let world = World::shared_on_sqlite(&[]).await;
    let handshake = handshake("nonsense");
    let with_body = handshake.replace("Upgrade: websocket", "Content-Length: 2\r\nUpgrade: websocket");
    for (what, handshake, status, code) in [
        ("a bad token", handshake.clone(), 401, "token.invalid"),
        ("no key", handshake.replace("Sec-WebSocket-Key", "X-Key"), 426, "upgrade.required"),
        ("no connection", handshake.replace("Connection: Upgrade\r\n", ""), 426, "upgrade.required"),
        ("a body", with_body + "{}", 426, "upgrade.required"),
        ("an old protocol", handshake.replace("HTTP/1.1", "HTTP/1.0"), 426, "upgrade.required"),
    ] {
        // What is not read as frames is not read as another request either.
        let octets = [handshake.as_bytes(), &frame(r#"{"id":1,"type":"ping"}"#)].concat();
        let answer = answered(&world, &octets).await;
        let (head, body) = parts(&answer);
        assert!(head.contains(&format!("content-length: {}", body.len())), "{what}: {answer}");
        assert!(answer.contains(&format!(" {status} ")), "{what}: {answer}");
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{what}: {error}: {answer}"));
        assert_eq!((&problem["code"], &problem["instance"]), (&code.into(), &"/api/ws".into()), "{what}");
    }
    // HTTP goes on where nobody can take the connection over.
    let several = handshake.replace("Upgrade: websocket", "Upgrade: websocket, h2c");
    let next = "GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answers = answered(&world, (several + next).as_bytes()).await;
    assert!(answers.starts_with("HTTP/1.1 426 ") && answers.contains("HTTP/1.1 200 OK"), "{answers}");
}
