//! Events are posted to places on the web: signed, again until they arrive, and to nobody who may not have them.

mod documented;
mod hostile;
mod nodes;

use std::{process::Stdio, time::Duration};

use clowder_tests::{
    Answer, User, World, answer, on_both,
    receiver::{Manner, Receiver},
    setting, until,
    web_pages::ALLOWED,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

on_both!(shared with [super::ALLOWED]; at_work, by_the_library_of_the_specification, what_there_is_to_hear);
on_both!(shared; names_that_lead_inside, wrong_inputs);

/// A new endpoint at this place.
pub async fn hook(user: &User, url: &str, wants: &[&str]) -> Value {
    user.post("/api/webhooks", json!({"url": url, "event_types": wants})).await.expect(201)
}

pub fn path(webhook: &Value, below: &str) -> String {
    format!("/api/webhooks/{}{below}", webhook["id"].as_str().unwrap())
}

/// What was and is to be delivered to an endpoint, the newest first.
pub async fn deliveries(user: &User, webhook: &Value) -> Vec<Value> {
    let page = user.get(&path(webhook, "/deliveries?limit=200")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn at_work(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let receiver = Receiver::start(Manner::Status(204, "")).await;
    let mut socket = ada.socket().await;
    let hook = hook(&ada, &receiver.url(), &["message.sent", "friend_request"]).await;
    assert_eq!(socket.until("webhook.created").await["data"]["webhook_id"], hook["id"]);
    assert!(hook["secret"].as_str().unwrap().starts_with("whsec_"), "{hook}");
    let read = ada.get(&path(&hook, "")).await;
    let known = ada.request("GET", &path(&hook, "")).header("if-none-match", read.header("etag"));
    Answer::to(known).await.expect(304);
    assert!(read.expect(200).get("secret").is_none(), "shown only once");
    let said = bob.says(&chat, "Hello").await;
    until("the message arrives", async || !receiver.calls().is_empty()).await;
    let call = receiver.calls().remove(0);
    assert_eq!((&call.body["type"], &call.body["data"]["id"]), (&json!("message.sent"), &said["id"]));
    assert_eq!(call.body["timestamp"], said["created_at"]);
    assert_eq!(call.headers["content-type"], "application/json");
    let listed = answer("it is stored", async || {
        deliveries(&ada, &hook).await.into_iter().find(|delivery| delivery["status"] == "delivered")
    });
    let listed = listed.await;
    assert_eq!((&listed["id"], &listed["event_type"]), (&json!(call.id()), &json!("message.sent")));
    assert_eq!((&listed["attempts"][0]["status"], &listed["attempts"][0]["error"]), (&json!(204), &Value::Null));

    // A failure is repeated with the same id, after about five seconds.
    receiver.behave(Manner::Status(500, ""));
    bob.says(&chat, "again").await;
    until("it fails", async || receiver.calls().len() == 2).await;
    receiver.behave(Manner::Status(200, ""));
    until("it is repeated", async || receiver.calls().len() == 3).await;
    let calls = receiver.calls();
    assert_eq!((calls[1].id(), &calls[1].body), (calls[2].id(), &calls[2].body));
    let pause = calls[2].at - calls[1].at;
    assert!(pause > Duration::from_secs(4), "{pause:?}");

    let tested = ada.post(&path(&hook, "/test"), json!({})).await.expect(202);
    assert_eq!((&tested["event_type"], &tested["status"]), (&json!("webhook.ping"), &json!("pending")));
    until("the test arrives", async || receiver.calls().len() == 4).await;
    let again = format!("/deliveries/{}/resend", call.id());
    until("it can be sent again", async || ada.post(&path(&hook, &again), json!({})).await.status == 202).await;
    until("it arrives again", async || receiver.calls().iter().filter(|other| other.id() == call.id()).count() == 2)
        .await;

    // Gone means gone.
    receiver.behave(Manner::Status(410, ""));
    bob.says(&chat, "for nobody").await;
    assert_eq!(socket.until("webhook.updated").await["data"]["disabled_reason"], "gone");
    ada.post(&path(&hook, "/test"), json!({})).await.refused(409, "webhook.disabled");
    receiver.behave(Manner::Status(204, ""));
    let since = said["created_at"].clone();
    ada.patch(&path(&hook, ""), json!({"status": "active"})).await.expect(200);
    ada.post(&path(&hook, "/recover"), json!({"since": since})).await.expect(202);
    until("what was refused arrives", async || {
        receiver.calls().iter().filter(|call| call.body["data"]["content"] == "for nobody").count() >= 2
    })
    .await;
    ada.delete(&path(&hook, "")).await.expect(204);
    assert_eq!(socket.until("webhook.deleted").await["data"]["webhook_id"], hook["id"]);
    ada.get(&path(&hook, "")).await.refused(404, "webhook.unknown");
}

/// A receiver that others could have written.
struct Library {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    url: String,
}

impl Library {
    async fn start() -> Self {
        let program = setting("TEST_WEBHOOK_RECEIVER");
        let program = program.unwrap_or_else(|| {
            panic!("TEST_WEBHOOK_RECEIVER is not set: run `make test`, or `make services` for a shell")
        });
        let mut process = Command::new("node")
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut library = Self { _process: process, lines: BufReader::new(output).lines(), input, url: String::new() };
        library.url = format!("http://127.0.0.1:{}/hook", library.next().await["port"]);
        library
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await;
        let line = line.expect("a call in time").unwrap().expect("the receiver ended");
        serde_json::from_str(&line).unwrap()
    }

    /// Accepts these from now on.
    async fn knows(&mut self, secrets: &[&Value]) {
        self.input.write_all(format!("{}\n", json!(secrets)).as_bytes()).await.unwrap();
    }
}

async fn by_the_library_of_the_specification(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut library = Library::start().await;
    let new = json!({"url": library.url, "event_types": ["message.sent"], "asymmetric": true});
    let hook = ada.post("/api/webhooks", new).await.expect(201);
    assert!(hook["public_key"].as_str().unwrap().starts_with("whpk_"));
    library.knows(&[&hook["secret"]]).await;
    bob.says(&chat, "ünïcödé \u{1f43e}").await;
    // It may not have read the secret before the first call; that is repeated.
    let mut call = library.next().await;
    while call["verified"] != true {
        call = library.next().await;
    }
    assert_eq!(call["event"]["data"]["content"], "ünïcödé \u{1f43e}");
    assert_eq!(call["signatures"], 2, "v1 and v1a");

    let rotated = ada.post(&path(&hook, "/rotate"), json!({})).await.expect(200);
    assert_ne!((&rotated["secret"], &rotated["public_key"]), (&hook["secret"], &hook["public_key"]));
    for known in [&hook["secret"], &rotated["secret"]] {
        library.knows(&[known]).await;
        let text = known.as_str().unwrap();
        bob.says(&chat, text).await;
        let mut call = library.next().await;
        while call["event"]["data"]["content"] != text {
            call = library.next().await;
        }
        assert_eq!((&call["verified"], &call["signatures"]), (&json!(true), &json!(4)), "{call}");
    }
}

async fn what_there_is_to_hear(world: World) {
    let ada = world.user("ada").await;
    let all = world.nobody().get("/api/webhooks/event-types?limit=200").await.expect(200);
    let all = all["items"].as_array().unwrap();
    for event in all {
        let validator = jsonschema::validator_for(&event["schema"]).unwrap();
        assert!(validator.is_valid(&event["example"]["data"]), "{}", event["name"]);
    }
    let named = |name: &str| all.iter().find(|event| event["name"] == name);
    assert_eq!(named("message.sent").unwrap()["audience"], "own");
    assert_eq!(named("server.user.registered").unwrap()["audience"], "server");
    assert!(named("typing.start").is_none() && named("webhook.updated").is_none());

    // Administrators hear of the whole server, and others do not.
    let receiver = Receiver::start(Manner::Status(204, "")).await;
    let new = json!({"url": receiver.url(), "event_types": ["server.user.*"]});
    assert_eq!(ada.post("/api/webhooks", new.clone()).await.wrong_fields(), ["/event_types"]);
    let boss = world.staff("boss", "admin").await;
    boss.post("/api/webhooks", new).await.expect(201);
    let bob = world.user("bob").await;
    let told = answer("the registration is told", async || {
        receiver.calls().into_iter().find(|call| call.body["data"]["user_id"] == json!(bob.id))
    });
    let told = told.await;
    assert_eq!(told.body["type"], "server.user.registered");
    assert!(!told.body.to_string().contains("@"), "nothing that people wrote: {}", told.body);
}

/// Where a name leads is known only when it is called.
async fn names_that_lead_inside(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    let hook = hook(&ada, "https://localhost:8443/", &["message.sent"]).await;
    ada.says(&chat, "Hello").await;
    let attempt = answer("it is tried", async || {
        let attempt = deliveries(&ada, &hook).await.pop()?["attempts"][0].clone();
        Some(attempt).filter(|attempt| !attempt.is_null())
    });
    assert_eq!(attempt.await["error"], "forbidden");
}

async fn wrong_inputs(world: World) {
    let ada = world.user("ada").await;
    let good = json!({"url": "https://hook.example/", "event_types": ["message.*"]});
    let with = |name: &str, value: Value| {
        let mut new = good.clone();
        new[name] = value;
        new
    };
    for (new, wrong) in [
        (json!({}), &["/url", "/event_types"][..]),
        (with("url", json!("hook")), &["/url"]),
        (with("url", json!("http://hook.example/")), &["/url"]),
        (with("url", json!("https://10.0.0.1/")), &["/url"]),
        (with("url", json!("https://localhost/")), &[]),
        (with("event_types", json!(["message.*", "nothing.at_all"])), &["/event_types/1"]),
        (with("event_types", json!(["typing.start"])), &["/event_types/0"]),
        (with("description", json!("x".repeat(501))), &["/description"]),
    ] {
        let answer = ada.post("/api/webhooks", new.clone()).await;
        match wrong {
            [] => drop(answer.expect(201)),
            wrong => assert_eq!(answer.wrong_fields(), wrong, "{new}"),
        }
    }
    let once = || ada.request("POST", "/api/webhooks").header("idempotency-key", "hook").json(&good);
    let first = Answer::to(once()).await.expect(201);
    let again = Answer::to(once()).await.expect(201);
    assert_eq!((&again["id"], &again["secret"]), (&first["id"], &Value::Null));
    let future = json!({"since": "2999-01-01T00:00:00Z"});
    assert_eq!(ada.post(&path(&first, "/recover"), future).await.wrong_fields(), ["/since"]);
    let key = json!({"name": "bot", "scopes": ["webhooks:read", "webhooks:write"]});
    let key = ada.post("/api/api-keys", key).await.expect(201);
    let bot = world.nobody().with_key(key["key"].as_str().unwrap());
    bot.get(&path(&first, "")).await.expect(200);
    bot.post(&path(&first, "/test"), json!({})).await.expect(202);
    bot.post("/api/webhooks", good).await.refused(403, "scope.missing");
    bot.post(&path(&first, "/rotate"), json!({})).await.refused(403, "scope.missing");
}
