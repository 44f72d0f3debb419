//! Friends see who is there, and hear who comes and goes.

use clowder_tests::{Database, Server, User, World, on_both, until, world::each};
use serde_json::{Value, json};

on_both!(
    shared;
    watching, unwatched, partners, coming_and_going, a_status_by_either_way, ones_own_devices, hiding, invisible, programs,
    wrong_input
);

async fn befriend(one: &User, other: &User) {
    one.post("/api/friends/request", json!({"user_id": other.id})).await.expect(201);
    other.post("/api/friends/request", json!({"user_id": one.id})).await.expect(200);
}

async fn presence(viewer: &User, of: &User) -> Value {
    viewer.get(&format!("/api/users/{}", of.id)).await.expect(200)["presence"].clone()
}

async fn coming_and_going(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    befriend(&ada, &bob).await;
    let (mut b, mut c) = (bob.socket().await, cem.socket().await);
    assert_eq!(presence(&bob, &ada).await, "offline");
    let mut a = ada.socket().await;
    let online = b.until("user.online").await;
    assert_eq!((&online["data"]["user_id"], &online["data"]["status"]), (&json!(ada.id), &json!("online")));
    assert!(online.get("cursor").is_none(), "it is never replayed");
    assert_eq!(presence(&cem, &ada).await, "online", "a public profile shows it");
    let friends = bob.get("/api/friends?presence=online&sort=active").await.expect(200);
    assert_eq!(friends["items"][0]["user"]["id"], json!(ada.id));

    // A second device, and a page that reloads: nobody hears of that.
    let second = ada.socket().await;
    drop(a);
    a = ada.socket().await;
    drop(second);
    drop(a);
    let offline = b.until("user.offline").await;
    assert_eq!((&offline["data"]["user_id"], &offline["data"]["status"]), (&json!(ada.id), &json!("offline")));
    assert_eq!(presence(&bob, &ada).await, "offline");
    let seen = bob.get(&format!("/api/users/{}", ada.id)).await.expect(200);
    assert_eq!(seen["last_seen_at"], offline["data"]["last_seen_at"]);
    assert!(c.drain().await.iter().all(|frame| frame["data"]["user_id"] != json!(ada.id)), "he is no friend");
}

async fn a_status_by_either_way(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    befriend(&ada, &bob).await;
    let (mut a, mut b) = (ada.socket().await, bob.socket().await);
    let busy = json!({"status": "busy", "text": "in a meeting"});
    let set = ada.put("/api/users/me/presence", busy).await.expect(200);
    assert_eq!(
        (&set["status"], &set["presence"], &set["text"]),
        (&json!("busy"), &json!("busy"), &json!("in a meeting"))
    );
    assert_eq!(ada.get("/api/users/me/presence").await.expect(200)["status"], "busy");
    assert_eq!(a.until("user.updated").await["data"]["status_text"], "in a meeting");
    let heard = b.until("user.status").await;
    assert_eq!((&heard["data"]["status"], &heard["data"]["text"]), (&json!("busy"), &json!("in a meeting")));
    let set = a.command("presence.set", json!({"status": "away"})).await.unwrap();
    assert_eq!((&set["status"], &set["text"]), (&json!("away"), &Value::Null));
    let heard = b.until("user.status").await;
    assert_eq!((&heard["data"]["status"], &heard["data"]["text"]), (&json!("away"), &Value::Null));
}

/// Another device learns of it, also when it was away.
async fn ones_own_devices(world: World) {
    let ada = world.user("ada").await;
    let mut a = ada.socket().await;
    ada.put("/api/users/me/presence", json!({"status": "busy", "text": "in a meeting"})).await.expect(200);
    let shown = json!({
        "status": "busy", "text": "in a meeting", "until": null, "seen_by": "everyone", "text_seen_by": "everyone"
    });
    let told = a.until("presence.updated").await;
    assert_eq!((&told["data"], told["cursor"].is_string()), (&shown, true));
    let cursor = a.cursor.clone().unwrap();
    drop(a);
    ada.patch("/api/users/me/settings", json!({"privacy": {"last_seen": "friends"}})).await.expect(200);
    ada.patch("/api/users/me", json!({"status_text": null})).await.expect(200);
    let mut a = ada.knock(Some(&cursor)).await;
    let first = a.until("presence.updated").await;
    assert_eq!((&first["data"]["seen_by"], &first["data"]["text"]), (&json!("friends"), &Value::Null), "as it is now");
    let last = a.until("presence.updated").await;
    assert_eq!((&last["data"]["status"], &last["data"]["text"]), (&json!("busy"), &Value::Null));
}

async fn hiding(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    befriend(&ada, &bob).await;
    let mut b = bob.socket().await;
    let _a = ada.socket().await;
    b.until("user.online").await;
    ada.patch("/api/users/me/settings", json!({"privacy": {"last_seen": "nobody"}})).await.expect(200);
    let hidden = b.until("user.offline").await;
    assert_eq!((&hidden["data"]["status"], &hidden["data"]["last_seen_at"]), (&Value::Null, &Value::Null));
    assert_eq!(presence(&bob, &ada).await, Value::Null);
}

