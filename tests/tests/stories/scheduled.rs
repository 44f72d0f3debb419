//! People write messages that are sent later, and messages that disappear.

use clowder_tests::{User, World, on_both, world::each};
use serde_json::{Value, json};

on_both!(shared; once, again_and_again, a_poll, no_longer_allowed, over_sockets, for_a_moment, after_reading);

/// So many seconds after the server made something just now.
fn seconds_after(made: &Value, seconds: i64) -> String {
    let made: jiff::Timestamp = made["created_at"].as_str().unwrap().parse().unwrap();
    (made + jiff::SignedDuration::from_secs(seconds)).to_string()
}

async fn later(user: &User, chat: &str, seconds: i64, more: Value) -> Value {
    let now = user.says(chat, "now").await;
    let mut body = json!({"content": "later", "send_at": seconds_after(&now, seconds)});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    user.post(&format!("/api/chats/{chat}/messages"), body).await.expect(202)
}

fn path(scheduled: &Value) -> String {
    format!("/api/scheduled-messages/{}", scheduled["id"].as_str().unwrap())
}

async fn once(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (mut phone, mut laptop) = (bob.socket().await, ada.socket().await);
    let waiting = later(&ada, &chat, 2, json!({})).await;
    assert_eq!((&waiting["status"], &waiting["content"]), (&json!("waiting"), &json!("later")));
    let known = ada.request("GET", &path(&waiting)).header("If-None-Match", "\"1\"");
    assert_eq!(clowder_tests::Answer::to(known).await.status, 304);
    let told = laptop.until("message.scheduled").await;
    assert_eq!((&told["data"]["id"], told["data"].get("content")), (&waiting["id"], None));
    let list = ada.get(&format!("/api/scheduled-messages?chat_id={chat}")).await.expect(200);
    assert_eq!(each(list["items"].as_array().unwrap(), "id"), [waiting["id"].clone()]);
    assert_eq!(bob.get("/api/scheduled-messages").await.expect(200)["items"], json!([]));
    bob.get(&path(&waiting)).await.refused(404, "scheduled.unknown");
    phone.until("message.sent").await;
    let said = phone.until("message.sent").await;
    assert_eq!((&said["data"]["content"], &said["data"]["sender"]["id"]), (&json!("later"), &json!(ada.id)));
    let told = laptop.until("message.scheduled").await;
    assert_eq!((&told["data"]["status"], &told["data"]["message_id"]), (&json!("sent"), &said["data"]["id"]));
    let sent = ada.get(&path(&waiting)).await.expect(200);
    assert_eq!((&sent["status"], &sent["content"]), (&json!("sent"), &json!(null)));
    ada.patch(&path(&waiting), json!({"content": "x"})).await.refused(409, "scheduled.over");
    ada.delete(&path(&waiting)).await.refused(409, "scheduled.over");
}

async fn a_poll(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let meals = || json!({"options": ["Noodles", "Soup"]});
    let waiting = later(&ada, &chat, 3600, json!({"type": "poll", "poll": meals()})).await;
    let option = |text: &str| json!({"text": text, "votes": 0});
    assert_eq!(waiting["type"], "poll");
    assert_eq!(waiting["poll"]["options"], json!([option("Noodles"), option("Soup")]));
    let long = "?".repeat(301);
    assert_eq!(ada.patch(&path(&waiting), json!({"content": long})).await.wrong_fields(), ["/content"]);
    let edit = json!({"content": "What?", "poll": {"options": ["Rice", "Soup"], "anonymous": true}});
    let edited = ada.patch(&path(&waiting), edit).await.expect(200);
    assert_eq!((&edited["content"], &edited["poll"]["anonymous"]), (&json!("What?"), &json!(true)));
    assert_eq!(edited["poll"]["options"], json!([option("Rice"), option("Soup")]));
    ada.delete(&path(&waiting)).await.expect(204);
    let gone = ada.get(&path(&waiting)).await.expect(200);
    assert_eq!((&gone["status"], &gone["type"], gone.get("poll")), (&json!("cancelled"), &json!("poll"), None));

    let mut phone = bob.socket().await;
    let waiting = later(&ada, &chat, 1, json!({"type": "poll", "poll": meals()})).await;
    let sent = loop {
        let sent = phone.until("message.sent").await["data"].clone();
        if sent["type"] == "poll" {
            break sent;
        }
    };
    assert_eq!((&sent["content"], &sent["poll"]["voters"]), (&json!("later"), &json!(0)));
    let votes = format!("/api/messages/{}/poll/votes", sent["id"].as_str().unwrap());
    assert_eq!(bob.put(&votes, json!({"options": [1]})).await.expect(200)["votes"], json!([0, 1]));
    let over = ada.get(&path(&waiting)).await.expect(200);
    assert_eq!((&over["status"], &over["message_id"]), (&json!("sent"), &sent["id"]));
    let polls = ada.messages(&chat).await.into_iter().filter(|message| message["type"] == "poll");
    assert_eq!(polls.count(), 1, "it is sent once");
}

