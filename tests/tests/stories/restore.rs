//! After a restore, or a failover that lost something, clients are told to load anew, and from there on they miss nothing.

use std::net::TcpListener;

use clowder_tests::{Database, Postgres, Socket, User, World, on_both, until, world::each};
use serde_json::{Value, json};

on_both!(a_backup_is_restored);

/// The texts of a chat.
async fn texts(user: &User, chat: &str) -> Vec<Value> {
    each(&user.messages(chat).await, "content")
}

/// The cursor after a message that the socket gets next.
async fn cursor_of(socket: &mut Socket, text: &str) -> String {
    let frame = socket.until("message.sent").await;
    assert_eq!(frame["data"]["content"], text);
    frame["cursor"].as_str().unwrap().to_owned()
}

/// Connects with a cursor of before, which is answered with `reset`.
async fn loads_anew(user: &User, cursor: &str) -> Socket {
    let mut socket = user.knock(Some(cursor)).await;
    assert_eq!(socket.hello().await["resumed"], false);
    let reset = socket.frame().await;
    assert_eq!((&reset["type"], &reset["data"]["reason"]), (&json!("reset"), &json!("unknown")));
    socket
}

async fn a_backup_is_restored(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    bob.says(&chat, "kept").await;
    let kept = cursor_of(&mut socket, "kept").await;
    let backup = world.database.folder.path().join("backup");
    world.database.back_up(&backup);
    for text in ["lost", "lost, too"] {
        bob.says(&chat, text).await;
    }
    cursor_of(&mut socket, "lost").await;
    let lost = cursor_of(&mut socket, "lost, too").await;

    // A server on SQLite is restarted, as one file takes the place of another; one on PostgreSQL runs on.
    let world = if world.database.is_sqlite() {
        let world = world.restart_with(async |server, database| {
            assert_eq!(server.stop().await.code(), Some(0));
            database.put_back(&backup);
        });
        world.await
    } else {
        world.database.restore(&backup);
        world
    };
    assert_eq!(socket.closed().await, 1012);
    let (ada, bob) = (world.login("ada").await, world.login("bob").await);
    // As many as were lost, and one more: the cursor of before lies within the journal again.
    let mut all = vec![json!("kept")];
    for text in ["one", "two", "three"] {
        bob.says(&chat, text).await;
        all.push(json!(text));
    }
    for cursor in [&kept, &lost] {
        let mut socket = loads_anew(&ada, cursor).await;
        assert_eq!(texts(&ada, &chat).await, all);
        bob.says(&chat, "live").await;
        all.push(json!("live"));
        let cursor = cursor_of(&mut socket, "live").await;
        drop(socket);
        // What comes after is resumed as ever.
        bob.says(&chat, "missed").await;
        all.push(json!("missed"));
        let mut socket = ada.knock(Some(&cursor)).await;
        assert_eq!(socket.hello().await["resumed"], true);
        cursor_of(&mut socket, "missed").await;
        assert_eq!(socket.until("resumed").await["data"]["count"], 1);
    }
    assert_eq!(ada.get(&format!("/api/chats/{chat}")).await.body["last_message"]["content"], "missed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_without_the_last_commits_becomes_the_primary() {
    let primary = Postgres::new();
    let url = primary.run("start");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (server, name) = url.rsplit_once('/').unwrap();
    let world = World::new(Database::at(format!("{server},127.0.0.1:{port}/{name}"))).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    bob.says(&chat, "kept").await;
    cursor_of(&mut socket, "kept").await;
    let standby = primary.standby(&url, port);
    bob.says(&chat, "lost").await;
    let lost = cursor_of(&mut socket, "lost").await;
    assert_eq!(texts(&ada, &chat).await, ["kept", "lost"]);

    primary.run("stop");
    standby.run("start");
    standby.run("promote");
    until("writes are possible again", async || {
        let body = json!({"content": "new", "client_id": "new"});
        let sent = bob.may_fail().post(&format!("/api/chats/{chat}/messages"), body).await;
        sent.status == 201
    })
    .await;
    assert_eq!(socket.closed().await, 1012);
    let mut socket = loads_anew(&ada, &lost).await;
    assert_eq!(texts(&ada, &chat).await, ["kept", "new"]);
    bob.says(&chat, "live").await;
    cursor_of(&mut socket, "live").await;
}
