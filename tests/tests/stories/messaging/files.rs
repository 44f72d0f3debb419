//! Whoever gives files to what takes none is told so, and nobody believes that a picture was taken.

use clowder_tests::{Answer, World, on_both};
use serde_json::{Value, json};

on_both!(shared; refused, nothing_is_no_file, live);

const FILE: &str = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d3";

/// Refused because of the files at these places.
#[track_caller]
fn no_files(answer: &Answer, expected: &[&str]) {
    assert_eq!(answer.status, 422, "{}", answer.text);
    let told = answer.body["errors"].as_array().unwrap().iter().map(|error| (&error["pointer"], &error["code"]));
    let wanted = expected.iter().map(|pointer| (json!(pointer), json!("no_files"))).collect::<Vec<_>>();
    assert_eq!(told.collect::<Vec<_>>(), wanted.iter().map(|(pointer, code)| (pointer, code)).collect::<Vec<_>>());
}

fn a_day_after(said: &Value) -> String {
    let at: jiff::Timestamp = said["created_at"].as_str().unwrap().parse().unwrap();
    (at + jiff::SignedDuration::from_hours(24)).to_string()
}

async fn refused(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let hi = ada.says(&chat, "hi").await;
    let said = format!("/api/messages/{}", hi["id"].as_str().unwrap());
    let forward = json!({"chat_ids": [chat], "attachments": [FILE]});
    no_files(&ada.post(&format!("{said}/forward"), forward).await, &["/attachments"]);
    let chat = format!("/api/chats/{chat}");
    let new = json!({"type": "group", "title": "Lunch", "avatar": FILE});
    no_files(&ada.post("/api/chats", new).await, &["/avatar"]);
    no_files(&ada.post("/api/groups", json!({"name": "Gardeners", "photos": [FILE]})).await, &["/photos"]);
    let pet = json!({"name": "Minka", "species": "cat", "cover": FILE});
    no_files(&ada.post("/api/pets", pet).await, &["/cover"]);
    no_files(&ada.patch(&chat, json!({"cover": FILE})).await, &["/cover"]);
    no_files(&ada.patch("/api/users/me", json!({"photos": [FILE]})).await, &["/photos"]);
    assert_eq!(ada.messages(&chat["/api/chats/".len()..]).await.len(), 1, "nothing was sent");
}

async fn nothing_is_no_file(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let messages = format!("/api/chats/{chat}/messages");
    let said = ada.post(&messages, json!({"content": "hi", "attachments": []})).await.expect(201);
    ada.post(&messages, json!({"content": "hi", "attachments": null})).await.expect(201);
    ada.patch("/api/users/me", json!({"avatar": null, "photos": [], "bio": "hi"})).await.expect(200);
    let later = json!({"content": "hi", "send_at": a_day_after(&said)});
    assert_eq!(ada.post(&messages, later).await.expect(202)["attachments"], json!([]));
    assert_eq!(said["attachments"], json!([]));
    let path = format!("/api/messages/{}", said["id"].as_str().unwrap());
    ada.put(&format!("{path}/pin"), json!({})).await.expect(200);
    ada.put(&format!("{path}/save"), json!({})).await.expect(200);
    for list in [format!("/api/chats/{chat}/pins"), "/api/saved-messages".to_owned()] {
        assert_eq!(ada.get(&list).await.expect(200)["items"][0]["message"]["attachments"], json!([]), "{list}");
    }
    assert_eq!(bob.messages(&chat).await[0]["attachments"], json!([]));
    assert_eq!(bob.chat(&chat).await["last_message"]["attachments"], json!([]));
}

async fn live(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let send = |attachments: Value| json!({"chat_id": chat, "content": "hi", "attachments": attachments});
    let sent = hers.command("message.send", send(json!([]))).await.unwrap();
    assert_eq!(sent["attachments"], json!([]));
    assert_eq!(his.until("message.sent").await["data"]["attachments"], json!([]));
    let chat = json!({"type": "group", "title": "Lunch", "avatar": FILE});
    assert_eq!(hers.command("chat.create", chat).await.unwrap_err()["errors"][0]["pointer"], "/avatar");
}
