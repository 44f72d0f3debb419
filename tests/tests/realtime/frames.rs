//! Invalid frames: an error at first, then the end of the connection.

use clowder_tests::{World, on_both};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

on_both!(shared; slips, ids_come_back, ten_bad_frames, binary, too_large, pings);

async fn slips(world: World) {
    let mut socket = world.user("ada").await.socket().await;
    socket.send(Message::text("{")).await;
    let error = socket.until("error").await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &Value::Null));
    assert!(error["data"]["code"].is_string());
    // An unknown command is answered under its id, and is not an invalid frame.
    for _ in 0..20 {
        let problem = socket.command("message.shout", json!({})).await.unwrap_err();
        assert_eq!((&problem["code"], &problem["status"]), (&json!("frame.unknown"), &json!(422)), "{problem}");
    }
    let sent = socket.command("message.sent", json!({})).await.unwrap_err();
    assert_eq!(sent["detail"], "There is no command `message.sent`; did you mean `message.send`?");
    socket.command("ping", json!({})).await.unwrap();
}

/// An id is returned octet for octet, or the error says what it may be.
async fn ids_come_back(world: World) {
    let mut socket = world.user("ada").await.socket().await;
    for id in ["18446744073709551617", "1e400", "-0.10", r#""\u00e4""#, "null"] {
        socket.send(Message::text(format!(r#"{{"id": {id}, "type": "ping"}}"#))).await;
        let mut heard = socket.text().await;
        // A socket that is opened at once may still hear of the registration.
        while heard.contains(r#""type":"user.registered""#) {
            heard = socket.text().await;
        }
        assert!(heard.contains(&format!(r#""id":{id},"#)), "{id}: {heard}");
        assert!(heard.contains(r#""type":"ack""#), "{id}: {heard}");
    }
    for id in ["{}".to_owned(), "true".to_owned(), format!("\"{}\"", "x".repeat(129)), "1".repeat(129)] {
        socket.send(Message::text(format!(r#"{{"id": {id}, "type": "ping"}}"#))).await;
        let error = socket.until("error").await;
        assert_eq!((&error["id"], &error["data"]["code"]), (&Value::Null, &json!("frame.id")), "{error}");
        assert!(error["data"]["detail"].as_str().unwrap().contains("128 characters"), "{error}");
    }
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
    // A long message fits, even with four bytes a character.
    let long = "𝄞".repeat(8000);
    let sent = socket.command("message.send", json!({"chat_id": chat, "content": long})).await.unwrap();
    assert_eq!(sent["content"], long);
    // So does the longest form of it: each character as two escapes.
    let escaped = format!(
        r#"{{"id":"long","type":"message.send","data":{{"chat_id":"{chat}","content":"{}"}}}}"#,
        r"\ud83d\ude00".repeat(8000)
    );
    assert!((96_000..128 << 10).contains(&escaped.len()));
    socket.send(Message::text(escaped)).await;
    let ack = socket.until("ack").await;
    assert_eq!((&ack["id"], &ack["data"]["content"]), (&json!("long"), &json!("😀".repeat(8000))));
    socket.send(Message::text("x".repeat((128 << 10) + 1))).await;
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