/// The call is made at one node, and the sockets are at another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_set_at_another_node() {
    let world = World::new(Database::postgres()).await;
    let far = Server::start(&world.database, &[]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    befriend(&ada, &bob).await;
    let mut b = bob.at(&far).socket().await;
    let mut a = ada.at(&far).socket().await;
    assert_eq!(b.until("user.online").await["data"]["status"], "online");
    ada.put("/api/users/me/presence", json!({"status": "busy", "text": "in a meeting"})).await.expect(200);
    assert_eq!(a.until("presence.updated").await["data"]["status"], "busy");
    let heard = b.until("user.status").await;
    assert_eq!((&heard["data"]["status"], &heard["data"]["text"]), (&json!("busy"), &json!("in a meeting")));
    assert_eq!(presence(&bob.at(&far), &ada).await, "busy");
}

async fn invisible(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    befriend(&ada, &bob).await;
    let mut b = bob.socket().await;
    ada.put("/api/users/me/presence", json!({"status": "invisible"})).await.expect(200);
    let mut a = ada.socket().await;
    assert_eq!(presence(&bob, &ada).await, "offline");
    assert_eq!(ada.get("/api/users/me/presence").await.expect(200)["presence"], "offline");
    a.command("presence.set", json!({"status": "online"})).await.unwrap();
    assert_eq!(b.until("user.online").await["data"]["status"], "online");
    a.command("presence.set", json!({"status": "invisible"})).await.unwrap();
    assert_eq!(b.until("user.offline").await["data"]["status"], "offline");
    assert_eq!(presence(&bob, &ada).await, "offline");
}

/// The program of a person is not the person.
async fn programs(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let key = json!({"name": "bot", "scopes": ["realtime:connect", "profile:write"]});
    let key = ada.post("/api/api-keys", key).await.expect(201)["key"].as_str().unwrap().to_owned();
    let mut socket = world.open(clowder_tests::Auth::Key(&key), None).await.unwrap();
    socket.hello().await;
    assert_eq!(presence(&bob, &ada).await, "offline");
    socket.command("presence.set", json!({"status": "busy"})).await.unwrap();
    assert_eq!(presence(&bob, &ada).await, "offline");
}

async fn wrong_input(world: World) {
    let ada = world.user("ada").await;
    let put = async |body: Value| ada.put("/api/users/me/presence", body).await;
    assert_eq!(put(json!({})).await.wrong_fields(), ["/status"]);
    let all = json!({"status": "asleep", "text": "x".repeat(141), "until": "tomorrow"});
    assert_eq!(put(all).await.wrong_fields(), ["/status", "/text", "/until"]);
    put(json!({"status": "online", "text": null, "until": null})).await.expect(200);
    let over = json!({"status": "asleep", "until": "2020-01-01T00:00:00Z"});
    assert_eq!(put(over.clone()).await.wrong_fields(), ["/status", "/until"]);
    let mut socket = ada.socket().await;
    let refused = socket.command("presence.set", over).await.unwrap_err();
    assert_eq!(refused["errors"][1]["code"], "past");
    ada.get("/api/friends?presence=asleep").await.refused(422, "input.invalid");
    let refused = socket.command("presence.set", json!({"status": 1})).await.unwrap_err();
    assert_eq!(refused["code"], "input.invalid");
}

