//! Octets that are no HTTP: refused before anything of ours sees them, and nobody else notices.

use clowder_tests::{Database, PATIENCE, World};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const CHUNKED: &str = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
    Transfer-Encoding: chunked\r\n";

/// What the server says before it closes the connection, which it must.
async fn answer(world: &World, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
    let mut answer = Vec::new();
    let told = async {
        // The server may close before it has read all, and that may cost the rest of its answer.
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
        // Two ideas of where the request ends are how a second one is smuggled past a proxy.
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

/// The head was fine, so the rest is ours to refuse.
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
