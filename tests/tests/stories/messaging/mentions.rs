//! People mention each other, over REST and over sockets, and jump to where they were mentioned.

use clowder_tests::{World, on_both};
use serde_json::{Value, json};

on_both!(shared; mentioning, everybody, live, strangers);

async fn mentioning(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let path = format!("/api/chats/{chat}/messages");
    let name = bob.get("/api/users/me").await.expect(200)["username"].as_str().unwrap().to_owned();
    let text = format!("@{name} see https://example.org/menu #Lunch");
    let said = ada.post(&path, json!({"content": text, "mentions": [eve.id, ada.id]})).await.expect(201);
    let length = name.chars().count() + 1;
    let expected = json!([
        {"type": "mention", "offset": 0, "length": length, "user_id": bob.id},
        {"type": "link", "offset": length + 5, "length": 24, "url": "https://example.org/menu"},
        {"type": "hashtag", "offset": length + 30, "length": 6, "tag": "lunch"},
    ]);
    assert_eq!((&said["entities"], &said["mentions"]), (&expected, &json!([bob.id, ada.id])), "eve is not in the chat");
    assert_eq!(
        (&bob.chat(&chat).await["mention_count"], &ada.chat(&chat).await["mention_count"]),
        (&json!(1), &json!(0))
    );
    ada.says(&chat, "not for you").await;
    let list = bob.get(&format!("/api/chats/{chat}/mentions")).await.expect(200);
    assert_eq!((&list["items"][0]["id"], list["items"].as_array().unwrap().len()), (&said["id"], 1));
    assert!(list["next_cursor"].is_null());
    bob.post(&format!("/api/chats/{chat}/read"), json!({"seq": 2})).await.expect(200);
    assert_eq!(bob.chat(&chat).await["mention_count"], 0);
    let message = format!("/api/messages/{}", said["id"].as_str().unwrap());
    let edited = ada.patch(&message, json!({"content": "nobody", "mentions": []})).await.expect(200);
    assert_eq!((&edited["entities"], &edited["mentions"]), (&json!([]), &json!([])));
    let list = bob.get(&format!("/api/chats/{chat}/mentions")).await.expect(200);
    assert_eq!(list["items"], json!([]));
    let many: Vec<_> = (0..51).map(|_| json!(bob.id)).collect();
    for wrong in [json!("x"), json!(["x"]), json!(many)] {
        ada.post(&path, json!({"content": "x", "mentions": wrong})).await.refused(422, "input.invalid");
        ada.patch(&message, json!({"content": "x", "mentions": wrong})).await.refused(422, "input.invalid");
    }
}

async fn everybody(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let said = ada.says(&chat, "Hello @all!").await;
    assert_eq!(said["entities"], json!([{"type": "mention_all", "offset": 6, "length": 4}]));
    assert_eq!((&said["mentions"], &bob.chat(&chat).await["mention_count"]), (&json!([]), &json!(1)));
    assert_eq!(bob.says(&chat, "Hello @all!").await["entities"], json!([]), "members may not");
}

async fn live(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let new = json!({"chat_id": chat, "content": "hello #tea", "mentions": [bob.id]});
    let said = hers.command("message.send", new).await.unwrap();
    assert_eq!(said["mentions"], json!([bob.id]));
    let told = his.until("message.sent").await;
    let tag = json!([{"type": "hashtag", "offset": 6, "length": 4, "tag": "tea"}]);
    assert_eq!((&told["data"]["mentions"], &told["data"]["entities"]), (&json!([bob.id]), &tag));
    let patch = json!({"message_id": said["id"], "content": "hello", "mentions": []});
    let edited = hers.command("message.edit", patch).await.unwrap();
    assert_eq!((&edited["mentions"], &edited["entities"]), (&json!([]), &json!([])));
    let told = his.until("message.updated").await;
    assert_eq!(told["data"]["mentions"], Value::Array(Vec::new()));
    let wrong = json!({"chat_id": chat, "content": "hello", "mentions": ["bob"]});
    let wrong = hers.command("message.send", wrong).await.unwrap_err();
    assert_eq!((&wrong["code"], &wrong["errors"][0]["pointer"]), (&json!("input.invalid"), &json!("/mentions/0")));
}

async fn strangers(world: World) {
    let (ada, eve) = (world.user("ada").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[]).await;
    let path = format!("/api/chats/{chat}/mentions");
    eve.get(&path).await.refused(404, "chat.unknown");
    ada.get(&format!("{path}?cursor=x")).await.refused(422, "input.invalid");
}
