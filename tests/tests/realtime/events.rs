//! Commands are acknowledged, and everybody concerned gets the event; nobody else does.

use clowder_tests::{World, on_both};
use serde_json::{Value, json};

on_both!(shared;
    a_conversation,
    rest_and_socket_are_one,
    refused_commands,
    typing,
    typing_in_a_new_chat,
    typing_in_a_large_chat,
    restless_typing,
    strangers_hear_nothing,
    renewed_tokens
);

async fn a_conversation(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (mut a, mut b) = (ada.socket().await, bob.socket().await);
    let chat = ada.private_chat(&bob).await;
    for socket in [&mut a, &mut b] {
        let created = socket.until("chat.created").await;
        assert_eq!(created["data"]["id"], *chat);
        assert!(created["cursor"].is_string() && created["at"].is_string());
    }
    let new = json!({"chat_id": chat, "content": "hello", "client_id": "1"});
    let sent = a.command("message.send", new.clone()).await.unwrap();
    assert_eq!((&sent["seq"], &sent["content"]), (&json!(1), &json!("hello")));
    for socket in [&mut a, &mut b] {
        let heard = socket.until("message.sent").await;
        assert_eq!(heard["data"], sent, "the event carries what the ack carries");
    }
    // Sending it again returns the same message and causes no second event.
    assert_eq!(a.command("message.send", new).await.unwrap()["id"], sent["id"]);

    let edit = json!({"message_id": sent["id"], "content": "hello there"});
    let edited = a.command("message.edit", edit).await.unwrap();
    assert_eq!(b.until("message.updated").await["data"], edited);
    b.command("message.read", json!({"chat_id": chat, "seq": 1})).await.unwrap();
    let read = a.until("message.read").await["data"].clone();
    assert_eq!((&read["user_id"], &read["seq"], &read["chat_id"]), (&json!(bob.id), &json!(1), &json!(chat)));
    a.command("message.delete", json!({"message_id": sent["id"]})).await.unwrap();
    let gone = b.until("message.deleted").await["data"].clone();
    assert_eq!((&gone["message_id"], &gone["seq"], &gone["version"]), (&sent["id"], &json!(1), &json!(3)));
    assert_eq!(gone["deleted_by"], *ada.id);
    let heard = [a.drain().await, b.drain().await].concat();
    assert!(heard.iter().all(|frame| frame["type"] != "message.sent"), "{heard:?}");
}

