//! Devices get by push what their people are told, by services that check signatures and decrypt.

use clowder_tests::{Answer, Database, User, World, push::PushServices, until};
use serde_json::{Value, json};

/// Each story on both databases, with push services of its own.
macro_rules! stories {
    ($($story:ident),+ $(,)?) => {$(
        mod $story {
            use super::{Database, Scene};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$story(Scene::new(Database::sqlite()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$story(Scene::new(Database::postgres()).await).await;
            }
        }
    )+};
}

stories!(
    a_browser,
    apps,
    a_device_of_somebody_else,
    by_how_much_somebody_wants_it_to_say,
    dead_devices,
    killed,
    read_meanwhile,
    services_that_fail,
    signed_out,
    what_is_refused,
);

struct Scene {
    services: PushServices,
    world: World,
    ada: User,
    bob: User,
    /// Between the two.
    chat: String,
}

impl Scene {
    async fn new(database: Database) -> Self {
        let services = PushServices::start().await;
        let world = served(&services, database).await;
        let (ada, bob) = (world.user("ada").await, world.user("bob").await);
        let chat = ada.private_chat(&bob).await;
        Self { services, world, ada, bob, chat }
    }
}

/// A server that reaches these services.
async fn served(services: &PushServices, database: Database) -> World {
    let settings = services.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    World::with(database, &settings).await
}

const ALL: &str = "/api/push/subscriptions";

async fn subscribe(user: &User, new: &Value) -> Value {
    user.post(ALL, new.clone()).await.expect(201)
}

fn apple_token() -> String {
    "0a".repeat(32)
}

async fn a_browser(scene: Scene) {
    let Scene { services, ada, bob, chat, .. } = scene;
    let key = bob.get("/api/push/key").await.expect(200);
    assert_eq!(key, ada.get("/api/push/key").await.expect(200));
    assert_eq!(key["kinds"], json!(["web", "fcm", "apns"]));
    let (name, new) = services.browser().await;
    let made = subscribe(&bob, &new).await;
    assert_eq!((&made["kind"], &made["current"], &made["app"]), (&json!("web"), &json!(true), &Value::Null));
    assert!(!made.to_string().contains(&name), "addresses are not shown");
    let again = subscribe(&bob, &new).await;
    assert_eq!(again["id"], made["id"], "the same device has one subscription");

    let said = ada.says(&chat, "Tomorrow at seven?").await;
    let got = services.until(&name, 1).await.remove(0);
    let payload = &got["payload"];
    assert_eq!((&payload["type"], &payload["body"]), (&json!("message.direct"), &json!("Tomorrow at seven?")));
    assert!(!payload["title"].as_str().unwrap().is_empty(), "{payload}");
    assert_eq!((&payload["chat_id"], &payload["message_id"]), (&json!(chat), &said["id"]));
    assert_eq!((&got["urgency"], &got["key"]), (&json!("high"), &key["key"]));
    assert_eq!(got["sub"], "mailto:ops@chat.example");
    assert!((86_000..=86_400).contains(&got["ttl"].as_i64().unwrap()), "{got}");

    let own = bob.get(ALL).await.expect(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert!(!own["items"][0]["last_used_at"].is_null());
    assert_eq!(ada.get(ALL).await.expect(200)["items"], json!([]));
    let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
    ada.delete(&path).await.refused(404, "push.unknown");
    bob.delete(&path).await.expect(204);
    bob.delete(&path).await.refused(404, "push.unknown");

    // The next of the same chat takes the place of the first, if that has not been shown.
    subscribe(&bob, &new).await;
    ada.says(&chat, &"ä".repeat(4_000)).await;
    let long = services.until(&name, 2).await.remove(1);
    assert!(long["octets"].as_i64().unwrap() <= 4_096);
    assert_eq!(services.faults().await, json!([]));
}

async fn apps(scene: Scene) {
    let Scene { services, ada, bob, chat, .. } = scene;
    let android = json!({"kind": "fcm", "token": "c8-x:APA91bHun", "app": "org.example.android"});
    assert_eq!(subscribe(&bob, &android).await["app"], "org.example.android");
    let iphone = json!({"kind": "apns", "token": apple_token(), "app": services.text("apns_topic")});
    subscribe(&bob, &iphone).await;
    let said = ada.says(&chat, "Hello from \"both\"").await;
    let message = services.until("c8-x:APA91bHun", 1).await.remove(0)["message"].clone();
    assert_eq!(message["notification"]["body"], "Hello from \"both\"");
    assert_eq!((&message["data"]["message_id"], &message["data"]["chat_id"]), (&said["id"], &json!(chat)));
    assert_eq!(message["android"]["priority"], "high");
    assert_eq!(message["android"]["collapse_key"], message["android"]["notification"]["tag"]);
    let apple = services.until(&apple_token(), 1).await.remove(0);
    let payload = &apple["payload"];
    assert_eq!(payload["aps"]["alert"]["body"], "Hello from \"both\"");
    assert_eq!((&payload["type"], &payload["message_id"]), (&json!("message.direct"), &said["id"]));
    assert_eq!(apple["headers"]["apns-priority"], "10");
    let collapse = &apple["headers"]["apns-collapse-id"];
    assert_eq!(collapse, &payload["aps"]["thread-id"]);
    assert_ne!(collapse, &message["android"]["collapse_key"], "another topic for each device");

    // Tokens are kept, and got anew when the service does not take them any more.
    ada.says(&chat, "again").await;
    services.until("c8-x:APA91bHun", 2).await;
    assert_eq!(services.counts().await["sign_ins"], 1);
    services.forget_tokens().await;
    ada.says(&chat, "and again").await;
    services.until("c8-x:APA91bHun", 3).await;
    assert_eq!(services.counts().await["sign_ins"], 2);
    services.until(&apple_token(), 3).await;
    assert_eq!(services.counts().await["sessions"], 1, "one connection for all");
}

async fn a_device_of_somebody_else(scene: Scene) {
    let Scene { services, world, ada, bob, chat } = scene;
    let (name, new) = services.browser().await;
    let first = subscribe(&bob, &new).await;
    let eve = world.user("eve").await;
    let second = subscribe(&eve, &new).await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(bob.get(ALL).await.expect(200)["items"], json!([]), "somebody else is signed in there now");
    ada.says(&chat, "for bob").await;
    let other = ada.private_chat(&eve).await;
    ada.says(&other, "for eve").await;
    let got = services.until(&name, 1).await;
    assert!(got.iter().all(|one| one["payload"]["body"] == "for eve"), "{got:?}");
}

async fn by_how_much_somebody_wants_it_to_say(scene: Scene) {
    let Scene { services, ada, bob, chat, .. } = scene;
    let (name, new) = services.browser().await;
    subscribe(&bob, &new).await;
    for (count, (privacy, body)) in [("sender", "Something new"), ("nothing", "")].into_iter().enumerate() {
        let preferences = json!({"push_privacy": privacy});
        bob.patch("/api/notifications/preferences", preferences).await.expect(200);
        ada.says(&chat, "zqsecret").await;
        let payload = services.until(&name, count + 1).await.remove(count)["payload"].clone();
        assert_eq!(payload["body"], body, "{payload}");
        assert!(!payload.to_string().contains("zqsecret"));
        assert_eq!(payload.to_string().contains(&chat), privacy == "sender", "{payload}");
    }
}

async fn read_meanwhile(scene: Scene) {
    let Scene { services, ada, bob, chat, .. } = scene;
    let (name, new) = services.browser().await;
    subscribe(&bob, &new).await;
    // The first try fails, and until the next one bob has read it elsewhere.
    services.behave(&name, json!({"status": 503, "retry_after": 1})).await;
    let said = ada.says(&chat, "read elsewhere").await;
    let read = json!({"seq": said["seq"]});
    bob.post(&format!("/api/chats/{chat}/read"), read).await.expect(200);
    ada.says(&chat, "not read").await;
    let got = services.until(&name, 1).await;
    assert!(got.iter().all(|one| one["payload"]["body"] == "not read"), "{got:?}");
}

async fn dead_devices(scene: Scene) {
    let Scene { services, ada, bob, chat, .. } = scene;
    let (gone, new) = services.browser().await;
    subscribe(&bob, &new).await;
    let (missing, new) = services.browser().await;
    subscribe(&bob, &new).await;
    subscribe(&bob, &json!({"kind": "fcm", "token": "dead"})).await;
    subscribe(&bob, &json!({"kind": "apns", "token": apple_token(), "app": services.text("apns_topic")})).await;
    let (alive, new) = services.browser().await;
    let alive_one = subscribe(&bob, &new).await;
    services.behave(&gone, json!({"status": 410, "always": true})).await;
    services.behave(&missing, json!({"status": 404, "always": true})).await;
    let unregistered = json!({"error": {"code": 404, "details": [{"errorCode": "UNREGISTERED"}]}});
    services.behave("dead", json!({"status": 404, "body": unregistered, "always": true})).await;
    let reason = json!({"reason": "Unregistered", "timestamp": 1_700_000_000_000_i64});
    services.behave(&apple_token(), json!({"status": 410, "body": reason, "always": true})).await;
    ada.says(&chat, "is anybody there?").await;
    services.until(&alive, 1).await;
    until("only the living device is left", async || {
        let left = bob.get(ALL).await.expect(200);
        left["items"].as_array().unwrap().iter().all(|one| one["id"] == alive_one["id"])
    })
    .await;
}

/// Nobody can know whether the service has told what it has not acknowledged; so the second time replaces the first.
async fn killed(scene: Scene) {
    let Scene { services, world, ada, bob, chat } = scene;
    let (name, new) = services.browser().await;
    subscribe(&bob, &new).await;
    let iphone = json!({"kind": "apns", "token": apple_token(), "app": services.text("apns_topic")});
    subscribe(&bob, &iphone).await;
    services.behave(&name, json!({"hang": true})).await;
    ada.says(&chat, "before").await;
    services.until(&apple_token(), 1).await;
    services.until_asked(&name).await;
    world.server.kill().await;
    let world = served(&services, world.database).await;
    let (ada, bob) = (ada.at(&world.server), bob.at(&world.server));
    let told = services.until(&name, 1).await;
    assert_eq!(told[0]["payload"]["body"], "before");
    assert_eq!(bob.get(ALL).await.expect(200)["items"].as_array().unwrap().len(), 2);
    ada.says(&chat, "after").await;
    let told = services.until(&name, 2).await;
    assert_eq!((told.len(), &told[1]["payload"]["body"]), (2, &json!("after")));
    assert_eq!(told[0]["topic"], told[1]["topic"]);
    let apple = services.until(&apple_token(), 2).await;
    let collapse = |one: &Value| one["headers"]["apns-collapse-id"].clone();
    assert!(apple.iter().all(|one| collapse(one) == collapse(&apple[0])), "{apple:?}");
}

async fn services_that_fail(scene: Scene) {
    let Scene { services, ada, bob, chat, .. } = scene;
    let (busy, new) = services.browser().await;
    subscribe(&bob, &new).await;
    subscribe(&bob, &json!({"kind": "fcm", "token": "slow"})).await;
    subscribe(&bob, &json!({"kind": "apns", "token": apple_token(), "app": services.text("apns_topic")})).await;
    // One wants nothing for a while, one hangs, and the third is all right.
    services.behave(&busy, json!({"status": 429, "retry_after": 2})).await;
    services.behave("slow", json!({"hang": true, "always": true})).await;
    for count in 1..=3 {
        ada.says(&chat, &format!("hello {count}")).await;
    }
    services.until(&apple_token(), 1).await;
    let got = services.until(&busy, 1).await;
    assert!(got[0]["payload"]["body"].as_str().unwrap().starts_with("hello"));
    // Redirects are not followed, and a connection that breaks is tried again.
    services.behave(&busy, json!({"status": 307, "location": services.text("control")})).await;
    ada.says(&chat, "to nowhere").await;
    services.behave(&apple_token(), json!({"cut": true})).await;
    ada.says(&chat, "cut off").await;
    until("the last is told", async || {
        let got = services.received(&apple_token()).await;
        got.iter().any(|one| one["payload"]["aps"]["alert"]["body"] == "cut off")
    })
    .await;
    assert_eq!(bob.get(ALL).await.expect(200)["items"].as_array().unwrap().len(), 3, "none of them is given up");
}

async fn signed_out(scene: Scene) {
    let Scene { services, world, ada, chat, .. } = scene;
    let there = world.login("bob").await;
    let here = world.login("bob").await;
    let (first, new) = services.browser().await;
    subscribe(&there, &new).await;
    let (second, new) = services.browser().await;
    subscribe(&here, &new).await;
    there.post("/api/auth/logout", json!({})).await.expect(204);
    let left = here.get(ALL).await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    assert_eq!(left["items"][0]["current"], true);
    ada.says(&chat, "who is there?").await;
    services.until(&second, 1).await;
    assert_eq!(services.received(&first).await, Vec::<Value>::new());
}

async fn what_is_refused(scene: Scene) {
    let Scene { services, world, bob, .. } = scene;
    let (_, good) = services.browser().await;
    let with = |member: &str, value: Value| {
        let mut new = good.clone();
        *new.pointer_mut(member).unwrap() = value;
        new
    };
    let mut off = data_encoding::BASE64URL_NOPAD.decode(good["keys"]["p256dh"].as_str().unwrap().as_bytes()).unwrap();
    off[64] ^= 1;
    let off = data_encoding::BASE64URL_NOPAD.encode(&off);
    for (new, pointer) in [
        (with("/keys/p256dh", json!(off)), "/keys/p256dh"),
        (with("/keys/auth", json!("AAAA")), "/keys/auth"),
        (with("/endpoint", json!("http://192.0.2.1/x")), "/endpoint"),
        (with("/endpoint", json!("https://169.254.169.254/latest")), "/endpoint"),
        (with("/endpoint", json!("https://[::ffff:10.0.0.1]/")), "/endpoint"),
        (with("/endpoint", json!("ftp://push.example/")), "/endpoint"),
        (json!({"kind": "apns", "token": apple_token(), "app": "org.example.other"}), "/app"),
        (json!({"kind": "apns", "token": "nothing", "app": services.text("apns_topic")}), "/token"),
        (json!({"kind": "sms"}), "/kind"),
    ] {
        assert_eq!(bob.post(ALL, new.clone()).await.wrong_fields(), [pointer], "{new}");
    }
    let scopes = json!({"name": "bot", "scopes": ["chats:read"]});
    let key = bob.post("/api/api-keys", scopes).await.expect(201)["key"].as_str().unwrap().to_owned();
    world.nobody().with_key(key).get(ALL).await.refused(403, "scope.missing");
    // The same call under a key is the same subscription.
    let once = async || {
        let request = bob.request("POST", ALL).header("idempotency-key", "once").json(&good);
        Answer::to(request).await.expect(201)["id"].clone()
    };
    assert_eq!(once().await, once().await);
    for number in 1..20 {
        subscribe(&bob, &json!({"kind": "fcm", "token": format!("device-{number}")})).await;
    }
    bob.post(ALL, json!({"kind": "fcm", "token": "one-more"})).await.refused(409, "push.limit");
    subscribe(&bob, &json!({"kind": "fcm", "token": "device-7"})).await;
}