async fn again_and_again(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Alone", &[]).await;
    let rule = json!({"repeat": "FREQ=WEEKLY;BYDAY=MO", "time_zone": "Europe/Berlin"});
    let weekly = later(&ada, &chat, 3600, rule).await;
    let monday: jiff::Timestamp = weekly["send_at"].as_str().unwrap().parse().unwrap();
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(monday.to_zoned(berlin).weekday(), jiff::civil::Weekday::Monday);
    let edited = ada.patch(&path(&weekly), json!({"repeat": null, "content": "once"})).await.expect(200);
    assert_eq!(
        (&edited["repeat"], &edited["send_at"], &edited["version"]),
        (&json!(null), &weekly["send_at"], &json!(2))
    );
    let messages = format!("/api/chats/{chat}/messages");
    let wrong = json!({"content": "x", "repeat": "FREQ=HOURLY", "time_zone": "Mars/Olympus", "send_at": "2001-01-01T00:00:00Z"});
    assert_eq!(ada.post(&messages, wrong).await.wrong_fields(), ["/repeat", "/time_zone"]);
    let past = json!({"content": "x", "send_at": "2001-01-01T00:00:00Z"});
    assert_eq!(ada.post(&messages, past).await.wrong_fields(), ["/send_at"]);
    let alone = json!({"content": "x", "repeat": "FREQ=DAILY", "time_zone": "UTC"});
    assert_eq!(ada.post(&messages, alone).await.wrong_fields(), ["/repeat", "/time_zone"]);
    let first = ada.says(&chat, "the first").await;
    let names = json!({"mentions": [ada.id], "reply_to": first["id"], "thread_of": first["id"]});
    let edited = ada.patch(&path(&weekly), names).await.expect(200);
    assert_eq!(
        (&edited["mentions"], &edited["reply_to"], &edited["thread_of"], &edited["send_at"]),
        (&json!([ada.id]), &first["id"], &first["id"], &weekly["send_at"])
    );
    let none = json!({"mentions": [], "reply_to": null, "thread_of": null});
    let edited = ada.patch(&path(&weekly), none).await.expect(200);
    assert_eq!((&edited["mentions"], &edited["reply_to"]), (&json!([]), &json!(null)));
    let unknown = json!({"reply_to": weekly["id"], "thread_of": "x"});
    assert_eq!(ada.patch(&path(&weekly), unknown).await.wrong_fields(), ["/thread_of"]);
    let unknown = json!({"reply_to": weekly["id"], "thread_of": weekly["id"]});
    assert_eq!(ada.patch(&path(&weekly), unknown).await.wrong_fields(), ["/reply_to", "/thread_of"]);
    ada.delete(&path(&weekly)).await.expect(204);
    let cancelled = ada.get("/api/scheduled-messages?status=cancelled").await.expect(200);
    assert_eq!((&cancelled["items"][0]["id"], &cancelled["items"][0]["content"]), (&weekly["id"], &json!(null)));
}

