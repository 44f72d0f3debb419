//! Connections: invalid HTTP is refused before our code sees it, idle connections are kept for a while, and responses
//! are compressed where that is safe.

use std::time::{Duration, Instant};

use clowder_tests::{Database, PATIENCE, World, answer as found, client::form};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const CHUNKED: &str = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
    Transfer-Encoding: chunked\r\n";

/// What the server sends before it closes the connection, which it must do.
async fn answer(world: &World, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
    let mut answer = Vec::new();
    let told = async {
        // The server may close before it has read everything, and then the rest of its response may be lost.
        let _ = stream.write_all(octets).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("never closed: {}", octets.escape_ascii()));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_closed() {
    let world = World::new(Database::sqlite()).await;
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: 1\r\n".repeat(200));
    for (octets, status) in [
        ("MEOW\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", "400"),
        ("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}", "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "400"),
        // Ambiguous ends of a request allow smuggling a second one past a proxy.
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "400"),
        (&format!("{CHUNKED}Content-Length: 2\r\n\r\n0\r\n\r\n"), "400"),
        (&many, "431"),
        ("GET / HT", "408"),
    ] {
        let answer = answer(&world, octets.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{octets:?}: {answer:?}");
    }
    let endless = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(1 << 20));
    let answer = answer(&world, endless.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    world.user("ada").await.get("/api/auth/me").await.expect(200);
    assert!(!world.server.log().contains("panic"), "{}", world.server.log());
}

/// The head was valid, so our code refuses the rest.
#[tokio::test]
async fn a_broken_body_is_a_problem() {
    let world = World::new(Database::sqlite()).await;
    for body in ["meow\r\n{}\r\n", "2\r\n{}}}", "ffffffffffffffffff\r\n"] {
        let answer = answer(&world, format!("{CHUNKED}\r\n{body}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer:?}");
        assert!(answer.contains("application/problem+json") && answer.contains("\"code\":\"body."), "{answer:?}");
    }
    assert!(!world.server.log().contains("panic"), "{}", world.server.log());
}

async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /api/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Its body is JSON, and short.
    while !answer.ends_with(b"}") {
        answer.push(timeout(PATIENCE, stream.read_u8()).await.expect("no answer").unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", answer.escape_ascii());
}

/// However a client goes about it, it has a few seconds for the head of each request.
#[tokio::test]
async fn who_asks_slowly_is_not_waited_for() {
    let world = World::with(Database::sqlite(), &[("KEEP_ALIVE_SECONDS", "60")]).await;
    let connect = async || {
        let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
        ask(&mut stream).await;
        stream
    };
    let (mut begun, drips) = (connect().await, connect().await);
    let began = Instant::now();
    begun.write_all(b"GET / HT").await.unwrap();
    let (mut read, mut write) = drips.into_split();
    let mut drip = std::pin::pin!(async {
        for octet in b"GET /api/health/live HTTP/1.1\r\n".iter().chain(std::iter::repeat(&b'x')) {
            if write.write_all(&[*octet]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        std::future::pending::<()>().await;
    });
    for end in [&mut begun as &mut (dyn tokio::io::AsyncRead + Unpin), &mut read] {
        let mut rest = Vec::new();
        let ended = async { timeout(PATIENCE, end.read_to_end(&mut rest)).await.expect("it is kept for ever") };
        tokio::select! { _ = ended => {}, () = &mut drip => unreachable!() }
    }
    let elapsed = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(20)).contains(&elapsed), "{elapsed:?}");
    let log = world.server.log();
    assert!(!log.contains("ERROR"), "{log}");
}

/// A load balancer reuses connections, so they must not be closed too early.
#[tokio::test]
async fn an_idle_connection_is_kept_as_long_as_the_setting_says() {
    let world = World::with(Database::sqlite(), &[("KEEP_ALIVE_SECONDS", "2")]).await;
    let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
    let idle = Instant::now();
    ask(&mut stream).await;
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is kept for ever").unwrap();
    assert!(idle.elapsed() >= Duration::from_secs(2) && rest.is_empty(), "{:?}", idle.elapsed());
    let shown = world.command(&["config", "default"], &[]).text;
    assert!(shown.contains("keep_alive_seconds = 90"), "balancers keep one for 60 seconds, some for 75");
}

/// A client that requests much and reads nothing is refused more, and takes nothing from others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_have_their_room() {
    let world = World::new(Database::sqlite()).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    for _ in 0..30 {
        ada.says(&chat, &"\u{1F408}".repeat(8_000)).await;
    }
    let page = format!("/api/chats/{chat}/messages?limit=30");
    let octets = bob.get(&page).await.text.len();
    assert!(octets > 900_000, "{octets}");
    let head = format!("GET {page} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", ada.token());
    let unread: Vec<_> = (0..20)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            // Neither system buffers the whole response for the server.
            socket.set_tcp_mss(600).unwrap();
            socket.set_recv_buffer_size(4_096).unwrap();
            socket.connect(&world.server.address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
            assert_eq!(socket.send(head.as_bytes()).unwrap(), head.len());
            socket
        })
        .collect();
    let full = found("ada's share is full", async || {
        Some(ada.may_fail().get(&page).await).filter(|answer| answer.status != 200)
    })
    .await;
    assert_eq!(full.header("retry-after"), "1");
    full.refused(503, "answers.full");
    ada.get("/api/auth/me").await.expect(200);
    bob.get(&page).await.expect(200);
    assert!(world.nobody().get("/metrics").await.text.contains("clowder_answers_refused_total "));
    // Closing the connection frees the room for others.
    drop(unread);
    found("there is room again", async || Some(ada.may_fail().get(&page).await).filter(|it| it.status == 200)).await;
}

/// They keep pieces in memory and a file open, so somebody has as many as fit into their share.
#[tokio::test]
async fn downloads_that_nobody_reads_have_their_room() {
    let world = World::new(Database::sqlite()).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let sent = form(ada.request("POST", "/api/files/upload"), &json!({"file": "x".repeat(3 << 20)}));
    let file = clowder_tests::Answer::to(sent).await.expect(201)["id"].as_str().unwrap().to_owned();
    let small = clowder_tests::Answer::to(form(ada.request("POST", "/api/files/upload"), &json!({"file": "small"})));
    let small = small.await.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/files/{file}/content");
    let url =
        ada.post(&format!("/api/files/{file}/url"), json!({})).await.expect(200)["url"].as_str().unwrap().to_owned();
    let link = url[url.find("/api/").unwrap()..].to_owned();
    let unread = |head: String| {
        let sockets = (0..40).map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_tcp_mss(600).unwrap();
            socket.set_recv_buffer_size(4_096).unwrap();
            socket.connect(&world.server.address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
            assert_eq!(socket.send(head.as_bytes()).unwrap(), head.len());
            socket
        });
        sockets.collect::<Vec<_>>()
    };
    let hers =
        unread(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", ada.token()));
    let refused = async |client: &clowder_tests::Client, path: &str| {
        let full = found("the share is full", async || {
            Some(client.may_fail().get(path).await).filter(|answer| answer.status != 200)
        });
        full.await.refused(503, "answers.full");
    };
    refused(&ada, &path).await;
    // Nothing else has to wait for that, and others have shares of their own.
    ada.get(&format!("/api/files/{small}/content")).await.expect(200);
    let head = clowder_tests::Answer::to(ada.request("HEAD", &path)).await;
    assert_eq!((head.status, head.header("content-length")), (200, (3 << 20).to_string().as_str()));
    ada.get("/api/auth/me").await.expect(200);
    let sent = form(bob.request("POST", "/api/files/upload"), &json!({"file": "y".repeat(1 << 20)}));
    let his = clowder_tests::Answer::to(sent).await.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(bob.get(&format!("/api/files/{his}/content")).await.text.len(), 1 << 20);
    // Whoever has no account shares the room of their address.
    let nobody = world.nobody();
    assert_eq!(nobody.get(&link).await.text.len(), 3 << 20);
    let theirs = unread(format!("GET {link} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    refused(nobody, &link).await;
    bob.get(&format!("/api/files/{his}/content")).await;
    assert!(nobody.get("/metrics").await.text.contains("clowder_answers_refused_total "));
    drop((hers, theirs));
    found("there is room again", async || Some(ada.may_fail().get(&path).await).filter(|it| it.status == 200)).await;
}

/// Kept connections must not delay the shutdown.
#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let world = World::new(Database::sqlite()).await;
    let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
    ask(&mut stream).await;
    let asked = Instant::now();
    assert!(world.server.stop().await.success());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_unknown_host_is_told_which_setting_decides() {
    let world = World::with(Database::sqlite(), &[("ALLOWED_HOSTS", "chat.example")]).await;
    let request = world.nobody().request("GET", "/api/problems").header("host", "evil.example:80");
    let problem = clowder_tests::Answer::to(request).await.refused(400, "host.unknown");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`evil.example`") && detail.contains("ALLOWED_HOSTS"), "{detail}");
}

/// Responses with credentials are not compressed, so that their length reveals nothing.
#[tokio::test]
async fn answers_are_compressed_but_for_secrets() {
    let world = World::new(Database::sqlite()).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    for number in 0..20 {
        ada.says(&chat, &format!("{number}: {}", "the same again, ".repeat(10))).await;
    }
    let long = ada.says(&chat, &"A long one. ".repeat(200)).await;
    let get = async |path: &str, accepts: &str| {
        let request = ada.request("GET", path).header("accept-encoding", accepts);
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map_or("", |it| it.to_str().unwrap()).to_owned();
        let (coding, vary, tag) = (header("content-encoding"), header("vary"), header("etag"));
        (coding, vary.contains("Accept-Encoding"), tag, answer.bytes().await.unwrap())
    };
    let page = format!("/api/chats/{chat}/messages");
    let (coding, varies, _, plain) = get(&page, "identity").await;
    assert_eq!((&*coding, varies), ("", true));
    for (accepts, coding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.1", "gzip")] {
        let (coded, varies, _, octets) = get(&page, accepts).await;
        assert_eq!((&*coded, varies), (coding, true), "{accepts}");
        assert!(octets.len() * 4 < plain.len(), "{accepts}: {} of {}", octets.len(), plain.len());
    }
    // Another representation has another tag, which names the same version, and which a 304 repeats.
    let message = format!("/api/messages/{}", long["id"].as_str().unwrap());
    for (accepts, coding) in [("identity", ""), ("gzip", "gzip"), ("br", "br")] {
        let (coded, varies, tag, _) = get(&message, accepts).await;
        assert_eq!((&*coded, varies), (coding, true));
        let others = format!("\"0-br\", \"0\", {tag}");
        for known in [&tag, &others] {
            let known = ada.request("GET", &message).header("accept-encoding", accepts).header("if-none-match", known);
            let known = known.send().await.unwrap();
            let header = |name: &str| known.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
            assert_eq!((known.status().as_u16(), header("etag")), (304, Some(tag.clone())), "{accepts}");
            assert!(header("vary").is_some_and(|vary| vary.contains("Accept-Encoding")), "{accepts}");
            assert_eq!(known.bytes().await.unwrap().len(), 0);
        }
    }
    let (coding, _, tag, _) = get(&message, "br").await;
    assert_eq!((&*coding, &*tag), ("br", "\"1-br\""));
    let edit = ada.request("PATCH", &message).header("if-match", &tag).json(&json!({"content": "short"}));
    clowder_tests::Answer::to(edit).await.expect(200);
    clowder_tests::Answer::to(ada.request("DELETE", &message).header("if-match", &tag))
        .await
        .refused(412, "message.stale");

    let key = json!({"name": "x".repeat(80), "scopes": ["chats:read"]});
    let login = json!({"username": "ada", "password": clowder_tests::world::PASSWORD});
    for (path, body) in [("/api/auth/login", login), ("/api/api-keys", key)] {
        let secret = ada.request("POST", path).header("accept-encoding", "gzip, br").json(&body).send().await.unwrap();
        assert!(secret.headers().get("content-encoding").is_none(), "{path}");
    }
}
