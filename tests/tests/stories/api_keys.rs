//! Programs act for people by API keys: within their scopes, until they are revoked.

use clowder_tests::{Auth, Client, Database, SECOND, Server, Socket, User, World, on_both, until, within};
use serde_json::{Value, json};

on_both!(shared;
    a_program_at_work,
    asked_for_twice,
    keys_are_not_people,
    keys_of_others,
    revoked,
    sockets,
    suspended,
    wrong_inputs
);

async fn make(user: &User, scopes: &[&str]) -> Value {
    user.post("/api/api-keys", json!({"name": "bot", "scopes": scopes})).await.expect(201)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap()
}

async fn a_program_at_work(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let issued = make(&ada, &["chats:read", "messages:write"]).await;
    assert!(text(&issued, "key").starts_with(text(&issued, "prefix")));
    let bot = world.nobody().with_key(text(&issued, "key"));
    assert_eq!(bot.get("/api/chats").await.expect(200)["items"][0]["id"], *chat);
    let sent = bot.post(&format!("/api/chats/{chat}/messages"), json!({"content": "beep"})).await.expect(201);
    assert_eq!(sent["sender"]["id"], *ada.id, "it acts as its owner");
    // What its scopes do not allow.
    bot.get(&format!("/api/chats/{chat}/messages")).await.refused(403, "scope.missing");
    bot.post("/api/chats", json!({"type": "group", "title": "Bots"})).await.refused(403, "scope.missing");
    bot.get("/api/auth/me").await.refused(403, "scope.missing");
    // Its use is recorded, after the answer.
    let own = format!("/api/api-keys/{}", text(&issued, "id"));
    until("its use is noted", async || !ada.get(&own).await.expect(200)["last_used_at"].is_null()).await;
    let listed = ada.get("/api/api-keys").await.expect(200);
    assert!(!listed.to_string().contains(&text(&issued, "key")[30..]), "shown once");
    assert_eq!(listed["items"][0]["scopes"], json!(["chats:read", "messages:write"]));
}

async fn keys_are_not_people(world: World) {
    let ada = world.user("ada").await;
    let opened = world.nobody().get("/api/api-keys/scopes").await.expect(200);
    let items = opened["items"].as_array().unwrap();
    let all: Vec<_> =
        items.iter().filter(|item| item["least_role"] == "user").map(|item| text(item, "scope")).collect();
    assert!(items.iter().any(|item| item["routes"].to_string().contains("/api/chats/{chat_id}/messages")));
    let issued = make(&ada, &all).await;
    let bot = world.nobody().with_key(text(&issued, "key"));
    bot.get("/api/auth/me").await.expect(200);
    let own = format!("/api/api-keys/{}", text(&issued, "id"));
    for answer in [
        bot.get("/api/api-keys").await,
        bot.post("/api/api-keys", json!({"name": "child", "scopes": ["chats:read"]})).await,
        bot.get(&own).await,
        bot.delete(&own).await,
        bot.get("/api/auth/sessions").await,
        bot.post("/api/auth/logout-all", json!({})).await,
        bot.post("/api/auth/logout", json!({})).await,
        bot.post("/api/ws/ticket", json!({})).await,
        bot.post("/api/auth/password/change", json!({"current_password": "x", "new_password": "y"})).await,
    ] {
        answer.refused(403, "scope.missing");
    }
    // Calls for staff are not open to ordinary users' keys.
    let refused = ada.post("/api/api-keys", json!({"name": "bot", "scopes": ["admin:read"]})).await;
    assert_eq!(refused.wrong_fields(), ["/scopes"]);
    let mo = world.staff("mo_1", "moderator").await;
    let issued = make(&mo, &["admin:read"]).await;
    let patrol = world.nobody().with_key(text(&issued, "key"));
    patrol.get("/api/admin/users").await.expect(200);
    let suspension = format!("/api/admin/users/{}/suspension", ada.id);
    patrol.put(&suspension, json!({"reason": "spam"})).await.refused(403, "scope.missing");
    assert!(world.command(&["admin", "set-role", &mo.name, "user"], &[]).well);
    world.until(&mo, |me| me["role"] == "user").await;
    patrol.get("/api/admin/users").await.refused(403, "permission.denied");
}