async fn rest_and_socket_are_one(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    // Both devices of one user get it, too.
    let (mut phone, mut laptop) = (bob.socket().await, world.login("bob").await.socket().await);
    let sent = ada.says(&chat, "by REST").await;
    for socket in [&mut phone, &mut laptop] {
        assert_eq!(socket.until("message.sent").await["data"]["id"], sent["id"]);
    }
    let by_socket = phone.command("message.send", json!({"chat_id": chat, "content": "by socket"})).await.unwrap();
    let fetched = ada.get(&format!("/api/messages/{}", by_socket["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(fetched, by_socket);
}

async fn refused_commands(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.private_chat(&bob).await;
    let sent = ada.says(&chat, "hello").await;
    let mut socket = eve.socket().await;
    for (command, data, status, code) in [
        ("message.send", json!({"chat_id": chat, "content": "hi"}), 404, "chat.unknown"),
        ("message.edit", json!({"message_id": sent["id"], "content": "hi"}), 404, "message.unknown"),
        ("message.delete", json!({"message_id": sent["id"]}), 404, "message.unknown"),
        ("message.read", json!({"chat_id": chat, "seq": 1}), 404, "chat.unknown"),
        ("typing.start", json!({"chat_id": chat}), 404, "chat.unknown"),
        ("message.send", json!({}), 422, "input.invalid"),
        ("token.renew", json!({"access": "nonsense"}), 401, "token.invalid"),
    ] {
        let problem = socket.command(command, data).await.unwrap_err();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{command}");
    }
    // The same refusal as over REST.
    let data = json!({"chat_id": chat, "content": ""});
    let problem = ada.socket().await.command("message.send", data).await.unwrap_err();
    let pointers: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert!(pointers.iter().all(|pointer| pointer.as_str().unwrap().ends_with("/content")), "{problem}");
    // A client that has not seen the latest version can neither edit nor delete it.
    let mut socket = ada.socket().await;
    let edit = json!({"message_id": sent["id"], "content": "hello!", "version": 1});
    socket.command("message.edit", edit.clone()).await.unwrap();
    for (command, data) in [("message.edit", edit), ("message.delete", json!({"message_id": sent["id"], "version": 1}))]
    {
        let problem = socket.command(command, data).await.unwrap_err();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(412), &json!("message.stale")), "{command}");
    }
    socket.command("message.delete", json!({"message_id": sent["id"], "version": 2})).await.unwrap();
}

async fn typing(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let (mut a, mut b) = (ada.socket().await, bob.socket().await);
    for kind in ["typing.start", "typing.stop"] {
        a.command(kind, json!({"chat_id": chat})).await.unwrap();
        let heard = b.until(kind).await;
        assert_eq!(heard["data"], json!({"chat_id": chat, "user_id": ada.id, "kind": "typing"}));
        assert!(heard["cursor"].is_null(), "a passing event has no cursor");
    }
    // Another kind follows without a stop in between, and ends by the same command.
    for kind in ["recording", "uploading"] {
        a.command("typing.start", json!({"chat_id": chat, "kind": kind})).await.unwrap();
        let heard = b.frame().await;
        assert_eq!((&heard["type"], &heard["data"]["kind"]), (&json!("typing.start"), &json!(kind)));
    }
    a.command("typing.stop", json!({"chat_id": chat})).await.unwrap();
    assert_eq!(b.until("typing.stop").await["data"]["kind"], "uploading");
    let problem = a.command("typing.start", json!({"chat_id": chat, "kind": "dancing"})).await.unwrap_err();
    assert_eq!((&problem["status"], &problem["code"]), (&json!(422), &json!("input.invalid")));
    assert_eq!(problem["errors"][0]["code"], "choice");
    assert!(a.drain().await.iter().all(|frame| frame["type"] != "typing.start"), "not to oneself");
}

/// The answer about a new chat says that it exists, so the next command may name it, although this node may not have
/// read the change that made its creator follow it.
async fn typing_in_a_new_chat(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut socket = ada.socket().await;
    for title in 0..10 {
        let chat = ada.group(&title.to_string(), &[&bob]).await;
        socket.command("typing.start", json!({"chat_id": chat})).await.unwrap();
    }
}

/// Only sockets that watch the chat are told, however few are connected, and never anybody who is blocked.
async fn typing_in_a_large_chat(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    let chat = ada.group("A crowd", &[&bob, &cem]).await;
    let larger = format!("UPDATE chats SET participant_count = 257 WHERE id = {}", world.database.literal(&chat));
    world.database.run(&larger);
    cem.put(&format!("/api/users/{}/block", ada.id), json!({})).await.expect(200);
    let in_chat = json!({"chat_id": chat});
    let (mut a, mut c) = (ada.socket().await, cem.socket().await);
    let (mut phone, mut laptop) = (bob.socket().await, world.login("bob").await.socket().await);
    for socket in [&mut phone, &mut c, &mut a] {
        let watched = socket.command("chat.watch", in_chat.clone()).await.unwrap();
        assert!(watched["until"].is_string(), "{watched}");
    }
    a.command("typing.start", in_chat.clone()).await.unwrap();
    assert_eq!(phone.until("typing.start").await["data"]["user_id"], json!(ada.id));
    phone.command("chat.unwatch", in_chat.clone()).await.unwrap();
    laptop.command("chat.watch", in_chat.clone()).await.unwrap();
    a.command("typing.stop", in_chat.clone()).await.unwrap();
    assert_eq!(laptop.until("typing.stop").await["data"]["user_id"], json!(ada.id));
    for socket in [&mut a, &mut c, &mut phone, &mut laptop] {
        let told = socket.drain().await;
        assert!(told.iter().all(|frame| !frame["type"].as_str().unwrap().starts_with("typing")), "{told:?}");
    }
    let stranger = world.user("eve").await;
    let refused = stranger.socket().await.command("chat.watch", in_chat.clone()).await.unwrap_err();
    assert_eq!((&refused["status"], &refused["code"]), (&json!(404), &json!("chat.unknown")));
    let refused = a.command("chat.watch", json!({})).await.unwrap_err();
    assert_eq!(refused["errors"][0]["code"], "required");
    // Whoever has left hears nothing more.
    bob.delete(&format!("/api/chats/{chat}/participants/{}", bob.id)).await.expect(204);
    laptop.until("participant.removed").await;
    a.command("typing.start", in_chat.clone()).await.unwrap();
    let told = laptop.drain().await;
    assert!(told.iter().all(|frame| frame["type"] != "typing.start"), "{told:?}");
}

/// However often it changes, the others are notified once in two seconds, and the last state is true.
async fn restless_typing(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let (mut phone, mut laptop, mut b) =
        (ada.socket().await, world.login("ada").await.socket().await, bob.socket().await);
    let began = std::time::Instant::now();
    for _ in 0..10 {
        phone.command("typing.start", json!({"chat_id": chat})).await.unwrap();
        laptop.command("typing.stop", json!({"chat_id": chat})).await.unwrap();
    }
    let took = began.elapsed();
    let mut heard = b.drain().await;
    heard.retain(|frame| frame["type"].as_str().unwrap().starts_with("typing."));
    assert!(heard.len() as u64 <= 1 + took.as_secs() / 2 + 1, "{} in {took:?}", heard.len());
    if heard.last().is_none_or(|frame| frame["type"] != "typing.stop") {
        b.until("typing.stop").await;
    }
}

async fn strangers_hear_nothing(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let mut ears = eve.socket().await;
    let mut witness = bob.socket().await;
    let chat = ada.private_chat(&bob).await;
    let sent = ada.says(&chat, "between us").await;
    ada.patch(&format!("/api/messages/{}", sent["id"].as_str().unwrap()), json!({"content": "us"})).await.expect(200);
    witness.until("message.updated").await;
    // Eve gets an event of her own, which happened later, so she did not get any of the others.
    let hers = ada.private_chat(&eve).await;
    loop {
        let frame = ears.frame().await;
        assert!(!frame.to_string().contains(&chat), "{frame}");
        if frame["type"] == "chat.created" {
            assert_eq!(frame["data"]["id"], *hers);
            break;
        }
    }
}

async fn renewed_tokens(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    let next = world.nobody().post("/api/auth/refresh", json!({"refresh": ada.refresh})).await.expect(200);
    socket.command("token.renew", json!({"access": next["access"]})).await.unwrap();
    // Another user's token does not transfer this socket to them.
    let bob = world.user("bob").await;
    assert!(socket.command("token.renew", json!({"access": bob.token()})).await.is_err());
    socket.command("ping", json!({})).await.unwrap();
}
