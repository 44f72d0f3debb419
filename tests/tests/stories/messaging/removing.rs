//! People remove messages for themselves and clear chats, over REST and over sockets, and find where they were mentioned.

use clowder_tests::{User, World, on_both, world::each};
use serde_json::{Value, json};

on_both!(shared; removing, many_at_once, clearing, live, missed, everywhere_mentioned);

async fn said(world: &World) -> (User, User, String, Vec<String>) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(ada.says(&chat, text).await["id"].as_str().unwrap().to_owned());
    }
    (ada, bob, chat, ids)
}

fn message(id: &str) -> String {
    format!("/api/messages/{id}")
}

async fn texts(user: &User, chat: &str) -> Vec<Value> {
    each(&user.messages(chat).await, "content")
}

async fn removing(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let for_me = format!("{}?for=me", message(&said[2]));
    assert_eq!(bob.delete(&for_me).await.status, 204);
    assert_eq!(bob.delete(&for_me).await.status, 204);
    bob.get(&message(&said[2])).await.refused(404, "message.unknown");
    bob.delete(&message(&said[2])).await.refused(404, "message.unknown");
    let seen = bob.chat(&chat).await;
    assert_eq!(
        (&seen["last_message"]["content"], &seen["unread_count"], &seen["last_seq"]),
        (&json!("two"), &json!(2), &json!(3))
    );
    assert_eq!(ada.chat(&chat).await["last_message"]["content"], "three");
    assert_eq!(texts(&ada, &chat).await.len(), 3);
    // Her own, before she deletes it for all.
    let own = message(&said[0]);
    let stale = ada.request("DELETE", &format!("{own}?for=me")).header("if-match", "\"7\"");
    clowder_tests::Answer::to(stale).await.refused(412, "message.stale");
    assert_eq!(ada.delete(&format!("{own}?for=me")).await.status, 204);
    assert_eq!(bob.get(&own).await.expect(200)["content"], "one");
    assert_eq!(ada.delete(&format!("{}?for=all", message(&said[1]))).await.status, 204);
    assert_eq!(bob.get(&message(&said[1])).await.expect(200)["content"], Value::Null);
    for wrong in ["for=us", "for=", "for"] {
        assert_eq!(bob.delete(&format!("{own}?{wrong}")).await.wrong_fields(), ["?for"], "{wrong}");
    }
    world.user("eve").await.delete(&format!("{own}?for=me")).await.refused(404, "message.unknown");
}

async fn many_at_once(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let path = format!("/api/chats/{chat}/messages/delete");
    let answer = bob.post(&path, json!({"message_ids": [said[0], chat, said[2]], "for": "me"})).await.expect(200);
    assert_eq!(answer["items"][0], json!({"id": said[0], "deleted_at": null, "problem": null}));
    assert_eq!(answer["items"][1]["problem"]["code"], "message.unknown");
    assert_eq!(texts(&bob, &chat).await, ["two"]);
    assert_eq!(texts(&ada, &chat).await.len(), 3);
    let wrong = json!({"message_ids": [said[0]], "for": "me", "reason": "Advertising"});
    assert_eq!(bob.post(&path, wrong).await.wrong_fields(), ["/reason"]);
    let wrong = json!({"message_ids": [said[0]], "for": "us"});
    assert_eq!(bob.post(&path, wrong).await.wrong_fields(), ["/for"]);
    world
        .user("eve")
        .await
        .post(&path, json!({"message_ids": [said[0]], "for": "me"}))
        .await
        .refused(404, "chat.unknown");
}

async fn clearing(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let clear = format!("/api/chats/{chat}/clear");
    let before = ada.chat(&chat).await;
    for _ in 0..2 {
        assert_eq!(bob.post(&clear, json!({})).await.expect(200), json!({"chat_id": chat, "up_to": 3}));
    }
    let cleared = bob.chat(&chat).await;
    let members = ["last_message", "unread_count", "read_seq", "last_seq"].map(|member| cleared[member].clone());
    assert_eq!(members, [json!(null), json!(0), json!(3), json!(3)]);
    assert!(bob.messages(&chat).await.is_empty());
    bob.get(&message(&said[0])).await.refused(404, "message.unknown");
    assert_eq!(
        each(bob.get("/api/chats").await.expect(200)["items"].as_array().unwrap(), "id"),
        [json!(chat)],
        "it stays"
    );
    assert_eq!(ada.chat(&chat).await, before);
    ada.says(&chat, "four").await;
    assert_eq!((texts(&bob, &chat).await, &bob.chat(&chat).await["unread_count"]), (vec![json!("four")], &json!(1)));
    // Also for somebody who leaves and comes back.
    bob.delete(&format!("/api/chats/{chat}/participants/{}", bob.id)).await;
    ada.post(&format!("/api/chats/{chat}/invites"), json!({"user_ids": [bob.id]})).await.expect(201);
    bob.put(&format!("/api/chat-invitations/{chat}"), json!({"action": "accept"})).await.expect(200);
    let seen = texts(&bob, &chat).await;
    assert!(seen.contains(&json!("four")) && !seen.contains(&json!("one")), "{seen:?}");
    world.user("eve").await.post(&clear, json!({})).await.refused(404, "chat.unknown");
}

