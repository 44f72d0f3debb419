//! What one person holds up, and what a repeated call is answered.

use std::time::Duration;

use clowder_tests::{Answer, Database, World, on_both};
use serde_json::json;

on_both!(a_repeat_of_what_was_deleted);

async fn a_repeat_of_what_was_deleted(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let path = format!("/api/chats/{chat}/messages");
    let send = async |content: &str| {
        let request = ada.request("POST", &path).header("idempotency-key", "only-once");
        Answer::to(request.json(&json!({"content": content}))).await
    };
    let first = send("between us").await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    let again = send("between us").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.body, first.body);
    send("something else").await.refused(422, "idempotency.mismatch");
    ada.delete(&format!("/api/messages/{}", first.body["id"].as_str().unwrap())).await.expect(204);
    let again = send("between us").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!((&again.body["id"], &again.body["content"]), (&first.body["id"], &json!(null)));
    assert!(again.body["deleted_at"].is_string() && !again.text.contains("between us"), "{}", again.text);
    assert_eq!(ada.messages(&chat).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_chat_holds_up_nobody_else() {
    let world = World::new(Database::postgres()).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let locked = ada.private_chat(&bob).await;
    let free = ada.group("Lunch", &[&bob]).await;
    let holder = world.database.holding(&format!("SELECT 1 FROM chats WHERE id = '{locked}' FOR UPDATE"));
    let late = tokio::spawn({
        let (bob, path) = (bob.clone(), format!("/api/chats/{locked}/messages"));
        async move { bob.may_fail().post(&path, json!({"content": "now?"})).await }
    });
    let promptly = Duration::from_secs(2);
    let mut sent = 0;
    while !late.is_finished() {
        let says =
            tokio::time::timeout(promptly, ada.says(&free, "hello")).await.expect("a send waits for another chat");
        sent += 1;
        assert_eq!(says["seq"], sent);
        let list = tokio::time::timeout(promptly, ada.get("/api/chats")).await.expect("a list waits for a chat");
        assert_eq!(list.expect(200)["items"].as_array().unwrap().len(), 2);
    }
    // Told within seconds that it is not possible just now, and when to try again.
    let late = late.await.unwrap();
    assert_eq!((late.status, late.header("retry-after")), (503, "1"), "{}", late.text);
    assert!(sent > 5);
    drop(holder);
    assert_eq!(bob.says(&locked, "now!").await["seq"], 1, "what was given up is not there");
}
