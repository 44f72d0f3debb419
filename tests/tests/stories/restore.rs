//! After a restore, or a failover that lost something that they have seen, clients are told to load anew, and from there on they
//! miss nothing. After one that lost nothing, they go on.

use std::net::TcpListener;

use clowder_tests::{Database, Postgres, Server, Socket, User, World, database::psql, on_both, until, world::each};
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

/// A free port.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Somebody says something as soon as the database takes it.
async fn says_at_last(user: &User, chat: &str, text: &str) {
    until("writes are possible again", async || {
        let body = json!({"content": text, "client_id": text});
        let sent = user.may_fail().post(&format!("/api/chats/{chat}/messages"), body).await;
        [200, 201].contains(&sent.status)
    })
    .await;
}

/// The texts that a client gets that goes on from a cursor: all that it has missed, and none of it twice.
async fn goes_on(user: &User, cursor: &str) -> Vec<Value> {
    let mut socket = user.knock(Some(cursor)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    let mut texts = Vec::new();
    loop {
        let frame = socket.frame().await;
        match frame["type"].as_str().unwrap() {
            "message.sent" => texts.push(frame["data"]["content"].clone()),
            "reset" => panic!("{frame}"),
            "resumed" => return texts,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_without_the_last_commits_becomes_the_primary() {
    let primary = Postgres::new();
    let (url, port) = (primary.run("start"), port());
    let (server, name) = url.rsplit_once('/').unwrap();
    let world = World::new(Database::at(format!("{server},127.0.0.1:{port}/{name}"))).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    bob.says(&chat, "kept").await;
    let kept = cursor_of(&mut socket, "kept").await;
    let standby = primary.standby(&url, port);
    bob.says(&chat, "lost").await;
    let lost = cursor_of(&mut socket, "lost").await;
    assert_eq!(texts(&ada, &chat).await, ["kept", "lost"]);

    primary.run("stop");
    standby.run("start");
    standby.run("promote");
    says_at_last(&bob, &chat, "new").await;
    assert_eq!(socket.closed().await, 1012);
    let mut socket = loads_anew(&ada, &lost).await;
    assert_eq!(texts(&ada, &chat).await, ["kept", "new"]);
    bob.says(&chat, "live").await;
    cursor_of(&mut socket, "live").await;
    // Whoever has seen nothing of what was lost misses nothing, and need not load anything.
    assert_eq!(goes_on(&ada, &kept).await, ["new", "live"]);
}

/// One node hears first that another server has become the primary, and the other one later; and it happens twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_has_everything_becomes_the_primary_and_nobody_notices() {
    let primary = Postgres::new();
    let url = primary.run("start");
    let (server, name) = url.rsplit_once('/').unwrap();
    let ports = [port(), port()];
    let hosts = ports.map(|port| format!("127.0.0.1:{port}"));
    let world = World::new(Database::at(format!("{server},{}/{name}", hosts.join(",")))).await;
    let other = Server::start(&world.database, &[]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await.at(&other));
    let chat = ada.private_chat(&bob).await;
    let mut sockets = [ada.socket().await, ada.at(&other).socket().await];
    bob.says(&chat, "first").await;
    let first = cursor_of(&mut sockets[0], "first").await;
    cursor_of(&mut sockets[1], "first").await;
    let (mut all, mut cursors) = (Vec::new(), vec![first]);
    let (mut server, mut url) = (primary, url);
    for port in ports {
        let standby = server.standby(&url, port);
        // From here on, a commit that is acknowledged is on the standby, too.
        let standby_url = standby.run("start");
        psql(&url, "ALTER SYSTEM SET synchronous_standby_names = '*'");
        psql(&url, "SELECT pg_reload_conf()");
        until("the standby is synchronous", async || {
            psql(&url, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"
        })
        .await;
        for text in ["before", "at the last moment"] {
            let text = format!("{text} {port}");
            bob.says(&chat, &text).await;
            all.push(json!(text));
            for socket in &mut sockets {
                cursors.push(cursor_of(socket, &text).await);
            }
        }
        server.run("crash");
        standby.run("promote");
        let text = format!("after {port}");
        says_at_last(&bob, &chat, &text).await;
        all.push(json!(text));
        // Open sockets stay open.
        for socket in &mut sockets {
            cursors.push(cursor_of(socket, &text).await);
        }
        // Every cursor goes on, at each node, whenever it was given out.
        for user in [&ada, &ada.at(&other)] {
            for cursor in &cursors {
                let missed = goes_on(user, cursor).await;
                assert!(all.ends_with(&missed), "{missed:?} of {all:?}");
            }
            assert_eq!(goes_on(user, &cursors[0]).await, all);
            assert!(goes_on(user, cursors.last().unwrap()).await.is_empty());
        }
        (server, url) = (standby, standby_url);
    }
}