async fn live(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let (mut hers, mut his, mut other) = (ada.socket().await, bob.socket().await, bob.socket().await);
    let removal = json!({"chat_id": chat, "message_ids": [said[0], said[1]]});
    let removed = his.command("message.remove", removal).await.unwrap();
    assert_eq!(each(removed["items"].as_array().unwrap(), "problem"), [json!(null), json!(null)]);
    let told = other.until("message.removed").await;
    assert_eq!(
        (&told["data"], told["cursor"].is_string()),
        (&json!({"chat_id": chat, "ids": [said[0], said[1]]}), true)
    );
    assert_eq!(texts(&bob, &chat).await, ["three"]);
    let cleared = his.command("chat.clear", json!({"chat_id": chat})).await.unwrap();
    assert_eq!(cleared, json!({"chat_id": chat, "up_to": 3}));
    assert_eq!(other.until("chat.cleared").await["data"], cleared);
    let unknown =
        his.command("message.remove", json!({"chat_id": said[0], "message_ids": [said[0]]})).await.unwrap_err();
    assert_eq!(unknown["code"], "chat.unknown");
    let wrong = his.command("message.remove", json!({"chat_id": chat, "message_ids": []})).await.unwrap_err();
    assert_eq!(wrong["errors"][0]["pointer"], "/message_ids");
    assert_eq!(his.command("chat.clear", json!({})).await.unwrap_err()["code"], "input.invalid");
    // Nobody else was told: the next that she hears is her own message.
    let four = ada.says(&chat, "four").await;
    loop {
        let frame = hers.frame().await;
        let name = frame["type"].as_str().unwrap();
        assert!(!["message.removed", "chat.cleared", "message.read"].contains(&name), "{frame}");
        if frame["data"]["id"] == four["id"] {
            break;
        }
    }
}

/// What was removed while a device was away, it hears when it comes back, after the messages that this is about, which say
/// nothing any more.
async fn missed(world: World) {
    let (ada, bob, chat, said) = said(&world).await;
    let mut socket = bob.knock(None).await;
    let cursor = socket.hello().await["cursor"].as_str().unwrap().to_owned();
    drop(socket);
    let four = ada.says(&chat, "four").await["id"].clone();
    let removal = json!({"message_ids": [four, said[0]], "for": "me"});
    bob.post(&format!("/api/chats/{chat}/messages/delete"), removal).await.expect(200);
    ada.patch(&message(four.as_str().unwrap()), json!({"content": "four!"})).await.expect(200);
    ada.says(&chat, "five").await;
    bob.post(&format!("/api/chats/{chat}/clear"), json!({})).await.expect(200);
    ada.says(&chat, "six").await;
    let mut socket = bob.knock(Some(&cursor)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    loop {
        let frame = socket.frame().await;
        match frame["type"].as_str().unwrap() {
            "resumed" => break,
            "message.removed" => assert_eq!(frame["data"]["ids"], json!([said[0], four])),
            "chat.cleared" => assert_eq!(frame["data"]["up_to"], 5),
            "message.sent" | "message.updated" => texts.push(frame["data"]["content"].clone()),
            _ => {}
        }
        names.push(frame["type"].as_str().unwrap().to_owned());
    }
    let expected =
        ["message.sent", "message.removed", "message.updated", "message.sent", "chat.cleared", "message.sent"];
    assert_eq!(names, expected);
    assert_eq!(texts, [json!(null), json!(null), json!(null), json!("six")]);
}

async fn everywhere_mentioned(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (one, two) = (ada.group("One", &[&bob]).await, ada.group("Two", &[&bob]).await);
    let mut said = Vec::new();
    for chat in [&one, &two, &one] {
        let new = json!({"content": "for you", "mentions": [bob.id]});
        said.push(ada.post(&format!("/api/chats/{chat}/messages"), new).await.expect(201)["id"].clone());
    }
    said.push(ada.says(&two, "@all").await["id"].clone());
    said.reverse();
    let ids = |page: &Value| each(page["items"].as_array().unwrap(), "id");
    let all = bob.get("/api/mentions").await.expect(200);
    assert_eq!((ids(&all), &all["next_cursor"]), (said.clone(), &json!(null)));
    let first = bob.get("/api/mentions?limit=3").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = bob.get(&format!("/api/mentions?limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!([ids(&first), ids(&second)].concat(), said);
    assert_eq!(bob.get(&format!("/api/mentions?unread=true&cursor={cursor}")).await.wrong_fields(), ["?cursor"]);
    bob.post(&format!("/api/chats/{one}/read"), json!({"seq": 1})).await.expect(200);
    assert_eq!(ids(&bob.get("/api/mentions?unread=true").await.expect(200)), said[..3]);
    assert_eq!(ids(&bob.get("/api/mentions?unread=false").await.expect(200)), said[3..]);
    let last = said[0].as_str().unwrap();
    assert_eq!(bob.delete(&format!("{}?for=me", message(last))).await.status, 204);
    bob.post(&format!("/api/chats/{one}/clear"), json!({})).await.expect(200);
    assert_eq!(ids(&bob.get("/api/mentions").await.expect(200)), [said[2].clone()]);
    assert!(ids(&ada.get("/api/mentions").await.expect(200)).is_empty());
    for wrong in ["unread=maybe", "cursor=7"] {
        bob.get(&format!("/api/mentions?{wrong}")).await.refused(422, "input.invalid");
    }
}
