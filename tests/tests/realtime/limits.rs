//! How much one may send over a socket, and how many sockets one may open: limits are per user, not per connection.

use clowder_tests::{Answer, Auth, Database, Heard, PATIENCE, Socket, World, answer, on_both};
use futures_util::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

on_both!(shared; a_person_has_fifty_sockets, a_key_has_sockets_of_its_own);

/// Opens this many, authenticated in any of these ways.
async fn open(world: &World, auth: impl Fn() -> Auth<'static>, count: usize) -> Vec<Socket> {
    let sockets = join_all((0..count).map(|_| Socket::open(&world.server.address, auth(), None))).await;
    sockets.into_iter().map(|socket| socket.unwrap_or_else(|refused| panic!("{refused:?}"))).collect()
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

async fn refused(world: &World, auth: Auth<'_>) {
    let (status, problem) = world.open(auth, None).await.err().expect("one too many is open");
    assert_eq!((status, &problem["code"]), (429, &json!("sockets.too_many")), "{problem}");
    assert!(problem["retry_after"].as_u64().unwrap() > 0, "{problem}");
}

async fn a_person_has_fifty_sockets(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let other = world.login("ada").await;
    let access = leaked(ada.token());
    let mut sockets = open(&world, || Auth::Header(access), 50).await;
    for socket in &mut sockets {
        socket.hello().await;
    }
    refused(&world, Auth::Header(ada.token())).await;
    refused(&world, Auth::Subprotocol(other.token())).await;
    let ticket = ada.post("/api/ws/ticket", json!({})).await.expect(201);
    let ticket = ticket["ticket"].as_str().unwrap();
    refused(&world, Auth::Ticket(ticket)).await;
    // Clients that authenticate in the first frame get the same answer as soon as it is known who they are.
    let mut later = Socket::open(&world.server.address, Auth::Later, None).await.ok().unwrap();
    later.say(json!({"type": "auth", "data": {"access": other.token()}})).await;
    assert_eq!(later.closed().await, 4008);
    bob.socket().await;
    sockets[7].command("ping", json!({})).await.unwrap();
    // Closing one makes room for another.
    drop(sockets.pop());
    let again = async {
        loop {
            if let Ok(socket) = Socket::open(&world.server.address, Auth::Ticket(ticket), None).await {
                break socket;
            }
        }
    };
    let mut again = timeout(PATIENCE, again).await.expect("a socket that was closed still counts");
    // Nor was the ticket spent on a socket for which there was no room.
    again.hello().await;
}

async fn a_key_has_sockets_of_its_own(world: World) {
    let ada = world.user("ada").await;
    let new = json!({"name": "bot", "scopes": ["realtime:connect"]});
    let [one, other] = [ada.post("/api/api-keys", new.clone()).await, ada.post("/api/api-keys", new).await];
    let key = |answer: Answer| leaked(answer.expect(201)["key"].as_str().unwrap());
    let (one, other) = (key(one), key(other));
    let _sockets = open(&world, || Auth::Key(one), 50).await;
    refused(&world, Auth::Key(one)).await;
    let _more = open(&world, || Auth::Key(other), 1).await;
    ada.socket().await;
}

#[tokio::test]
async fn an_address_has_five_hundred_of_those_who_have_not_said_who_they_are() {
    let world = World::new(Database::sqlite()).await;
    let ada = world.user("ada").await;
    let mut sockets = open(&world, || Auth::Later, 500).await;
    refused(&world, Auth::Later).await;
    ada.socket().await;
    // Authenticated sockets no longer count for the address.
    let mut known = sockets.pop().unwrap();
    known.say(json!({"type": "auth", "data": {"access": ada.token()}})).await;
    known.hello().await;
    let Ok(mut next) = Socket::open(&world.server.address, Auth::Later, None).await else {
        panic!("there is no room again")
    };
    refused(&world, Auth::Later).await;
    next.say(json!({"type": "auth", "data": {"access": ada.token()}})).await;
    next.hello().await;
}

/// Sockets and HTTP share one limit: what was spent over a socket is missing over HTTP.
#[tokio::test]
async fn commands_cost_what_requests_do() {
    let world = World::with(Database::sqlite(), &[("RATE_LIMIT_FACTOR", "0.1")]).await;
    let ada = world.user("ada").await;
    let mut sockets = [ada.socket().await, ada.socket().await];
    // A burst is a third of 300 units, and 5 come back in a second.
    let mut limited = async |command: &str| {
        for asked in 0..250 {
            match sockets[asked % 2].command(command, json!({})).await {
                Err(problem) if problem["code"] == "rate.limited" => return problem,
                _ => {}
            }
        }
        panic!("nothing limits {command}");
    };
    let problem = limited("ping").await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(429), &json!("rate.limited")), "{problem}");
    assert!(problem["retry_after"].as_u64().unwrap() > 0, "{problem}");
    // Unknown and malformed commands cost as much.
    limited("dance").await;
    let answer = answer("a request is limited", async || {
        Some(ada.get("/api/auth/me").await).filter(|answer| answer.status == 429)
    });
    let answer = answer.await;
    let body = answer.clone().refused(429, "rate.limited");
    assert_eq!(body["retry_after"].to_string(), answer.header("retry-after"));
    assert_eq!(world.nobody().get("/api/health").await.status, 200, "nobody has limits of their own");
    // The sockets stay open, and are told again when to go on.
    limited("ping").await;
}

