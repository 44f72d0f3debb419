//! Server-Sent Events: the same events, filter and cursors as over a socket.

use clowder_tests::{Answer, Client, Database, Stream, User, World, on_both, until};
use serde_json::{Value, json};

on_both!(shared; as_over_a_socket, nothing_is_missed, who_may, why_it_ends);
on_both!(a_restart);
on_both!(with [("HEARTBEAT_SECONDS", "1")]; who_leaves);

async fn stream(user: &User, last: &str) -> Stream {
    Stream::open(user, "", last).await.unwrap_or_else(|answer| panic!("{answer:?}"))
}

async fn as_over_a_socket(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut stream = stream(&ada, "").await;
    let mut socket = ada.socket().await;
    let hello = stream.frame().await;
    assert_eq!((&hello["type"], &hello["data"]["user_id"]), (&json!("hello"), &json!(ada.id)));
    assert_eq!(hello["data"]["resumed"], false);
    assert!((1_000..5_000).contains(&stream.retry.unwrap()), "{:?}", stream.retry);
    assert_eq!(
        stream.last.as_deref(),
        hello["data"]["cursor"].as_str(),
        "a page that reconnects now resumes from here"
    );
    // What is passing comes, too, and is nothing to resume from.
    bob.socket().await.command("typing.start", json!({"chat_id": chat})).await.unwrap();
    let mut before = stream.last.clone();
    let typing = loop {
        let frame = stream.next().await.unwrap();
        if frame["type"] == "typing.start" {
            break frame;
        }
        before = frame["cursor"].as_str().map(str::to_owned).or(before);
    };
    assert_eq!(typing["data"], json!({"chat_id": chat, "user_id": bob.id, "kind": "typing"}));
    assert_eq!(stream.last, before);
    // Line breaks, and what looks like the end of a frame, are within the text.
    let text = "one\ntwo\r\n\r\ndata: three\",\"cursor\":\"AQ\"}";
    bob.says(&chat, text).await;
    let heard = stream.until("message.sent").await;
    assert_eq!(heard["data"]["content"], text);
    assert_eq!(stream.last.as_deref(), heard["cursor"].as_str());
    assert_eq!(heard, socket.until("message.sent").await, "the same frame");
}

/// Resumed in each way, from where a socket was, and back.
async fn nothing_is_missed(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    bob.says(&chat, "heard").await;
    let first = socket.until("message.sent").await["cursor"].as_str().unwrap().to_owned();
    drop(socket);
    for i in 0..12 {
        bob.says(&chat, &format!("missed {i}")).await;
    }
    let mut later = stream(&ada, &first).await;
    assert_eq!(resumed(&mut later, 12).await, texts("missed", 0..12));
    bob.says(&chat, "live").await;
    assert_eq!(later.until("message.sent").await["data"]["content"], "live");
    let second = later.last.clone().unwrap();
    drop(later);
    bob.says(&chat, "missed 0").await;
    // A browser repeats the URL of its first connection: the header counts.
    let mut again = Stream::open(&ada, &format!("?cursor={first}"), &second).await.unwrap();
    assert_eq!(resumed(&mut again, 1).await, ["missed 0"]);
    let mut by_query = Stream::open(&ada, &format!("?cursor={second}"), "").await.unwrap();
    assert_eq!(resumed(&mut by_query, 1).await, ["missed 0"]);
    let mut socket = ada.knock(again.last.as_deref()).await;
    assert_eq!(socket.hello().await["resumed"], true);
    assert_eq!(socket.frame().await["data"]["count"], 0);
    let mut useless = stream(&ada, "nonsense").await;
    assert_eq!(useless.frame().await["data"]["resumed"], false);
    let reset = useless.frame().await;
    assert_eq!((&reset["type"], &reset["data"]["reason"]), (&json!("reset"), &json!("unknown")));
}

