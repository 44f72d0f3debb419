//! People learn how far their messages have come.

use clowder_tests::{Socket, World, on_both, wait};
use serde_json::{Value, json};

on_both!(shared; by_a_page, by_a_socket, of_a_hidden_sender, by_the_client, hidden, after_a_resume, on_all_devices, in_a_channel);

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

async fn of_a_hidden_sender(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob, &eve]).await;
    bob.put(&format!("/api/users/{}/block", ada.id), json!({"hide_messages": true})).await.expect(200);
    let mut his = bob.socket().await;
    let message = ada.says(&chat, "hello").await;
    let told = his.until("message.sent").await;
    assert_eq!(told["data"]["hidden"], true);
    // The sender, who is blocked, does not learn of it; everybody else does.
    let path = format!("/api/messages/{}/receipts", message["id"].as_str().unwrap());
    let delivered = async |viewer: &clowder_tests::User| {
        let receipts = viewer.get(&path).await.expect(200);
        let of_bob = receipts["items"].as_array().unwrap().iter().find(|one| one["user"]["id"] == json!(bob.id));
        of_bob.unwrap()["delivered_at"].is_string()
    };
    let arrived = wait::until("as every other message", async || delivered(&eve).await);
    let listening = async {
        loop {
            his.next().await;
        }
    };
    tokio::select! {
        () = arrived => {}
        () = listening => {}
    }
    assert!(!delivered(&ada).await);
    assert_eq!(status(&ada, &message).await, "sent");
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

/// The next event of this type with this person, on each of these sockets.
async fn all_hear(sockets: &mut [&mut Socket], kind: &str, who: &str) -> Vec<Value> {
    let mut heard = Vec::with_capacity(sockets.len());
    for socket in sockets {
        heard.push(loop {
            let told = socket.until(kind).await;
            if told["data"]["user_id"] == *who {
                break told["data"].clone();
            }
        });
    }
    heard
}

async fn on_all_devices(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let tablet = world.login("bob").await;
    let chat = ada.group("Lunch", &[&bob, &eve]).await;
    let mut hers = ada.socket().await;
    let (mut phone_socket, mut tablet_socket, mut third) =
        (bob.socket().await, tablet.socket().await, eve.socket().await);
    let message = ada.says(&chat, "hello").await;
    for socket in [&mut phone_socket, &mut tablet_socket, &mut third] {
        assert_eq!(socket.until("message.sent").await["data"]["id"], message["id"]);
    }
    // One device is enough for a person, and the sender hears once of each person.
    let here = json!({"chat_id": chat, "seq": 1});
    for socket in [&mut phone_socket, &mut tablet_socket, &mut third] {
        assert_eq!(socket.command("message.delivered", here.clone()).await.unwrap()["seq"], 1);
    }
    assert_eq!(status(&ada, &message).await, "delivered");
    let arrived: Vec<_> = hers.drain().await.into_iter().filter(|told| told["type"] == "message.delivered").collect();
    let mut arrived: Vec<_> = arrived.iter().map(|told| told["data"]["user_id"].as_str().unwrap()).collect();
    arrived.sort_unstable();
    let mut expected = [bob.id.as_str(), eve.id.as_str()];
    expected.sort_unstable();
    assert_eq!(arrived, expected);
    let read = tablet_socket.command("message.read", here.clone()).await.unwrap();
    let mut all = [&mut hers, &mut phone_socket, &mut tablet_socket, &mut third];
    for told in all_hear(&mut all, "message.read", &bob.id).await {
        assert_eq!(told, read);
    }
    assert_eq!((&bob.chat(&chat).await["unread_count"], &tablet.chat(&chat).await["read_seq"]), (&json!(0), &json!(1)));
    let back = phone_socket.command("message.read", json!({"chat_id": chat, "seq": 0})).await.unwrap();
    assert_eq!(back["seq"], 1, "what one device has read stays read on the other");
    assert_eq!(status(&ada, &message).await, "delivered", "eve has not read it");
    eve.post(&format!("/api/chats/{chat}/read"), json!({"seq": 1})).await.expect(200);
    let mut all = [&mut hers, &mut phone_socket, &mut tablet_socket, &mut third];
    all_hear(&mut all, "message.read", &eve.id).await;
    assert_eq!(status(&ada, &message).await, "read");

    let pizza = json!({"message_id": message["id"], "emoji": "🍕"});
    third.command("reaction.add", pizza.clone()).await.unwrap();
    tablet_socket.command("reaction.add", pizza.clone()).await.unwrap();
    let mut all = [&mut hers, &mut phone_socket, &mut tablet_socket, &mut third];
    for told in all_hear(&mut all, "reaction.added", &bob.id).await {
        assert_eq!((&told["emoji"], &told["count"]), (&json!("🍕"), &json!(2)));
    }
    let path = format!("/api/messages/{}", message["id"].as_str().unwrap());
    for device in [&bob, &tablet] {
        let seen = device.get(&path).await.expect(200);
        assert_eq!(seen["reactions"], json!([{"emoji": "🍕", "count": 2, "mine": true}]));
    }
    phone_socket.command("reaction.remove", pizza).await.unwrap();
    let mut all = [&mut hers, &mut tablet_socket, &mut third];
    for told in all_hear(&mut all, "reaction.removed", &bob.id).await {
        assert_eq!(told["count"], 1);
    }
    let seen = tablet.get(&path).await.expect(200);
    assert_eq!(seen["reactions"], json!([{"emoji": "🍕", "count": 1, "mine": false}]));
}

async fn in_a_channel(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let new = json!({"type": "channel", "title": "News", "participant_ids": [bob.id, eve.id]});
    let chat = ada.post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let message = ada.says(&chat, "hello").await["id"].as_str().unwrap().to_owned();
    let (mut his, mut hers) = (bob.socket().await, eve.socket().await);
    let path = format!("/api/messages/{message}/reactions/👍");
    bob.put(&path, json!({})).await.expect(200);
    let told = hers.until("reaction.added").await;
    assert_eq!(
        (&told["data"]["user_id"], &told["data"]["count"]),
        (&json!(null), &json!(1)),
        "eve learns nothing of bob"
    );
    let mut named = Vec::new();
    for _ in 0..2 {
        named.push(his.until("reaction.added").await["data"]["user_id"].clone());
    }
    assert_eq!(named, [json!(null), json!(bob.id)]);
    for list in ["receipts", "reactions"] {
        let path = format!("/api/messages/{message}/{list}");
        let items = ada.get(&path).await.expect(200)["items"].as_array().unwrap().clone();
        assert!(items.iter().any(|item| item["user"]["id"] == *bob.id), "{items:?}");
        bob.get(&path).await.refused(403, "chat.forbidden");
    }
    let seen = bob.get(&format!("/api/messages/{message}")).await.expect(200);
    assert_eq!(seen["reactions"], json!([{"emoji": "👍", "count": 1, "mine": true}]));
}
