//! People vote in polls, over REST and over sockets.

use clowder_tests::{User, World, on_both};
use serde_json::{Value, json};

on_both!(shared; voting, live, anonymous, closing, what_is_no_poll, strangers, deleted);

async fn asked(world: &World, poll: Value) -> (User, User, String, String) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let message = ada.asks(&chat, poll).await["id"].as_str().unwrap().to_owned();
    (ada, bob, chat, message)
}

fn meals() -> Value {
    json!({"options": ["Noodles", "Soup"]})
}

fn votes(message: &str) -> String {
    format!("/api/messages/{message}/poll/votes")
}

async fn poll(user: &User, message: &str) -> Value {
    user.get(&format!("/api/messages/{message}")).await.expect(200)["poll"].clone()
}

async fn voting(world: World) {
    let (ada, bob, chat, message) = asked(&world, json!({"options": ["Noodles", "Soup"], "multiple": true})).await;
    let first = bob.put(&votes(&message), json!({"options": [1]})).await.expect(200);
    let expected = json!({
        "chat_id": chat, "message_id": message, "seq": 1, "votes": [0, 1], "voters": 1, "user_id": bob.id, "options": [1],
    });
    assert_eq!(first, expected);
    assert_eq!(bob.put(&votes(&message), json!({"options": [1]})).await.expect(200), first, "it can be repeated");
    ada.put(&votes(&message), json!({"options": [0, 1]})).await.expect(200);
    let options = |mine: [bool; 2]| json!([{"text": "Noodles", "votes": 1, "mine": mine[0]}, {"text": "Soup", "votes": 2, "mine": mine[1]}]);
    let shown = poll(&bob, &message).await;
    assert_eq!((&shown["options"], &shown["voters"], &shown["most"]), (&options([false, true]), &json!(2), &json!(2)));
    assert_eq!(bob.messages(&chat).await[0]["poll"], shown);
    assert_eq!(bob.chat(&chat).await["last_message"]["poll"], shown);
    assert_eq!(poll(&ada, &message).await["options"], options([true, true]));

    let all = ada.get(&votes(&message)).await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let noodles = ada.get(&format!("{}?option=0", votes(&message))).await.expect(200);
    assert_eq!((&noodles["items"][0]["user"]["id"], noodles["items"].as_array().unwrap().len()), (&json!(ada.id), 1));
    for wrong in ["-1", "12", "x"] {
        assert_eq!(ada.get(&format!("{}?option={wrong}", votes(&message))).await.status, 422, "{wrong}");
    }

    assert_eq!(bob.delete(&votes(&message)).await.status, 204);
    assert_eq!(bob.delete(&votes(&message)).await.status, 204);
    assert_eq!(poll(&bob, &message).await["voters"], 1);
    bob.put(&votes(&message), json!({"options": [2]})).await.refused(422, "poll.choices");
    assert_eq!(bob.put(&votes(&message), json!({"options": [12]})).await.wrong_fields(), ["/options/0"]);
    assert_eq!(bob.put(&votes(&message), json!({})).await.wrong_fields(), ["/options"]);
    ada.patch(&format!("/api/messages/{message}"), json!({"content": "Or?"})).await.refused(409, "poll.edit");
}

async fn live(world: World) {
    let (ada, bob, chat, message) = asked(&world, meals()).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let sent = hers
        .command("message.send", json!({"chat_id": chat, "content": "And then?", "type": "poll", "poll": meals()}))
        .await
        .unwrap();
    assert_eq!((&sent["type"], &sent["poll"]["options"][0]["mine"]), (&json!("poll"), &json!(false)));
    let told = his.until("message.sent").await;
    assert_eq!(told["data"]["poll"]["options"][0], json!({"text": "Noodles", "votes": 0}));

    let voted = his.command("poll.vote", json!({"message_id": message, "options": [0]})).await.unwrap();
    assert_eq!((&voted["votes"], &voted["options"]), (&json!([1, 0]), &json!([0])));
    let told = hers.until("poll.voted").await;
    assert_eq!((&told["data"], told["cursor"].is_string()), (&voted, true));
    let cursor = told["cursor"].as_str().unwrap().to_owned();
    drop(hers);
    assert_eq!(his.command("poll.vote", json!({"message_id": message, "options": []})).await.unwrap()["voters"], 0);
    let mut hers = ada.knock(Some(&cursor)).await;
    let told = hers.until("poll.voted").await;
    assert_eq!((&told["data"]["user_id"], &told["data"]["options"]), (&json!(bob.id), &json!([])));
    let refused = his.command("poll.close", json!({"message_id": message})).await.unwrap_err();
    assert_eq!(refused["code"], "poll.forbidden");
    let closed = hers.command("poll.close", json!({"message_id": message})).await.unwrap();
    assert_eq!(his.until("poll.closed").await["data"], closed);
    let refused = his.command("poll.vote", json!({"message_id": message, "options": [0]})).await.unwrap_err();
    assert_eq!(refused["code"], "poll.closed");
    let wrong = his.command("poll.vote", json!({"message_id": message, "options": ["a"]})).await.unwrap_err();
    assert_eq!((&wrong["code"], &wrong["errors"][0]["pointer"]), (&json!("input.invalid"), &json!("/options/0")));
}

