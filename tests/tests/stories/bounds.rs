//! Everything that the server sends and accepts is bounded: problems, bodies, parameters, URLs.

use std::time::Duration;

use clowder_tests::{Answer, Database, PATIENCE, User, World, on_both};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

on_both!(with [("CHATS_PER_PERSON", "2")]; chats_of_one_person);
on_both!(shared; problems_are_short, texts_are_short, bodies, encodings, if_match, edits, hidden_profiles);
// Others would be held up.
on_both!(a_flood_holds_up_nobody_else);

fn codes(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

/// The client of these stories checks every refusal: at most 64 KiB, and `detail` is never null.
async fn problems_are_short(world: World) {
    let ada = world.user("ada").await;
    let group = |ids: Vec<String>| json!({"type": "group", "title": "x", "participant_ids": ids});
    let id = |number: usize| format!("01993c4e-7a2b-7c31-9a51-{number:012x}");
    let strangers = ada.post("/api/chats", group((0..500).map(id).collect())).await.expect(422);
    let codes_seen = codes(&strangers);
    assert_eq!((codes_seen.len(), codes_seen[49], codes_seen[50]), (51, "user.unknown", "errors.more"));
    assert!(strangers["errors"][50]["message"].as_str().unwrap().contains("450"), "{strangers}");
    // Input that is too long is not even parsed.
    for items in [501, 20_000] {
        let told = ada.post("/api/chats", group(vec!["nonsense".to_owned(); items])).await.expect(422);
        assert_eq!(codes(&told), ["too_many"]);
    }
    let many: Map<_, _> = (0..5_000).map(|n| (format!("{n}{}", "é".repeat(80)), json!(1))).collect();
    let told = ada.patch("/api/users/me/settings", Value::Object(many)).await.expect(422);
    assert_eq!(codes(&told).len(), 51);
    let name = "🦀".repeat(200_000);
    ada.patch("/api/users/me/settings", json!({name: 1})).await.expect(422);
    let nothing_to_add = ada.get("/api/chats/00000000-0000-7000-8000-000000000000").await.expect(404);
    assert_eq!(nothing_to_add["detail"], nothing_to_add["title"]);
}

async fn texts_are_short(world: World) {
    let root = world.staff("rita", "admin").await;
    let long = "x".repeat(201);
    for path in [
        format!("/api/admin/users?q={long}"),
        format!("/api/admin/audit?actor={long}"),
        format!("/api/admin/audit?action={long}&target={long}&from={long}"),
        format!("/api/chats?type={long}"),
        format!("/api/chats?cursor={}", "x".repeat(1_100)),
        format!("/api/ws?cursor={}", "x".repeat(4_097)),
    ] {
        let told = root.get(&path).await.expect(422);
        assert!(codes(&told).iter().all(|code| *code == "too_long"), "{told}");
    }
    root.get(&format!("/api/admin/users?q={}", "x".repeat(200))).await.expect(200);
    assert_eq!(root.get(&format!("/api/admin/users?unknown={}", "x".repeat(2_000))).await.wrong_fields(), ["?unknown"]);
    root.get(&format!("/api/admin/users?unknown={}", "x".repeat(9_000))).await.refused(414, "uri.too_long");
    root.get(&format!("/api/{}", "x".repeat(9_000))).await.refused(414, "uri.too_long");
    root.get(&format!("/api/{}", "x".repeat(8_000))).await.refused(404, "route.unknown");
}

async fn bodies(world: World) {
    let ada = world.user("ada").await;
    let login = |octets: usize| json!({"username": ada.name, "password": "wrong one", "more": "x".repeat(octets)});
    assert_eq!(world.nobody().post("/api/auth/login", login(16_000)).await.status, 401);
    let refused = world.nobody().post("/api/auth/login", login(17_000)).await.refused(413, "body.too_large");
    assert!(refused["detail"].as_str().unwrap().contains("16 KiB"), "{refused}");
    // Authenticating again changes nothing here.
    ada.post("/api/auth/login", login(17_000)).await.refused(413, "body.too_large");
    let group = |octets: usize| json!({"type": "group", "title": "x", "more": "x".repeat(octets)});
    ada.post("/api/chats", group(1_000_000)).await.expect(201);
    ada.post("/api/chats", group(1_048_576)).await.refused(413, "body.too_large");
}

async fn encodings(world: World) {
    let ada = world.user("ada").await;
    let send = async |encoding: &str| {
        let request = ada.request("POST", "/api/chats").header("content-encoding", encoding);
        Answer::to(request.json(&json!({"type": "group", "title": "x"}))).await
    };
    for encoding in ["gzip", "br", "identity, gzip", "x"] {
        let answer = send(encoding).await;
        assert_eq!(answer.header("accept-encoding"), "identity", "{encoding}");
        answer.refused(415, "content_encoding.unsupported");
    }
    for encoding in ["identity", "Identity"] {
        send(encoding).await.expect(201);
    }
}

async fn if_match(world: World) {
    let ada = world.user("ada").await;
    let edit = async |tags: &str, path: &str| {
        let request = ada.request("PATCH", path).header("if-match", tags);
        let body = json!({"display_name": "Ada", "bio": tags, "content": tags});
        Answer::to(request.json(&body)).await
    };
    let chat = ada.group("Lunch", &[]).await;
    let message = ada.says(&chat, "hello").await;
    let message = format!("/api/messages/{}", message["id"].as_str().unwrap());
    for path in ["/api/auth/me", message.as_str()] {
        for stale in ["W/\"1\"", "\"01\"", "\"+1\"", "\"2\"", "\"\"", "\"2\", W/\"1\""] {
            let answer = edit(stale, path).await;
            assert_eq!(answer.status, 412, "{path} {stale}: {}", answer.text);
            assert_eq!(answer.header("etag"), "\"1\"", "it says which version is the current one");
            assert!(answer.body["detail"].as_str().unwrap().contains("current version is 1"), "{}", answer.text);
        }
        // A malformed list of tags is refused instead of being treated as outdated.
        for malformed in ["1", "", "1,2", "\"1", "*, \"1\"", "w/\"1\""] {
            let answer = edit(malformed, path).await;
            assert_eq!(answer.clone().wrong_fields(), ["If-Match"], "{path} {malformed}: {}", answer.text);
            assert!(answer.text.contains("quoted"), "{}", answer.text);
        }
        assert_eq!(edit("\"1\", \"9\"", path).await.expect(200)["version"], 2, "{path}");
        assert_eq!(edit("W/\"9\", \"2\"", path).await.expect(200)["version"], 3, "{path}");
        edit("*", path).await.expect(200);
    }
    let malformed = Answer::to(ada.request("DELETE", &message).header("if-match", "4")).await;
    assert_eq!(malformed.wrong_fields(), ["If-Match"]);
    let removed = ada.request("DELETE", &message).header("if-match", "\"9\", \"4\"");
    assert_eq!(Answer::to(removed).await.status, 204);
}

async fn chats_of_one_person(world: World) {
    let [ada, bob] = [world.user("ada").await, world.user("bob").await];
    let pair = |with: &User| json!({"type": "private", "participant_ids": [with.id]});
    ada.group("Lunch", &[&bob]).await;
    let first = ada.post("/api/chats", pair(&bob)).await.expect(201);
    let refused = ada.post("/api/chats", json!({"type": "group", "title": "Tea", "participant_ids": []})).await;
    refused.refused(409, "chat.limit");
    assert_eq!(ada.post("/api/chats", pair(&bob)).await.expect(200)["id"], first["id"], "what is there is found");
    // A user who was only added has created none.
    bob.group("Dinner", &[&ada]).await;
    bob.group("Breakfast", &[&ada]).await;
    let refused = bob.post("/api/chats", json!({"type": "group", "title": "Tea", "participant_ids": []})).await;
    refused.refused(409, "chat.limit");
    assert_eq!(ada.get("/api/chats").await.expect(200)["items"].as_array().unwrap().len(), 4);
}

async fn edits(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    let message = ada.says(&chat, "text 0").await;
    let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
    for number in 1..=100 {
        ada.patch(&path, json!({"content": format!("text {number}")})).await.expect(200);
    }
    ada.patch(&path, json!({"content": "one too many"})).await.refused(409, "message.edits");
    let mut socket = ada.socket().await;
    let edit = json!({"message_id": message["id"], "content": "one too many"});
    assert_eq!(socket.command("message.edit", edit).await.unwrap_err()["code"], "message.edits");
    assert_eq!(ada.get(&path).await.expect(200)["content"], "text 100");
    ada.delete(&path).await.expect(204);
}

/// Naming somebody by id shows their card to nobody who may not see it.
async fn hidden_profiles(world: World) {
    let [ada, bob, eve] = [world.user("ada").await, world.user("bob").await, world.user("eve").await];
    let chat = bob.private_chat(&ada).await;
    ada.patch("/api/auth/me", json!({"visibility": "private"})).await.expect(200);
    for kind in ["private", "group"] {
        let title = (kind == "group").then_some("x");
        let new = json!({"type": kind, "title": title, "participant_ids": [ada.id]});
        let refused = eve.post("/api/chats", new).await;
        assert!(!refused.text.contains(&ada.name), "{}", refused.text);
        assert_eq!(codes(&refused.expect(422)), ["user.unknown"]);
    }
    assert_eq!(bob.chat(&chat).await["peer"]["username"], *ada.name, "who shares a chat sees who writes");
    assert_eq!(bob.private_chat(&ada).await, chat, "and finds that chat");
    let both = json!({"type": "group", "title": "Both", "participant_ids": [ada.id]});
    assert_eq!(codes(&bob.post("/api/chats", both).await.expect(422)), ["user.unknown"]);
    let met = ada.private_chat(&eve).await;
    ada.says(&met, "hello").await;
    assert_eq!(eve.messages(&met).await[0]["sender"]["username"], *ada.name);
}

/// Sends its head and only this much of its body.
async fn begin(world: &World, access: &str, announced: usize, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
    let head = format!(
        "POST /api/chats HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {access}\r\n\
         Content-Type: application/json\r\nContent-Length: {announced}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A refused client may be cut off while it is still sending.
    let _ = stream.write_all(&vec![b' '; sent]).await;
    stream
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let world = World::shared_on_sqlite(&[]).await;
    let ada = world.user("ada").await;
    let mut stream = begin(&world, ada.token(), 1_000, 10).await;
    let mut answer = Vec::new();
    // It continues to send, far too slowly.
    let dribble = async {
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        let (mut from, mut to) = stream.split();
        let read = from.read_to_end(&mut answer);
        tokio::pin!(read);
        loop {
            tokio::select! {
                read = &mut read => return read,
                _ = tick.tick() => drop(to.write_all(b" ").await),
            }
        }
    };
    let _ = timeout(PATIENCE, dribble).await.expect("it is waited for");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"code\":\"body.slow\""), "{answer}");
    ada.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn bodies_share_their_room() {
    let world = World::new(Database::sqlite()).await;
    let mut crowd = Vec::new();
    for number in 0..8 {
        crowd.push(world.user(&format!("user{number}")).await);
    }
    let ada = world.user("ada").await;
    let until = async |who: &User, status: u16| {
        let asked = async {
            loop {
                let more = "x".repeat(5_000);
                let answer =
                    who.may_fail().post("/api/chats", json!({"type": "group", "title": "x", "more": more})).await;
                if answer.status == status {
                    return answer;
                }
                assert!(matches!(answer.status, 201 | 503), "{}", answer.text);
            }
        };
        timeout(PATIENCE * 2, asked).await.unwrap_or_else(|_| panic!("{} never got {status}", who.name))
    };
    let hold = async |who: &User| begin(&world, who.token(), 1 << 20, (1 << 20) - 10).await;
    let mut held = Vec::new();
    for user in &crowd {
        let mut theirs = Vec::new();
        for _ in 0..8 {
            theirs.push(hold(user).await);
        }
        // Nobody gets more than an eighth, while others have room. Calls in between use room, too, and one of the large
        // ones may have been refused for it: that one is repeated.
        let full = async {
            loop {
                let more = "x".repeat(5_000);
                let answer =
                    user.may_fail().post("/api/chats", json!({"type": "group", "title": "x", "more": more})).await;
                if answer.status == 503 {
                    return answer;
                }
                for stream in &mut theirs {
                    if stream.try_read(&mut [0; 64]).is_ok() {
                        *stream = hold(user).await;
                    }
                }
            }
        };
        let full = timeout(PATIENCE * 2, full).await.unwrap_or_else(|_| panic!("{} got more than a share", user.name));
        full.refused(503, "bodies.full");
        held.extend(theirs);
        if user.name == "user0" {
            until(&ada, 201).await;
        }
    }
    until(&ada, 503).await.refused(503, "bodies.full");
    // Clients without a body, or without authentication, are not affected.
    ada.get("/api/auth/me").await.expect(200);
    let login = json!({"username": "ada", "password": "wrong one"});
    assert_eq!(world.nobody().post("/api/auth/login", login).await.status, 401);
    drop(held);
    until(&ada, 201).await;
    until(&crowd[0], 201).await;
}

/// How many large pages one user requests at once.
const FLOOD: usize = 60;

/// Requests a page of messages, and reads nothing of it.
async fn ask(world: &World, who: &User, chat: &str) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(world.server.address.parse().unwrap()).await.unwrap();
    let head = format!(
        "GET /api/chats/{chat}/messages?limit=200 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        who.token()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn answers_that_are_not_read_share_their_room() {
    let world = World::new(Database::sqlite()).await;
    let [ada, bob] = [world.user("ada").await, world.user("bob").await];
    let chat = ada.group("Long", &[&bob]).await;
    for _ in 0..35 {
        ada.says(&chat, &"🦀".repeat(8_000)).await;
    }
    let path = format!("/api/chats/{chat}/messages?limit=200");
    let page = ada.get(&path).await;
    assert!(page.status == 200 && page.text.len() < (1 << 20) + 1_000 && page.text.len() > 900_000);
    let mut held = Vec::new();
    // Each has nearly 1 MiB, of which the kernel takes a little; there is room for 16.
    for _ in 0..20 {
        held.push(ask(&world, &ada, &chat).await);
    }
    let full = async {
        loop {
            let answer = ada.may_fail().get(&path).await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let full = timeout(PATIENCE, full).await.expect("one person has room for all that they do not read");
    assert_eq!(full.header("retry-after"), "1");
    full.refused(503, "answers.full");
    ada.get("/api/auth/me").await.expect(200);
    ada.says(&chat, "a write is answered").await;
    bob.get(&path).await.expect(200);
    drop(held);
    let room = async { while ada.may_fail().get(&path).await.status != 200 {} };
    timeout(PATIENCE, room).await.expect("what nobody waits for any more takes room");
}

/// A client's mistake is not a fault of the server, and does not fill the log.
#[tokio::test]
async fn what_is_no_http_is_not_logged_as_an_error() {
    let world = World::new(Database::sqlite()).await;
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&world.server.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nX : a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    }
    world.nobody().get("/api/problems").await.expect(200);
    assert!(!world.server.log().contains("ERROR"), "{}", world.server.log());
}

/// A client that requests much at once delays only itself.
async fn a_flood_holds_up_nobody_else(world: World) {
    let [ada, bob] = [world.user("ada").await, world.user("bob").await];
    let chat = ada.group("Long", &[&bob]).await;
    for _ in 0..35 {
        ada.says(&chat, &"🦀".repeat(8_000)).await;
    }
    bob.get("/api/auth/me").await.expect(200);
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        flood.push(ask(&world, &ada, &chat).await);
    }
    let answered = || flood.iter().filter(|stream| stream.try_read(&mut [0; 1]).is_ok()).count();
    // All of them are waiting when the first is answered.
    timeout(PATIENCE, flood[0].readable()).await.unwrap().unwrap();
    bob.get(&format!("/api/chats/{chat}/messages?limit=1")).await.expect(200);
    let before = answered();
    assert!(before < FLOOD / 2, "{before} calls of somebody else went first");
}
