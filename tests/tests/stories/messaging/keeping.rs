//! People pin, save and delete messages, over REST and over sockets.

use clowder_tests::{User, World, on_both};
use serde_json::{Value, json};

on_both!(shared; pinning, saving, deleting_many, live);

async fn said(world: &World) -> (User, User, String, Vec<String>) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(ada.says(&chat, text).await["id"].as_str().unwrap().to_owned());
    }
    (ada, bob, chat, ids)
}

fn pin(message: &str) -> String {
    format!("/api/messages/{message}/pin")
}

fn save(message: &str) -> String {
    format!("/api/messages/{message}/save")
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["message"]["id"].as_str().unwrap().to_owned()).collect()
}

async fn pinning(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let pins = format!("/api/chats/{chat}/pins");
    let first = ada.put(&pin(&said[0]), json!({})).await.expect(200);
    assert_eq!((&first["pinned_by"], &first["message"]["pinned"]), (&json!(ada.id), &json!(true)));
    assert_eq!(ada.put(&pin(&said[0]), json!({})).await.expect(200)["pinned_at"], first["pinned_at"]);
    ada.put(&pin(&said[1]), json!({})).await.expect(200);
    assert_eq!(ids(&bob.get(&pins).await.expect(200)), [said[1].as_str(), &said[0]]);
    let ordered = ada.put(&pins, json!({"message_ids": [said[0]]})).await.expect(200);
    assert_eq!(ids(&ordered), [said[0].as_str(), &said[1]]);
    bob.put(&pin(&said[2]), json!({})).await.refused(403, "chat.forbidden");
    bob.put(&pins, json!({"message_ids": []})).await.refused(403, "chat.forbidden");
    let shown = bob.messages(&chat).await;
    let third = shown.iter().find(|message| message["id"] == said[2].as_str()).unwrap();
    assert_eq!(third["pinned"], Value::Null);
    assert_eq!(ada.delete(&pin(&said[1])).await.status, 204);
    assert_eq!(ada.delete(&pin(&said[1])).await.status, 204);
    ada.delete(&format!("/api/messages/{}", said[0])).await;
    assert!(ids(&bob.get(&pins).await.expect(200)).is_empty());
    ada.put(&pin(&said[0]), json!({})).await.refused(410, "message.deleted");
    let eve = world.user("eve").await;
    eve.put(&pin(&said[1]), json!({})).await.refused(404, "message.unknown");
    eve.get(&pins).await.refused(404, "chat.unknown");
}

async fn saving(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let first = bob.put(&save(&said[0]), json!({"note": "For the trip"})).await.expect(200);
    assert_eq!((&first["note"], &first["message"]["content"]), (&json!("For the trip"), &json!("one")));
    bob.put(&save(&said[1]), json!({})).await.expect(200);
    let all = bob.get("/api/saved-messages").await.expect(200);
    assert_eq!(ids(&all), [said[1].as_str(), &said[0]]);
    assert_eq!(
        ids(&bob.get(&format!("/api/saved-messages?chat_id={chat}&limit=1")).await.expect(200)),
        [said[1].as_str()]
    );
    bob.get("/api/saved-messages?chat_id=x").await.refused(422, "input.invalid");
    assert!(ids(&ada.get("/api/saved-messages").await.expect(200)).is_empty());
    assert_eq!(bob.delete(&save(&said[1])).await.status, 204);
    assert_eq!(bob.delete(&save(&said[1])).await.status, 204);
    bob.put(&save(&said[2]), json!({"note": "x".repeat(501)})).await.refused(422, "input.invalid");
    world.user("eve").await.put(&save(&said[0]), json!({})).await.refused(404, "message.unknown");
}

async fn deleting_many(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let path = format!("/api/chats/{chat}/messages/delete");
    let own = bob.says(&chat, "mine").await["id"].as_str().unwrap().to_owned();
    let answer = bob.post(&path, json!({"message_ids": [said[0], own]})).await.expect(200);
    assert_eq!(answer["items"][0]["problem"]["code"], "message.forbidden");
    assert!(answer["items"][1]["deleted_at"].is_string());
    let ids = json!({"message_ids": [said[0], said[1], chat], "reason": "Cleaning"});
    let answer = ada.post(&path, ids).await.expect(200);
    assert_eq!(answer["items"][2]["problem"]["code"], "message.unknown");
    assert_eq!(bob.messages(&chat).await.iter().filter(|message| message["content"].is_null()).count(), 3);
    ada.post(&path, json!({"message_ids": []})).await.refused(422, "input.invalid");
    world.user("eve").await.post(&path, json!({"message_ids": [said[2]]})).await.refused(404, "chat.unknown");
}

async fn live(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let of = |message: &str| json!({"message_id": message});
    let pinned = hers.command("message.pin", of(&said[0])).await.unwrap();
    assert_eq!(pinned["message"]["id"], json!(said[0]));
    assert_eq!(his.until("message.pinned").await["data"]["pinned_by"], json!(ada.id));
    hers.command("message.pin", of(&said[1])).await.unwrap();
    ada.put(&format!("/api/chats/{chat}/pins"), json!({"message_ids": [said[0]]})).await.expect(200);
    assert_eq!(his.until("chat.pins").await["data"]["message_ids"], json!([said[0], said[1]]));
    hers.command("message.unpin", of(&said[0])).await.unwrap();
    assert_eq!(his.until("message.unpinned").await["data"]["unpinned_by"], json!(ada.id));
    let mut other = bob.socket().await;
    let saved = his.command("message.save", json!({"message_id": said[0], "note": "later"})).await.unwrap();
    assert_eq!(saved["note"], "later");
    assert_eq!(other.until("message.saved").await["data"], json!({"chat_id": chat, "message_id": said[0]}));
    his.command("message.unsave", of(&said[0])).await.unwrap();
    assert_eq!(other.until("message.unsaved").await["data"]["message_id"], json!(said[0]));
    let refused = his.command("message.pin", of(&said[0])).await.unwrap_err();
    assert_eq!(refused["code"], "chat.forbidden");
}
