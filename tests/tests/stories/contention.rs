//! What one user can hold up, and how a repeated call is answered.

use std::time::Duration;

use clowder_tests::{Answer, Database, World, on_both};
use serde_json::json;

on_both!(shared; a_repeat_of_what_was_deleted);
// On a busy machine marks may wait for each other longer than usual calls may.
on_both!(with [("DATABASE_WAIT_SECONDS", "20")]; many_marks_of_one_reader);

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

/// One reader moves around in a large chat from many devices at once: each message is counted about once, the number of
/// unread messages is right, and others do not wait.
async fn many_marks_of_one_reader(world: World) {
    const MESSAGES: i64 = 100_000;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (chat, lunch) = (ada.group("History", &[&bob]).await, bob.group("Lunch", &[&ada]).await);
    let database = &world.database;
    let [chat_id, ada_id, bob_id] = [&chat, &ada.id, &bob.id].map(|id| database.literal(id));
    let (id, at) = if database.is_sqlite() { ("randomblob(16)", "1") } else { ("gen_random_uuid()", "now()") };
    // Every second one is Ada's.
    database.run(&format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {MESSAGES}) \
         INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version) \
         SELECT {id}, {chat_id}, n, 'text', CASE n % 2 WHEN 0 THEN {ada_id} ELSE {bob_id} END, 'x', {at}, 1 FROM n; \
         UPDATE chats SET last_seq = {MESSAGES} WHERE id = {chat_id}; \
         UPDATE participants SET own_after_read = {MESSAGES} / 2 WHERE chat_id = {chat_id}"
    ));
    let marks: Vec<_> = (0..32)
        .map(|n| {
            let (ada, path) = (ada.clone(), format!("/api/chats/{chat}/read"));
            let seq = MESSAGES / 2 - n % 8;
            tokio::spawn(async move { ada.post(&path, json!({"seq": seq})).await.expect(200)["seq"].clone() })
        })
        .collect();
    let promptly = Duration::from_secs(2);
    for seq in 1..=10 {
        for (chat, before) in [(&lunch, 0), (&chat, MESSAGES)] {
            let said = tokio::time::timeout(promptly, bob.says(chat, "hello")).await.expect("a send waits for marks");
            assert_eq!(said["seq"], before + seq);
        }
    }
    for mark in marks {
        assert!(mark.await.unwrap().as_i64().unwrap() > MESSAGES / 2 - 8);
    }
    ada.post(&format!("/api/chats/{chat}/read"), json!({"seq": MESSAGES / 2})).await.expect(200);
    let seen = ada.get(&format!("/api/chats/{chat}")).await.expect(200);
    assert_eq!((&seen["read_seq"], &seen["unread_count"]), (&json!(MESSAGES / 2), &json!(MESSAGES / 4 + 10)));
    let measured = world.nobody().get("/metrics").await.text;
    let counted = measured.lines().find_map(|line| line.strip_prefix("clowder_read_mark_messages_total "));
    let counted: i64 = counted.expect("it is not measured").parse().unwrap();
    // Half of the messages in between are hers. One by one, the marks count what is new to them.
    assert!((MESSAGES / 4 - 10..=MESSAGES / 4 + 10).contains(&counted), "{counted} counted");
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
    // Refused within seconds, with the time to try again.
    let late = late.await.unwrap();
    assert_eq!(late.status, 503, "{}", late.text);
    assert!((1..=3).contains(&late.header("retry-after").parse::<u64>().unwrap()), "{}", late.text);
    assert!(sent > 5);
    drop(holder);
    assert_eq!(bob.says(&locked, "now!").await["seq"], 1, "what was given up is not there");
}