/// Somebody who looks at a profile hears of that person, friend or not, once their client says so.
async fn watching(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    let (dan, eve) = (world.user("dan").await, world.user("eve").await);
    befriend(&ada, &bob).await;
    eve.put(&format!("/api/users/{}/block", cem.id), json!({})).await.expect(200);
    dan.patch("/api/users/me/settings", json!({"privacy": {"last_seen": "friends"}})).await.expect(200);
    let (mut b, mut c, mut quiet) = (bob.socket().await, cem.socket().await, cem.socket().await);
    let all = json!({"ids": [ada.id, dan.id, eve.id]});
    let watched = c.command("presence.subscribe", all).await.unwrap();
    assert_eq!(each(watched["people"].as_array().unwrap(), "user_id"), [json!(ada.id)], "who may be seen");
    assert_eq!((&watched["people"][0]["status"], watched["until"].is_string()), (&json!("offline"), true));
    b.command("presence.subscribe", json!({"ids": [ada.id]})).await.unwrap();
    let (_dan, _eve, mut a) = (dan.socket().await, eve.socket().await, ada.socket().await);
    for socket in [&mut b, &mut c] {
        assert_eq!(socket.until("user.online").await["data"]["user_id"], json!(ada.id));
    }
    a.command("presence.set", json!({"status": "busy", "text": "in a meeting"})).await.unwrap();
    for socket in [&mut b, &mut c] {
        let heard = socket.until("user.status").await;
        assert_eq!((&heard["data"]["status"], &heard["data"]["text"]), (&json!("busy"), &json!("in a meeting")));
    }
    // Only friends see it from now on.
    ada.patch("/api/users/me/settings", json!({"privacy": {"last_seen": "friends"}})).await.expect(200);
    assert_eq!(c.until("user.offline").await["data"]["status"], Value::Null);
    ada.patch("/api/users/me/settings", json!({"privacy": {"last_seen": "everyone"}})).await.expect(200);
    assert_eq!(c.until("user.online").await["data"]["status"], "busy");
    // Then she blocks him.
    ada.put(&format!("/api/users/{}/block", cem.id), json!({})).await.expect(200);
    assert_eq!(c.until("user.offline").await["data"]["status"], Value::Null);
    a.command("presence.set", json!({"status": "away"})).await.unwrap();
    assert_eq!(b.until("user.status").await["data"]["status"], "away");
    for socket in [&mut b, &mut c, &mut quiet] {
        let told = socket.drain().await;
        assert!(told.iter().all(|frame| !frame["type"].as_str().unwrap().starts_with("user.o")), "{told:?}");
        assert!(told.iter().all(|frame| frame["type"] != "user.status"), "each once: {told:?}");
    }
    b.command("presence.unsubscribe", json!({"ids": [ada.id]})).await.unwrap();
    let refused = c.command("presence.subscribe", json!({"ids": []})).await.unwrap_err();
    assert_eq!(refused["errors"][0]["code"], "required");
    let many: Vec<_> = (0..201).map(|_| &ada.id).collect();
    let refused = c.command("presence.subscribe", json!({"ids": many})).await.unwrap_err();
    assert_eq!(refused["status"], 422);
}

/// Whoever has a private chat with somebody hears of that person unasked, with all sockets, as far as everybody may.
async fn partners(world: World) {
    let (ada, bob, cem, dan) =
        (world.user("ada").await, world.user("bob").await, world.user("cem").await, world.user("dan").await);
    ada.private_chat(&bob).await;
    dan.group("Cats", &[&ada]).await;
    let (mut b, mut laptop) = (bob.socket().await, world.login("bob").await.socket().await);
    let (mut c, mut d) = (cem.socket().await, dan.socket().await);
    // To name her, too, makes no second event.
    b.command("presence.subscribe", json!({"ids": [ada.id]})).await.unwrap();
    let mut a = ada.socket().await;
    for socket in [&mut b, &mut laptop] {
        assert_eq!(socket.until("user.online").await["data"]["user_id"], json!(ada.id));
    }
    // A chat that begins while both are connected.
    cem.private_chat(&ada).await;
    for socket in [&mut a, &mut c] {
        socket.until("chat.created").await;
    }
    a.command("presence.set", json!({"status": "busy"})).await.unwrap();
    for socket in [&mut b, &mut laptop, &mut c] {
        assert_eq!(socket.until("user.status").await["data"]["status"], "busy");
    }
    c.command("presence.set", json!({"status": "away"})).await.unwrap();
    let heard = a.until("user.status").await;
    assert_eq!((&heard["data"]["user_id"], &heard["data"]["status"]), (&json!(cem.id), &json!("away")));
    // A block parts them, and she hides from everybody but her friends.
    ada.put(&format!("/api/users/{}/block", cem.id), json!({})).await.expect(200);
    assert_eq!(c.until("user.offline").await["data"]["status"], Value::Null);
    ada.patch("/api/users/me/settings", json!({"privacy": {"last_seen": "friends"}})).await.expect(200);
    for socket in [&mut b, &mut laptop] {
        assert_eq!(socket.until("user.offline").await["data"]["status"], Value::Null);
    }
    for socket in [&mut b, &mut laptop, &mut c, &mut d] {
        let told = socket.drain().await;
        let of_ada =
            |frame: &Value| frame["type"].as_str().unwrap().starts_with("user.") && frame["data"]["user_id"] == *ada.id;
        assert!(!told.iter().any(of_ada), "each once, and nothing of who is only in a group with her: {told:?}");
    }
}

async fn unwatched(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut b = bob.socket().await;
    b.command("presence.subscribe", json!({"ids": [ada.id]})).await.unwrap();
    let mut a = ada.socket().await;
    assert_eq!(b.until("user.online").await["data"]["user_id"], json!(ada.id));
    b.command("presence.unsubscribe", json!({"ids": [ada.id]})).await.unwrap();
    a.command("presence.set", json!({"status": "busy"})).await.unwrap();
    until("others see it", async || presence(&bob, &ada).await == "busy").await;
    b.command("presence.subscribe", json!({"ids": [ada.id]})).await.unwrap();
    a.command("presence.set", json!({"status": "away"})).await.unwrap();
    let heard = b.until("user.status").await;
    assert_eq!(heard["data"]["status"], "away", "and nothing in between");
}