async fn asked_for_twice(world: World) {
    let ada = world.user("ada").await;
    let ask = async || {
        let new = json!({"name": "bot", "scopes": ["chats:read"]});
        let request = ada.request("POST", "/api/api-keys").header("idempotency-key", "once");
        clowder_tests::Answer::to(request.json(&new)).await.expect(201)
    };
    let (first, mut second) = (ask().await, ask().await);
    assert_eq!(second["key"], Value::Null, "nobody kept it");
    second["key"] = first["key"].clone();
    assert_eq!((&first, first["key"].is_string()), (&second, true));
    assert_eq!(ada.get("/api/api-keys").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

async fn keys_of_others(world: World) {
    let (ada, eve) = (world.user("ada").await, world.user("eve").await);
    let own = format!("/api/api-keys/{}", text(&make(&ada, &["chats:read"]).await, "id"));
    eve.get(&own).await.refused(404, "api_key.unknown");
    eve.delete(&own).await.refused(404, "api_key.unknown");
    assert!(eve.get("/api/api-keys").await.expect(200)["items"].as_array().unwrap().is_empty());
    for wrong in ["", "clw_", "nonsense", "🐈"] {
        let request = world.nobody().request("GET", "/api/chats").header("x-api-key", wrong.as_bytes());
        clowder_tests::Answer::to(request).await.refused(401, "api_key.invalid");
    }
    // An access token identifies the caller more precisely.
    let both = ada.request("GET", "/api/auth/sessions").header("x-api-key", "nonsense");
    clowder_tests::Answer::to(both).await.expect(200);
    world.nobody().with_key("nonsense").get("/api/problems").await.expect(200);
}

async fn revoked(world: World) {
    let ada = world.user("ada").await;
    let mut hers = ada.socket().await;
    let issued = make(&ada, &["chats:read", "realtime:connect"]).await;
    assert_eq!(hers.until("api_key.created").await["data"]["id"], issued["id"]);
    let bot = world.nobody().with_key(text(&issued, "key"));
    bot.get("/api/chats").await.expect(200);
    let mut socket = Socket::open(&world.server.address, Auth::Key(text(&issued, "key")), None).await.ok().unwrap();
    socket.hello().await;
    ada.delete(&format!("/api/api-keys/{}", text(&issued, "id"))).await.expect(204);
    bot.get("/api/chats").await.refused(401, "api_key.invalid");
    assert_eq!(socket.closed().await, 4003);
    hers.until("api_key.revoked").await;
    ada.get("/api/chats").await.expect(200);
    assert!(ada.get("/api/api-keys").await.expect(200)["items"].as_array().unwrap().is_empty());
}

async fn sockets(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let address = &world.server.address;
    let silent = make(&ada, &["chats:read", "messages:write"]).await;
    let (status, problem) = Socket::open(address, Auth::Key(text(&silent, "key")), None).await.err().unwrap();
    assert_eq!((status, text(&problem, "code")), (403, "scope.missing"));
    let (status, problem) = Socket::open(address, Auth::Key("clw_nonsense"), None).await.err().unwrap();
    assert_eq!((status, text(&problem, "code")), (401, "api_key.invalid"));

    let issued = make(&ada, &["messages:read", "realtime:connect"]).await;
    let mut listener = Socket::open(address, Auth::Key(text(&issued, "key")), None).await.ok().unwrap();
    let hello = listener.hello().await;
    assert_eq!((&hello["user_id"], &hello["session_id"]), (&json!(ada.id), &Value::Null));
    listener.command("ping", json!({})).await.unwrap();
    for command in ["message.send", "typing.start"] {
        let refused = listener.command(command, json!({"chat_id": chat, "content": "beep"})).await.unwrap_err();
        assert_eq!(text(&refused, "code"), "scope.missing", "{command}");
    }
    let refused = listener.command("token.renew", json!({"access": ada.token()})).await.unwrap_err();
    assert_eq!(text(&refused, "code"), "token.invalid", "a key is no session");
    let alone = make(&ada, &["realtime:connect"]).await;
    let mut deaf = Socket::open(address, Auth::Key(text(&alone, "key")), None).await.ok().unwrap();
    let cursor = text(&deaf.hello().await, "cursor").to_owned();
    let cursor = cursor.as_str();
    ada.patch("/api/auth/me", json!({"bio": "private"})).await.expect(200);
    bob.says(&chat, "hello bots").await;
    let heard = listener.until("message.sent").await;
    assert_eq!(heard["data"]["content"], "hello bots");
    // Earlier events were not sent, and events that a key may not read are not replayed either.
    deaf.command("ping", json!({})).await.unwrap();
    assert_eq!(deaf.drain().await, Vec::<Value>::new());
    let mut back = Socket::open(address, Auth::Key(text(&alone, "key")), Some(cursor)).await.ok().unwrap();
    back.hello().await;
    assert_eq!(back.frame().await["data"]["count"], 0, "nothing but `resumed`");
    let mut back = Socket::open(address, Auth::Key(text(&issued, "key")), Some(cursor)).await.ok().unwrap();
    back.hello().await;
    assert_eq!(back.frame().await["type"], "message.sent");
    assert_eq!(back.frame().await["data"]["count"], 1);

    let issued = make(&ada, &["realtime:connect", "messages:write"]).await;
    let mut speaker = Socket::open(address, Auth::Key(text(&issued, "key")), None).await.ok().unwrap();
    speaker.hello().await;
    speaker.command("message.send", json!({"chat_id": chat, "content": "beep"})).await.unwrap();
}

async fn suspended(world: World) {
    let (mo, ada) = (world.staff("mo_1", "moderator").await, world.user("ada").await);
    let issued = make(&ada, &["profile:read", "realtime:connect"]).await;
    let bot = world.nobody().with_key(text(&issued, "key"));
    let mut socket = Socket::open(&world.server.address, Auth::Key(text(&issued, "key")), None).await.ok().unwrap();
    socket.hello().await;
    mo.put(&format!("/api/admin/users/{}/suspension", ada.id), json!({"reason": "spam"})).await.expect(200);
    bot.get("/api/auth/me").await.refused(403, "account.suspended");
    assert_eq!(socket.closed().await, 4003);
    let refused = Socket::open(&world.server.address, Auth::Key(text(&issued, "key")), None).await.err().unwrap();
    assert_eq!(refused.0, 403);
}

async fn wrong_inputs(world: World) {
    let ada = world.user("ada").await;
    for (new, wrong) in [
        (json!({}), vec!["/name", "/scopes"]),
        (json!({"name": "", "scopes": []}), vec!["/name", "/scopes"]),
        (json!({"name": "x".repeat(81), "scopes": ["chats:read"]}), vec!["/name"]),
        (json!({"name": "bot", "scopes": ["chats:read", "everything"]}), vec!["/scopes/1"]),
        (json!({"name": "bot", "scopes": "chats:read"}), vec!["/scopes"]),
        (json!({"name": "bot", "scopes": ["chats:read"], "expires_at": "soon"}), vec!["/expires_at"]),
        (json!({"name": "bot", "scopes": ["chats:read"], "expires_at": "2001-01-01T00:00:00Z"}), vec!["/expires_at"]),
    ] {
        assert_eq!(ada.post("/api/api-keys", new.clone()).await.wrong_fields(), wrong, "{new}");
    }
    for n in 0..50 {
        ada.post("/api/api-keys", json!({"name": format!("bot {n}"), "scopes": ["chats:read"]})).await.expect(201);
    }
    let one_more = json!({"name": "bot", "scopes": ["chats:read"]});
    ada.post("/api/api-keys", one_more).await.refused(409, "api_key.limit");
}

/// A program that sends too many requests blocks itself and not its owner.
#[tokio::test]
async fn a_key_is_counted_by_itself() {
    let world = World::with(Database::sqlite(), &[("RATE_LIMIT_FACTOR", "0.05")]).await;
    let ada = world.user("ada").await;
    let bot = world.nobody().with_key(text(&make(&ada, &["chats:read"]).await, "key"));
    let first = bot.get("/api/chats").await;
    assert_eq!(first.header("x-ratelimit-limit"), "20", "a third of the sixty of a minute");
    assert!(first.header("ratelimit-policy").contains("api_key"));
    let mut left = 200;
    while bot.get("/api/chats").await.status == 200 {
        left -= 1;
        assert!(left > 0, "never told to wait");
    }
    bot.get("/api/chats").await.refused(429, "rate.limited");
    ada.get("/api/chats").await.expect(200);
}

/// Guessed keys are counted before the database is queried.
#[tokio::test]
async fn guessing_keys_is_slowed_down() {
    let world = World::with(Database::sqlite(), &[("RATE_LIMIT_FACTOR", "0.01")]).await;
    let key = "clw_0000000000000000000000_0000000000000000000000000000000000000000000";
    for _ in 0..200 {
        if world.nobody().with_key(key).get("/api/chats").await.status == 429 {
            return;
        }
    }
    panic!("200 guesses and never told to wait");
}

#[tokio::test]
async fn another_node_goes_by_a_revocation_within_a_second() {
    let world = World::new(Database::postgres()).await;
    let other = Server::start(&world.database, &[]).await;
    let ada = world.user("ada").await;
    let issued = make(&ada, &["chats:read", "realtime:connect"]).await;
    let there = Client::new(&other.address).with_key(text(&issued, "key"));
    there.get("/api/chats").await.expect(200);
    let mut socket = Socket::open(&other.address, Auth::Key(text(&issued, "key")), None).await.ok().unwrap();
    socket.hello().await;
    ada.delete(&format!("/api/api-keys/{}", text(&issued, "id"))).await.expect(204);
    within(SECOND, "the other node knows", async || there.get("/api/chats").await.status == 401).await;
    assert_eq!(socket.closed().await, 4003);
}
