//! Frames that make no sense: an error while it may be a slip, the end when it is not.

use clowder_tests::{World, on_both};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

on_both!(slips, ten_bad_frames, binary, too_large, pings);

async fn slips(world: World) {
    let mut socket = world.user("ada").await.socket().await;
    socket.send(Message::text("{")).await;
    let error = socket.frame().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &Value::Null));
    assert!(error["data"]["code"].is_string());
    // An unknown command is answered under its id, and is no bad frame.
    for _ in 0..20 {
        let problem = socket.command("message.shout", json!({})).await.unwrap_err();
        assert!(problem["code"].is_string() && problem["status"].is_number(), "{problem}");
    }
    socket.command("ping", json!({})).await.unwrap();
}

async fn ten_bad_frames(world: World) {
    let mut socket = world.user("ada").await.socket().await;
    for _ in 0..10 {
        socket.send(Message::text("no json")).await;
    }
    assert_eq!(socket.closed().await, 4010);
}

async fn binary(world: World) {
    let mut socket = world.user("ada").await.socket().await;
    socket.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(socket.closed().await, 1003);
}

async fn too_large(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    // A long message fits, four bytes a character and all.
    let long = "𝄞".repeat(8000);
    let sent = socket.command("message.send", json!({"chat_id": chat, "content": long})).await.unwrap();
    assert_eq!(sent["content"], long);
    socket.send(Message::text("x".repeat((64 << 10) + 1))).await;
    assert_eq!(socket.closed().await, 1009);
}

async fn pings(world: World) {
    let mut socket = world.user("ada").await.socket().await;
    for _ in 0..3 {
        socket.command("ping", json!({})).await.unwrap();
    }
    socket.send(Message::Ping(vec![7].into())).await;
    socket.command("ping", json!({})).await.unwrap();
}