async fn who_may(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let ticket =
        async || ada.post("/api/ws/ticket", json!({})).await.expect(201)["ticket"].as_str().unwrap().to_owned();
    let by = |ticket: &str| format!("?ticket={ticket}");
    let once = ticket().await;
    let mut stream = Stream::open(world.nobody(), &by(&once), "").await.unwrap();
    assert_eq!(stream.frame().await["data"]["user_id"], ada.id);
    refused(world.nobody(), &by(&once)).await.refused(401, "ticket.invalid");
    refused(world.nobody(), &by("nonsense")).await.refused(401, "ticket.invalid");
    refused(world.nobody(), "").await.refused(401, "token.missing");
    assert_eq!(refused(world.nobody(), &format!("?token={}", ada.token())).await.wrong_fields(), ["?token"]);
    refused(&world.nobody().with("nonsense"), "").await.refused(401, "token.invalid");
    // Endless, so it has to be asked for; a ticket is not spent on less.
    let kept = ticket().await;
    let plain = Answer::to(world.nobody().request("GET", &format!("/api/stream{}", by(&kept)))).await;
    plain.refused(406, "stream.not_accepted");
    let head = world.nobody().request("HEAD", "/api/stream").bearer_auth(ada.token());
    assert_eq!(Answer::to(head.header("accept", "text/event-stream")).await.status, 200);
    Stream::open(world.nobody(), &by(&kept), "").await.unwrap();

    // API keys hear what their scopes open.
    let key = async |scopes: &[&str]| {
        let made = ada.post("/api/api-keys", json!({"name": "bot", "scopes": scopes})).await.expect(201);
        world.nobody().with_key(made["key"].as_str().unwrap())
    };
    refused(&key(&["messages:read"]).await, "").await.refused(403, "scope.missing");
    let mut deaf = Stream::open(&key(&["realtime:connect"]).await, "", "").await.unwrap();
    let mut bot = Stream::open(&key(&["realtime:connect", "messages:read"]).await, "", "").await.unwrap();
    assert_eq!(deaf.frame().await["data"]["session_id"], Value::Null);
    let chat = ada.private_chat(&bob).await;
    bob.says(&chat, "for the bot").await;
    bot.frame().await;
    assert_eq!(bot.until("message.sent").await["data"]["content"], "for the bot");
    ada.post("/api/auth/logout-all", json!({"end_keys": true})).await.expect(204);
    assert_eq!(deaf.frame().await["type"], "closed", "it has heard nothing else");
    assert_eq!(bot.closed().await, 4003);
    assert_eq!(stream.closed().await, 4003);
}

async fn why_it_ends(world: World) {
    let phone = world.user("ada").await;
    let laptop = world.login("ada").await;
    let (mut mine, mut others) = (stream(&phone, "").await, stream(&laptop, "").await);
    phone.post("/api/auth/logout", json!({})).await.expect(204);
    let closed = mine.until("closed").await;
    assert_eq!((&closed["data"]["code"], &closed["data"]["reconnect"]), (&json!(4003), &json!("when")));
    assert_eq!(mine.next().await, None);
    let root = world.staff("rita", "admin").await;
    let suspend = format!("/api/admin/users/{}/suspension", laptop.id);
    root.put(&suspend, json!({"reason": "spam"})).await.expect(200);
    assert_eq!(others.closed().await, 4003);
    refused(&laptop, "").await.refused(403, "account.suspended");
}

/// Who goes away makes room.
async fn who_leaves(world: World) {
    let ada = world.user("ada").await;
    let mut open = Vec::new();
    for _ in 0..50 {
        open.push(stream(&ada, "").await);
    }
    refused(&ada, "").await.refused(429, "sockets.too_many");
    drop(open);
    until("there is room again", async || Stream::open(&ada, "", "").await.is_ok()).await;
}

async fn a_restart(world: World) {
    let ada = world.user("ada").await;
    let mut stream = stream(&ada, "").await;
    world.server.ask_to_stop();
    assert_eq!(stream.closed().await, 1012);
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn it_lives_as_long_as_its_token_and_says_so() {
    let settings = [("ACCESS_TOKEN_SECONDS", "3"), ("HEARTBEAT_SECONDS", "1")];
    let world = World::with(Database::sqlite(), &settings).await;
    let ada = world.user("ada").await;
    let mut stream = stream(&ada, "").await;
    stream.until("heartbeat").await;
    assert_eq!(stream.closed().await, 4004);
}

async fn refused(client: &Client, query: &str) -> Answer {
    Stream::open(client, query, "").await.err().expect("it is open")
}

/// The first so many messages that a resumed stream tells. The last of them may come as live events: this node may have heard
/// of them after it greeted.
async fn resumed(stream: &mut Stream, count: usize) -> Vec<String> {
    assert_eq!(stream.frame().await["data"]["resumed"], true);
    let mut missed = Vec::new();
    while missed.len() < count {
        let frame = stream.until("message.sent").await;
        missed.push(frame["data"]["content"].as_str().unwrap().to_owned());
    }
    missed
}

fn texts(word: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{word} {number}")).collect()
}
