//! The four ways to authenticate a socket, and what happens without any.

use clowder_tests::{Auth, Client, Heard, Socket, User, World, on_both};
use serde_json::json;

on_both!(shared;
    four_ways,
    refused_handshakes,
    subprotocols,
    a_ticket_is_good_once,
    wrong_tickets_make_wait,
    suspended_pages_are_told,
    wrong_first_frames,
);

async fn greeted(mut socket: Socket, user: &User) {
    let hello = socket.hello().await;
    assert_eq!(hello["user_id"], *user.id);
    assert!(hello["session_id"].is_string() && hello["cursor"].is_string(), "{hello}");
    assert!(hello["heartbeat_ms"].as_u64().unwrap() >= 1000);
    assert_eq!(hello["resumed"], false);
    socket.command("ping", json!({})).await.unwrap();
}

async fn ticket(user: &User) -> String {
    let answer = user.post("/api/ws/ticket", json!({})).await;
    assert_eq!(answer.status / 100, 2, "{}", answer.text);
    answer.body["ticket"].as_str().unwrap().to_owned()
}

async fn four_ways(world: World) {
    let ada = world.user("ada").await;
    let address = &world.server.address;
    let ticket = ticket(&ada).await;
    for auth in [Auth::Header(ada.token()), Auth::Subprotocol(ada.token()), Auth::Ticket(&ticket)] {
        greeted(Socket::open(address, auth, None).await.unwrap(), &ada).await;
    }
    let mut socket = Socket::open(address, Auth::Later, None).await.unwrap();
    socket.say(json!({"type": "auth", "data": {"access": ada.token()}})).await;
    greeted(socket, &ada).await;
}

/// A program sees the status; a page does not and gets the reason over the socket.
async fn refused_handshakes(world: World) {
    let ada = world.user("ada").await;
    let (status, problem) = world.open(Auth::Header("nonsense"), None).await.err().unwrap();
    assert_eq!((status, &problem["code"]), (401, &json!("token.invalid")));
    let alone = format!("bearer.{}", ada.token());
    let query = format!("token={}", ada.token());
    for (auth, says) in [
        (Auth::Subprotocol("nonsense"), "access token is not valid"),
        (Auth::Subprotocol(""), "access token is not valid"),
        (Auth::Ticket("nonsense"), "get a new one"),
        (Auth::Ticket(""), "get a new one"),
        (Auth::Protocols(&alone), "offer the subprotocol `clowder.v1` beside"),
        (Auth::Protocols("graphql-ws, bearer.x"), "offer the subprotocol `clowder.v1` beside"),
        (Auth::Query(&query), "a token in the URL is not read"),
        (Auth::Query("access_token="), "a token in the URL is not read"),
    ] {
        let (code, reason) = refused(&world, auth).await;
        assert!(code == 4001 && reason.contains(says), "{code} {reason}");
    }
    let session = world.login("ada").await;
    session.post("/api/auth/logout", json!({})).await.expect(204);
    let (code, reason) = refused(&world, Auth::Subprotocol(session.token())).await;
    assert!(code == 4001 && reason.contains("session"), "{code} {reason}");
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let world = World::shared_on_sqlite(&[("ACCESS_TOKEN_SECONDS", "3")]).await;
    let eve = world.user("eve").await;
    // The expiry of its token is the signal that the test waits for.
    assert_eq!(eve.socket().await.closed().await, 4004);
    let old = Auth::Subprotocol(eve.token());
    assert_eq!(refused(&world, old).await, (4001, "the access token has expired; refresh it".to_owned()));
}

/// The close of a socket that opens all the same.
async fn refused(world: &World, auth: Auth<'_>) -> (u16, String) {
    let mut socket = world.open(auth, None).await.expect("it opens");
    let heard = socket.next().await;
    let Heard::Closed(code) = heard else { panic!("{heard:?} instead of the end") };
    (code, socket.reason.unwrap_or_default())
}