async fn anonymous(world: World) {
    let (ada, bob, _, message) = asked(&world, json!({"options": ["Noodles", "Soup"], "anonymous": true})).await;
    let mut hers = ada.socket().await;
    let voted = bob.put(&votes(&message), json!({"options": [0]})).await.expect(200);
    assert_eq!(voted["user_id"], json!(bob.id), "to himself");
    let told = hers.until("poll.voted").await;
    let expected = (&json!([1, 0]), &json!(null), &json!(null));
    assert_eq!((&told["data"]["votes"], &told["data"]["user_id"], &told["data"]["options"]), expected);
    for user in [&ada, &bob] {
        user.get(&votes(&message)).await.refused(403, "poll.anonymous");
    }
    assert_eq!(poll(&bob, &message).await["options"][0]["mine"], true);
    assert_eq!(poll(&ada, &message).await["options"][0]["mine"], false);
}

async fn closing(world: World) {
    let (ada, bob, chat, message) = asked(&world, meals()).await;
    let path = format!("/api/messages/{message}/poll/close");
    bob.put(&votes(&message), json!({"options": [0]})).await.expect(200);
    bob.post(&path, json!({})).await.refused(403, "poll.forbidden");
    let closed = ada.post(&path, json!({})).await.expect(200);
    assert_eq!(ada.post(&path, json!({})).await.expect(200), closed, "it can be repeated");
    assert_eq!(poll(&bob, &message).await["closed_at"], closed["closed_at"]);
    bob.put(&votes(&message), json!({"options": [1]})).await.refused(409, "poll.closed");
    bob.delete(&votes(&message)).await.refused(409, "poll.closed");
    ada.get(&votes(&message)).await.expect(200);

    let messages = format!("/api/chats/{chat}/messages");
    let closes = |at: &str| json!({"content": "?", "type": "poll", "poll": {"options": ["a", "b"], "closes_at": at}});
    for wrong in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "soon"] {
        assert_eq!(ada.post(&messages, closes(wrong)).await.wrong_fields(), ["/poll/closes_at"], "{wrong}");
    }
}

async fn what_is_no_poll(world: World) {
    let (ada, bob, chat, _) = asked(&world, meals()).await;
    let messages = format!("/api/chats/{chat}/messages");
    for (wrong, fields) in [
        (json!({"content": "?", "type": "poll"}), ["/poll"]),
        (json!({"content": "?", "poll": meals()}), ["/poll"]),
        (json!({"content": "?", "type": "system"}), ["/type"]),
        (json!({"content": "?", "type": "poll", "poll": {"options": ["a", "a"]}}), ["/poll/options/1"]),
        (json!({"content": "?", "type": "poll", "poll": {"options": ["a"]}}), ["/poll/options"]),
        (json!({"content": "?".repeat(301), "type": "poll", "poll": meals()}), ["/content"]),
    ] {
        assert_eq!(ada.post(&messages, wrong.clone()).await.wrong_fields(), fields, "{wrong}");
    }
    let text = bob.says(&chat, "hello").await["id"].as_str().unwrap().to_owned();
    ada.put(&votes(&text), json!({"options": [0]})).await.refused(404, "poll.unknown");
    ada.delete(&votes(&text)).await.refused(404, "poll.unknown");
    ada.get(&votes(&text)).await.refused(404, "poll.unknown");
    ada.post(&format!("/api/messages/{text}/poll/close"), json!({})).await.refused(404, "poll.unknown");
    assert!(bob.get(&format!("/api/messages/{text}")).await.expect(200).get("poll").is_none());
}

async fn strangers(world: World) {
    let (ada, bob, _, message) = asked(&world, meals()).await;
    let eve = world.user("eve").await;
    eve.put(&votes(&message), json!({"options": [0]})).await.refused(404, "message.unknown");
    eve.delete(&votes(&message)).await.refused(404, "message.unknown");
    eve.get(&votes(&message)).await.refused(404, "message.unknown");
    eve.post(&format!("/api/messages/{message}/poll/close"), json!({})).await.refused(404, "message.unknown");
    ada.put(&format!("/api/users/{}/block", bob.id), json!({})).await.expect(200);
    let voted = bob.put(&votes(&message), json!({"options": [0]})).await.expect(200);
    assert_eq!(voted["voters"], 1, "nothing tells of the block");
}

async fn deleted(world: World) {
    let (ada, bob, _, message) = asked(&world, meals()).await;
    bob.put(&votes(&message), json!({"options": [0]})).await.expect(200);
    ada.delete(&format!("/api/messages/{message}")).await;
    let gone = bob.get(&format!("/api/messages/{message}")).await.expect(200);
    assert_eq!((&gone["type"], gone.get("poll")), (&json!("poll"), None));
    bob.put(&votes(&message), json!({"options": [1]})).await.refused(410, "message.deleted");
    bob.delete(&votes(&message)).await.refused(410, "message.deleted");
    ada.post(&format!("/api/messages/{message}/poll/close"), json!({})).await.refused(410, "message.deleted");
    assert_eq!(ada.get(&votes(&message)).await.expect(200)["items"], json!([]));
}
