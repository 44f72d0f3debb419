//! Why a socket is closed, and what its code tells the client to do.

use std::time::{Duration, Instant};

use clowder_tests::{Auth, Database, Heard, PATIENCE, Socket, World, on_both};
use futures_util::future::join_all;
use serde_json::json;

on_both!(shared; logout, another_device_ends_it);
on_both!(restart, a_slow_reader);

async fn logout(world: World) {
    let ada = world.user("ada").await;
    let other = world.login("ada").await;
    let (mut mine, mut others) = (ada.socket().await, other.socket().await);
    assert_eq!(ada.post("/api/auth/logout", json!({})).await.status, 204);
    assert_eq!(mine.closed().await, 4003);
    others.command("ping", json!({})).await.unwrap();
    assert_eq!(other.post("/api/auth/logout-all", json!({})).await.status, 204);
    assert_eq!(others.closed().await, 4003);
}

async fn another_device_ends_it(world: World) {
    let phone = world.user("ada").await;
    let laptop = world.login("ada").await;
    let mut socket = phone.knock(None).await;
    let session = socket.hello().await["session_id"].as_str().unwrap().to_owned();
    laptop.delete(&format!("/api/auth/sessions/{session}")).await.expect(204);
    assert_eq!(socket.closed().await, 4003);
}

async fn restart(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    world.server.ask_to_stop();
    assert_eq!(socket.closed().await, 1012);
    assert_eq!(world.server.ended().await.code(), Some(0));
}

/// The other nodes get them one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sockets_are_sent_away_in_waves() {
    let world = World::with(Database::sqlite(), &[]).await;
    let mut sockets = Vec::new();
    for name in ["ada", "bob", "cem"] {
        let user = world.user(name).await;
        for _ in 0..40 {
            sockets.push(user.socket().await);
        }
    }
    world.server.ask_to_stop();
    // Of 120, the first 50 go at once, and 20 go after 0.2 seconds.
    let closed =
        join_all(sockets.iter_mut().map(|socket| async move { (socket.closed().await, Instant::now()) })).await;
    assert!(closed.iter().all(|(code, _)| *code == 1012), "{closed:?}");
    let mut at: Vec<_> = closed.iter().map(|(_, at)| *at).collect();
    at.sort();
    assert!(at[119] - at[0] > Duration::from_millis(150), "{:?}", at[119] - at[0]);
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_expired_token_ends_it_and_a_renewed_one_does_not() {
    let world = World::shared_on_sqlite(&[("ACCESS_TOKEN_SECONDS", "3")]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (mut expiring, mut renewed) = (ada.socket().await, bob.socket().await);
    // The server's clock advances while Ada's socket is open; then Bob's first token is as old as hers.
    let renew = async {
        let mut refresh = json!(bob.refresh);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            let pair = world.nobody().post("/api/auth/refresh", json!({"refresh": refresh})).await.expect(200);
            renewed.command("token.renew", json!({"access": pair["access"]})).await.unwrap();
            refresh = pair["refresh"].clone();
        }
    };
    tokio::select! {
        code = expiring.closed() => assert_eq!(code, 4004),
        never = renew => never,
    }
    renewed.command("ping", json!({})).await.unwrap();
}

/// Otherwise the holder of a token could stay forever by renewing tickets.
#[tokio::test]
async fn a_socket_by_ticket_ends_with_the_token_it_was_asked_with() {
    let world = World::with(Database::sqlite(), &[("ACCESS_TOKEN_SECONDS", "4")]).await;
    let ada = world.user("ada").await;
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    tick.tick().await;
    tick.tick().await;
    let later = world.login("ada").await;
    let mut by_header = later.socket().await;
    let ticket = ada.post("/api/ws/ticket", json!({})).await.expect(201);
    assert!(ticket["expires_in"].as_u64().unwrap() <= 4, "{ticket}");
    let ticket = Auth::Ticket(ticket["ticket"].as_str().unwrap());
    let mut by_ticket = Socket::open(&world.server.address, ticket, None).await.unwrap();
    by_ticket.hello().await;
    tokio::select! {
        biased;
        code = by_header.closed() => panic!("{code}: the ticket has made the time longer"),
        code = by_ticket.closed() => assert_eq!(code, 4004),
    }
    assert_eq!(by_header.closed().await, 4004);
}

/// A client that does not read is disconnected, and misses nothing when it resumes.
async fn a_slow_reader(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    // Neither system buffers much of what it does not read.
    let narrow = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    narrow.set_tcp_mss(600).unwrap();
    narrow.set_recv_buffer_size(4_096).unwrap();
    narrow.connect(&world.server.address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    narrow.set_nonblocking(true).unwrap();
    let narrow = tokio::net::TcpStream::from_std(narrow.into()).unwrap();
    let auth = Auth::Header(ada.token());
    let mut slow = Socket::open_over(narrow, None, &world.server.address, auth, None).await.unwrap();
    slow.hello().await;
    // Frames of about 24 kB, until there are more than the kernel and the send queue can buffer.
    let text = "猫".repeat(8_000);
    let is_too_slow =
        async || world.nobody().get("/metrics").await.text.contains("\nclowder_sockets_too_slow_total 1\n");
    let mut total = 0;
    while !is_too_slow().await {
        assert!(total < 3_000, "the socket is never closed");
        join_all((0..16).map(|_| bob.says(&chat, &text))).await;
        total += 16;
    }
    let mut seen = Vec::new();
    let mut sockets = 0;
    while seen.len() < total {
        match slow.next().await {
            Heard::Frame(frame) if frame["type"] == "message.sent" => seen.push(frame["data"]["seq"].clone()),
            Heard::Frame(_) => {}
            Heard::Closed(code) => {
                assert_eq!(code, 4009);
                sockets += 1;
                let cursor = slow.cursor.clone();
                slow = ada.knock(cursor.as_deref()).await;
                assert_eq!(slow.hello().await["resumed"], true);
            }
        }
    }
    assert!(sockets > 0, "the socket was never closed");
    assert_eq!(seen, (1..=total).map(|seq| json!(seq)).collect::<Vec<_>>(), "in order, nothing lost, nothing twice");
}

/// Its close frame cannot be delivered either; the connection must end all the same.
#[tokio::test]
async fn who_never_reads_again_leaves_nothing_behind() {
    let world = World::with(Database::sqlite(), &[("CLOWDER__SERVER__UNREAD_SECONDS", "2")]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let before = world.server.sockets();
    let gone = async || {
        let metrics = world.nobody().get("/metrics").await.text;
        assert!(metrics.contains("\nclowder_sockets "), "{metrics}");
        metrics.contains("\nclowder_sockets 0\n") && world.server.sockets() <= before
    };
    let _stalled = ada.socket().await;
    assert!(!gone().await);
    let text = "猫".repeat(8_000);
    let say_on = async {
        while !gone().await {
            bob.says(&chat, &text).await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, say_on).await.expect("something of it stays");
}