/// A browser fails a handshake that accepts none of the subprotocols it offered.
async fn subprotocols(world: World) {
    let ada = world.user("ada").await;
    let bearer = format!("bearer.{}", ada.token());
    for (offer, answered) in [
        (format!("clowder.v1, {bearer}"), Some("clowder.v1")),
        (format!("{bearer}, clowder.v1"), Some("clowder.v1")),
        (format!("other.v2, clowder.v1, {bearer}"), Some("clowder.v1")),
        (bearer.clone(), Some(&*bearer)),
        ("clowder.v1".to_owned(), Some("clowder.v1")),
        ("other.v2".to_owned(), None),
    ] {
        let opened = raw_handshake(&world.server.address, &offer).await;
        assert_eq!(opened.as_deref(), answered, "{offer}");
    }
}

/// The subprotocol in the response, whatever a client makes of it.
async fn raw_handshake(address: &str, offer: &str) -> Option<String> {
    let request = Client::new(address)
        .request("GET", "/api/ws")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "Y2xvd2RlciBpcyBjYXRzIQ==")
        .header("sec-websocket-protocol", offer);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 101);
    answer.headers().get("sec-websocket-protocol").map(|it| it.to_str().unwrap().to_owned())
}

async fn a_ticket_is_good_once(world: World) {
    let ada = world.user("ada").await;
    let ticket = ticket(&ada).await;
    greeted(world.open(Auth::Ticket(&ticket), None).await.unwrap(), &ada).await;
    let (code, reason) = refused(&world, Auth::Ticket(&ticket)).await;
    assert!(code == 4001 && reason.contains("used"), "{reason}");
    let (code, reason) = refused(&world, Auth::Ticket(&"t".repeat(4_097))).await;
    assert!(code == 4001 && reason.contains("not valid"), "{reason}");
}

async fn wrong_tickets_make_wait(world: World) {
    let ada = world.user("ada").await;
    let ticket = ticket(&ada).await;
    let (mut code, mut reason) = (4001, String::new());
    for _ in 0..6 {
        (code, reason) = refused(&world, Auth::Ticket("nonsense")).await;
    }
    assert_eq!(code, 4008, "{reason}");
    assert!(reason.starts_with("too many failed attempts from this address; try again in "), "{reason}");
    // The right one has to wait as well, and is not spent.
    let opened = async {
        loop {
            let mut socket = world.open(Auth::Ticket(&ticket), None).await.unwrap();
            match socket.next().await {
                Heard::Frame(frame) => break assert_eq!(frame["type"], "hello"),
                other => assert!(matches!(other, Heard::Closed(4008)), "{other:?}"),
            }
        }
    };
    tokio::time::timeout(clowder_tests::PATIENCE, opened).await.expect("the ticket was spent");
}

async fn suspended_pages_are_told(world: World) {
    let (ada, boss) = (world.user("ada").await, world.staff("boss", "admin").await);
    let ticket = ticket(&ada).await;
    let suspend = format!("/api/admin/users/{}/suspension", ada.id);
    boss.put(&suspend, json!({"reason": "spam"})).await.expect(200);
    for auth in [Auth::Subprotocol(ada.token()), Auth::Ticket(&ticket)] {
        let (code, reason) = refused(&world, auth).await;
        assert!(code == 4003 && reason.contains("suspended"), "{code} {reason}");
    }
    assert_eq!(Socket::open(&world.server.address, Auth::Header(ada.token()), None).await.err().unwrap().0, 403);
}

async fn wrong_first_frames(world: World) {
    let ada = world.user("ada").await;
    for (first, says) in [
        (json!({"type": "auth", "data": {"access": "nonsense"}}), "the access token is not valid"),
        (json!({"type": "auth"}), "needs the access token in `data.access`"),
        (json!({"type": "auth", "data": {"token": ada.token()}}), "needs the access token in `data.access`"),
        (json!({"type": "auth", "access": ada.token()}), "needs the access token in `data.access`"),
        (json!({"id": "1", "type": "ping"}), "the first frame must be `auth`"),
        (json!([]), "the first frame must be `auth`"),
    ] {
        let mut socket = world.open(Auth::Later, None).await.unwrap();
        socket.say(first).await;
        assert_eq!(socket.closed().await, 4001);
        let reason = socket.reason.unwrap_or_default();
        assert!(reason.contains(says), "{reason}");
    }
}

#[tokio::test]
async fn no_first_frame() {
    let world = World::shared_on_sqlite(&[]).await;
    let mut socket = Socket::open(&world.server.address, Auth::Later, None).await.unwrap();
    assert_eq!(socket.closed().await, 4002);
}