async fn no_longer_allowed(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut phone = bob.socket().await;
    let waiting = later(&bob, &chat, 2, json!({})).await;
    ada.delete(&format!("/api/chats/{chat}/participants/{}", bob.id)).await.expect(204);
    phone.until("message.scheduled").await;
    let told = phone.until("message.scheduled").await;
    assert_eq!(
        (&told["data"]["status"], &told["data"]["problem"]["code"]),
        (&json!("refused"), &json!("chat.unknown"))
    );
    let refused = bob.get(&path(&waiting)).await.expect(200);
    assert_eq!((&refused["status"], &refused["content"]), (&json!("refused"), &json!("later")));
    assert!(!refused["problem"]["title"].as_str().unwrap().is_empty());
}

async fn over_sockets(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Alone", &[]).await;
    let at = seconds_after(&ada.says(&chat, "now").await, 3600);
    let mut socket = ada.socket().await;
    let data = json!({"chat_id": chat, "content": "later", "send_at": at});
    let waiting = socket.command("message.send", data).await.unwrap();
    assert_eq!((&waiting["status"], &waiting["chat_id"]), (&json!("waiting"), &json!(chat)));
    let id = waiting["id"].clone();
    let edit = |version: i64| json!({"scheduled_message_id": id, "content": "much later", "version": version});
    let edited = socket.command("scheduled.edit", edit(1)).await.unwrap();
    assert_eq!((&edited["content"], &edited["version"]), (&json!("much later"), &json!(2)));
    assert_eq!(socket.command("scheduled.edit", edit(1)).await.unwrap_err()["code"], "scheduled.stale");
    let cancelled = socket.command("scheduled.cancel", json!({"scheduled_message_id": id})).await.unwrap();
    assert_eq!(cancelled["status"], "cancelled");
}

async fn for_a_moment(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut phone = bob.socket().await;
    let set = json!({"lifetime": {"seconds": 5}});
    let changed = bob.put(&format!("/api/chats/{chat}/lifetime"), set).await.expect(200);
    assert_eq!(changed["lifetime"], json!({"seconds": 5, "from": "sent"}));
    assert_eq!(phone.until("chat.updated").await["data"]["lifetime"]["seconds"], 5);
    let said = ada.says(&chat, "for a moment").await;
    assert_eq!(
        said["expires_at"],
        json!(seconds_after(&said, 5).parse::<jiff::Timestamp>().map(|at| format!("{at:.3}")).unwrap())
    );
    let gone = phone.until("message.deleted").await;
    assert_eq!((&gone["data"]["message_id"], &gone["data"]["deleted_by"]), (&said["id"], &json!(ada.id)));
    let message = bob.get(&format!("/api/messages/{}", said["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&message["content"], &message["deleted_at"]), (&json!(null), &said["expires_at"]));
    let body = json!({"lifetime": {"seconds": 4, "from": "seen"}});
    let wrong = ada.put(&format!("/api/chats/{chat}/lifetime"), body).await;
    assert_eq!(wrong.wrong_fields(), ["/lifetime/from", "/lifetime/seconds"]);
    ada.put(&format!("/api/chats/{chat}/lifetime"), json!({"lifetime": null})).await.expect(200);
    assert!(ada.says(&chat, "stays").await.get("expires_at").is_none());
}

async fn after_reading(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut phone = ada.socket().await;
    let new = json!({"content": "for your eyes", "lifetime": {"seconds": 3600, "from": "read"}});
    let said = ada.post(&format!("/api/chats/{chat}/messages"), new).await.expect(201);
    assert_eq!(said["lifetime"]["from"], "read");
    let at_the_latest = said["expires_at"].as_str().unwrap();
    bob.post(&format!("/api/chats/{chat}/read"), json!({"seq": said["seq"]})).await.expect(200);
    let told = phone.until("message.expiring").await;
    assert_eq!(told["data"]["message_id"], said["id"]);
    let message = bob.get(&format!("/api/messages/{}", said["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(message["expires_at"], told["data"]["expires_at"]);
    assert!(message["expires_at"].as_str().unwrap() < at_the_latest, "{message}");
}
