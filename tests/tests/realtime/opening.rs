//! The four ways to say who one is, and what happens to those who do not.

use clowder_tests::{Auth, Socket, User, World, on_both};
use serde_json::{Value, json};

on_both!(four_ways, refused_handshakes, a_ticket_is_good_once, wrong_first_frames, no_first_frame);

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

async fn refused_handshakes(world: World) {
    for auth in [Auth::Header("nonsense"), Auth::Subprotocol("nonsense"), Auth::Ticket("nonsense")] {
        let (status, problem) = Socket::open(&world.server.address, auth, None).await.err().unwrap();
        assert_eq!(status, 401);
        assert!(problem["code"].is_string() || problem == Value::Null, "{problem}");
    }
}

async fn a_ticket_is_good_once(world: World) {
    let ada = world.user("ada").await;
    let ticket = ticket(&ada).await;
    let address = &world.server.address;
    greeted(Socket::open(address, Auth::Ticket(&ticket), None).await.unwrap(), &ada).await;
    assert_eq!(Socket::open(address, Auth::Ticket(&ticket), None).await.err().unwrap().0, 401);
}

async fn wrong_first_frames(world: World) {
    for first in [
        json!({"type": "auth", "data": {"access": "nonsense"}}),
        json!({"type": "auth"}),
        json!({"id": "1", "type": "ping"}),
        json!([]),
    ] {
        let mut socket = Socket::open(&world.server.address, Auth::Later, None).await.unwrap();
        socket.say(first).await;
        assert_eq!(socket.closed().await, 4001);
    }
}

async fn no_first_frame(world: World) {
    let mut socket = Socket::open(&world.server.address, Auth::Later, None).await.unwrap();
    assert_eq!(socket.closed().await, 4002);
}