/// Raw frames, which no well-behaved client would send.
struct Raw(TcpStream);

impl Raw {
    async fn open(world: &World, access: &str) -> Self {
        let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
        let handshake = format!(
            "GET /api/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\
             Authorization: Bearer {access}\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, stream.read_u8()).await.expect("no handshake").unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", head.escape_ascii());
        Self(stream)
    }

    /// The code of the close frame.
    async fn closed(self) -> u16 {
        self.answers().await.1
    }

    /// How many commands were executed, and the code of the close frame after that.
    async fn answers(mut self) -> (usize, u16) {
        let mut acks = 0;
        loop {
            let first = timeout(PATIENCE, self.0.read_u8()).await.expect("never closed").expect("no close frame");
            let length = match self.0.read_u8().await.unwrap() {
                126 => self.0.read_u16().await.unwrap().into(),
                length => usize::from(length),
            };
            let mut data = vec![0; length];
            self.0.read_exact(&mut data).await.unwrap();
            if first == 0x88 {
                return (acks, u16::from_be_bytes([data[0], data[1]]));
            }
            acks += usize::from(data.starts_with(br#"{"type":"ack""#));
        }
    }
}

/// A masked frame (with a mask that changes nothing).
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let head = [first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    [&head, payload].concat()
}

#[tokio::test]
async fn frames_of_every_kind_are_counted() {
    let world = World::shared_on_sqlite(&[]).await;
    let ada = world.user("ada").await;
    let ping = br#"{"type":"ping"}"#;
    for (what, frames) in [
        ("commands", frame(0x81, ping)),
        ("pings", frame(0x89, b"")),
        ("pongs", frame(0x8a, b"x")),
        ("fragments of nothing", [frame(0x01, b""), frame(0x00, b""), frame(0x80, ping)].concat()),
    ] {
        let mut raw = Raw::open(&world, ada.token()).await;
        // The server may close before it has read them all.
        let _ = raw.0.write_all(&frames.repeat(1_000)).await;
        assert_eq!(raw.closed().await, 4008, "{what}");
    }
    // Earlier ones are executed.
    let bob = world.user("bob").await;
    let mut raw = Raw::open(&world, bob.token()).await;
    let _ = raw.0.write_all(&frame(0x81, ping).repeat(1_000)).await;
    let (acks, code) = raw.answers().await;
    assert!(code == 4008 && (300..1_000).contains(&acks), "{acks} were answered, then {code}");
    // Three hundred at once are allowed.
    let mut socket = ada.socket().await;
    for _ in 0..250 {
        socket.send(Message::Ping(Vec::new().into())).await;
    }
    socket.command("ping", json!({})).await.unwrap();
}

#[tokio::test]
async fn reserved_bits_break_the_protocol() {
    let world = World::shared_on_sqlite(&[]).await;
    let ada = world.user("ada").await;
    for bit in [0x40, 0x20, 0x10] {
        let mut raw = Raw::open(&world, ada.token()).await;
        raw.0.write_all(&frame(0x81 | bit, br#"{"type":"ping"}"#)).await.unwrap();
        assert_eq!(raw.closed().await, 1002, "{bit:x}");
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_told_how_to_be_one() {
    let world = World::shared_on_sqlite(&[]).await;
    let ada = world.user("ada").await;
    let ticket = ada.post("/api/ws/ticket", json!({})).await.expect(201);
    let ticket = ticket["ticket"].as_str().unwrap();
    for path in ["/api/ws".to_owned(), "/ws".to_owned(), format!("/api/ws?ticket={ticket}")] {
        let answer = world.nobody().get(&path).await;
        assert_eq!((answer.header("upgrade"), answer.header("sec-websocket-version")), ("websocket", "13"), "{path}");
        answer.refused(426, "upgrade.required");
    }
    let old = world.nobody().request("GET", "/api/ws").header("upgrade", "websocket");
    let old = old.header("connection", "upgrade").header("sec-websocket-version", "8");
    let old = Answer::to(old.header("sec-websocket-key", "x3JJHMbDL1EzLkh9GBhXDw==")).await;
    assert_eq!(old.header("sec-websocket-version"), "13");
    old.refused(426, "upgrade.required");
    // That did not spend the ticket.
    let mut socket = Socket::open(&world.server.address, Auth::Ticket(ticket), None).await.ok().unwrap();
    assert!(matches!(socket.next().await, Heard::Frame(hello) if hello["type"] == "hello"));
}

/// A client's mistake is not logged as a fault of the server.
#[tokio::test]
async fn a_refused_command_is_no_error_in_the_log() {
    let world = World::with(Database::sqlite(), &[("LOG", "warn,clowder::permissions=error")]).await;
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    let nowhere = json!({"chat_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10", "content": "x"});
    for (command, data) in [("message.send", nowhere), ("message.send", json!({})), ("dance", json!({}))] {
        socket.command(command, data).await.unwrap_err();
    }
    socket.send(Message::text("{")).await;
    assert_eq!(socket.after_registering().await["type"], "error");
    ada.get("/api/chats/nowhere").await.expect(404);
    ada.post("/api/chats", json!({})).await.expect(422);
    let log = world.server.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}

/// The beginning of a masked frame that announces so many octets.
fn beginning(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0x80 | 127][..], &length.to_be_bytes(), &[0; 4]].concat()
}

#[tokio::test]
async fn control_frames_are_checked_at_their_header_and_strangers_say_little() {
    let world = World::shared_on_sqlite(&[]).await;
    let ada = world.user("ada").await;
    let fragment = [beginning(0x01, 131_000), vec![b' '; 131_000]].concat();
    for (what, octets, code) in [
        ("a ping of 128 KiB", [fragment.clone(), beginning(0x89, 131_072)].concat(), 1002),
        ("a ping of 126 octets", beginning(0x89, 126), 1002),
        ("a ping in two frames", vec![0x09, 0x80], 1002),
        ("a message of more than 128 KiB", [fragment, beginning(0x80, 73)].concat(), 1009),
    ] {
        let mut raw = Raw::open(&world, ada.token()).await;
        // The server may close before it has read them all.
        let _ = raw.0.write_all(&octets).await;
        assert_eq!(raw.closed().await, code, "{what}");
    }
    let mut stranger = world.open(Auth::Later, None).await.unwrap();
    stranger.send(Message::text("x".repeat((16 << 10) + 1))).await;
    assert_eq!(stranger.closed().await, 1009);
}
