//! People learn how far their messages have come.

use clowder_tests::{World, on_both, wait};
use serde_json::{Value, json};

on_both!(shared; by_a_page, by_a_socket, by_the_client, hidden, after_a_resume);

async fn status(user: &clowder_tests::User, message: &Value) -> String {
    let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
    user.get(&path).await.expect(200)["status"].as_str().unwrap().to_owned()
}

async fn by_a_page(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let message = ada.says(&chat, "hello").await;
    assert_eq!(status(&ada, &message).await, "sent");
    bob.messages(&chat).await;
    wait::until("the page counts as delivery", async || status(&ada, &message).await == "delivered").await;
    assert_eq!(status(&bob, &message).await, "sent", "it concerns the sender");
    bob.post(&format!("/api/chats/{chat}/read"), json!({"seq": 1})).await.expect(200);
    assert_eq!(status(&ada, &message).await, "read");
    let receipts = ada.get(&format!("/api/messages/{}/receipts", message["id"].as_str().unwrap())).await.expect(200);
    let [receipt] = receipts["items"].as_array().unwrap().as_slice() else { panic!("{receipts}") };
    assert_eq!(receipt["user"]["id"], json!(bob.id));
    assert!(receipt["delivered_at"].is_string() && receipt["read_at"].is_string(), "{receipt}");
}

async fn by_a_socket(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let message = ada.says(&chat, "hello").await;
    let told = {
        // The client answers pings while it listens.
        let listening = async {
            loop {
                his.next().await;
            }
        };
        tokio::select! {
            told = hers.until("message.delivered") => told,
            () = listening => unreachable!(),
        }
    };
    assert_eq!((&told["data"]["user_id"], &told["data"]["seq"]), (&json!(bob.id), &json!(1)));
    assert!(told["cursor"].is_string());
    assert_eq!(status(&ada, &message).await, "delivered");
}

async fn by_the_client(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let message = ada.says(&chat, "hello").await;
    let mut his = bob.socket().await;
    let ack = his.command("message.delivered", json!({"chat_id": chat, "seq": 7})).await.unwrap();
    assert_eq!((&ack["seq"], &ack["user_id"]), (&json!(1), &json!(bob.id)));
    assert_eq!(status(&ada, &message).await, "delivered");
    let again = bob.post(&format!("/api/chats/{chat}/delivered"), json!({"seq": 0})).await.expect(200);
    assert_eq!(again["seq"], 1, "the mark never goes back");
    let wrong = his.command("message.delivered", json!({"chat_id": chat, "seq": -1})).await.unwrap_err();
    assert_eq!(wrong["code"], "input.invalid");
    let eve = world.user("eve").await;
    eve.post(&format!("/api/chats/{chat}/delivered"), json!({"seq": 1})).await.refused(404, "chat.unknown");
    let path = format!("/api/messages/{}/receipts", message["id"].as_str().unwrap());
    eve.get(&path).await.refused(404, "message.unknown");
}

async fn hidden(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    bob.patch("/api/users/me/settings", json!({"privacy": {"read_receipts": false}})).await.expect(200);
    let message = ada.says(&chat, "hello").await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    his.command("message.read", json!({"chat_id": chat, "seq": 1})).await.unwrap();
    let told = hers.until("message.delivered").await;
    assert_eq!(told["data"]["seq"], 1);
    assert_eq!(his.until("message.read").await["data"]["seq"], 1, "their own devices learn of it");
    assert_eq!(status(&ada, &message).await, "delivered");
    let path = format!("/api/messages/{}/receipts", message["id"].as_str().unwrap());
    assert_eq!(ada.get(&path).await.expect(200)["items"][0]["read_at"], json!(null));
    let answer = bob.says(&chat, "hi").await;
    ada.post(&format!("/api/chats/{chat}/read"), json!({"seq": 2})).await.expect(200);
    assert_eq!(status(&bob, &answer).await, "delivered", "who hides sees nothing");
    assert_eq!(bob.chat(&chat).await["unread_count"], 0);
}

async fn after_a_resume(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut his = bob.knock(None).await;
    let cursor = his.hello().await["cursor"].as_str().unwrap().to_owned();
    drop(his);
    let message = ada.says(&chat, "while bob is away").await;
    let mut his = bob.knock(Some(&cursor)).await;
    his.until("resumed").await;
    let arrived = wait::until("a replayed message arrives", async || status(&ada, &message).await == "delivered");
    tokio::select! {
        () = arrived => {}
        () = async { loop { his.next().await; } } => {}
    }
}
