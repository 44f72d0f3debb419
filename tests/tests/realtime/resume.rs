//! A socket drops and resumes with its cursor: it gets everything since, in order, once.

use std::time::Duration;

use clowder_core::{Actor, Ctx, Timestamp};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_tests::{Database, Server, Stream, World, on_both, world::each};
use serde_json::json;
use tokio::time::Instant;

on_both!(shared; nothing_missed, in_the_first_frame, useless_cursors, the_cursor_of_somebody_else, deleted_text_is_not_replayed, what_is_hidden);
on_both!(across_a_restart, away_for_too_long);
on_both!(shared with [("CLOWDER__JOURNAL__RESUME_EVENTS", "30")]; too_many);
on_both!(shared with [("DATABASE_READ_CONNECTIONS", "2")]; all_of_them_at_once);

async fn nothing_missed(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    bob.says(&chat, "heard").await;
    let cursor = socket.until("message.sent").await["cursor"].as_str().unwrap().to_owned();
    drop(socket);
    for i in 0..20 {
        bob.says(&chat, &format!("missed {i}")).await;
    }
    bob.group("New", &[&ada]).await;

    let mut socket = ada.knock(Some(&cursor)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    let mut missed = Vec::new();
    let resumed = loop {
        let frame = socket.frame().await;
        if frame["type"] == "resumed" {
            break frame;
        }
        assert!(frame["cursor"].is_string(), "what is replayed can be resumed from: {frame}");
        missed.push(frame);
    };
    assert_eq!(resumed["data"]["count"], missed.len());
    let messages: Vec<_> =
        missed.iter().filter(|frame| frame["type"] == "message.sent").map(|frame| &frame["data"]).collect();
    assert_eq!(each(messages, "seq"), (2..=21).map(|seq| json!(seq)).collect::<Vec<_>>());
    assert!(missed.iter().any(|frame| frame["type"] == "chat.created"));
    // And then it continues live.
    bob.says(&chat, "live").await;
    assert_eq!(socket.until("message.sent").await["data"]["content"], "live");

    // The cursor of `hello` can be resumed from, too; nothing happened since.
    let mut fresh = ada.knock(None).await;
    let cursor = fresh.hello().await["cursor"].as_str().unwrap().to_owned();
    let mut again = ada.knock(Some(&cursor)).await;
    assert_eq!(again.hello().await["resumed"], true);
    assert_eq!(again.frame().await["data"]["count"], 0);
}

/// The socket is at one server and writes happen at the other; clients resume at either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_missed_between_two_servers() {
    let world = World::new(Database::postgres()).await;
    let other = Server::start(&world.database, &[]).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut first = ada.socket().await;
    let chat = ada.private_chat(&bob).await;
    let mut cursor = first.until("chat.created").await["cursor"].as_str().unwrap().to_owned();
    drop(first);
    let mut seq = 0;
    for round in 0..6 {
        // Each time the socket is where the last one was not, and writes happen at the other one.
        let (ada, bob) = match round % 2 {
            0 => (ada.at(&other), bob.clone()),
            _ => (ada.clone(), bob.at(&other)),
        };
        let mut sent = Vec::new();
        for i in 0..15 {
            sent.push(bob.says(&chat, &format!("round {round}, missed {i}")).await["id"].clone());
        }
        // A cursor of the other server may be ahead of this one, which then waits until it has caught up.
        let mut socket = ada.knock(Some(&cursor)).await;
        assert_eq!(socket.hello().await["resumed"], true);
        for i in 0..15 {
            sent.push(bob.says(&chat, &format!("round {round}, live {i}")).await["id"].clone());
        }
        let (mut heard, mut resumed) = (Vec::new(), 0);
        while heard.len() < sent.len() || resumed == 0 {
            let frame = socket.frame().await;
            match frame["type"].as_str().unwrap() {
                "resumed" => resumed += 1,
                "message.sent" => {
                    cursor = frame["cursor"].as_str().unwrap().to_owned();
                    heard.push(frame["data"].clone());
                }
                other => panic!("{other}"),
            }
        }
        assert_eq!((each(&heard, "id"), resumed), (sent, 1), "all of them, in order, once");
        let expected: Vec<_> = (seq + 1..=seq + 30).map(|seq| json!(seq)).collect();
        assert_eq!(each(&heard, "seq"), expected);
        seq += 30;
    }
}

async fn in_the_first_frame(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut socket = ada.socket().await;
    let chat = ada.private_chat(&bob).await;
    let cursor = socket.until("chat.created").await["cursor"].clone();
    drop(socket);
    bob.says(&chat, "missed").await;
    let mut socket =
        clowder_tests::Socket::open(&world.server.address, clowder_tests::Auth::Later, None).await.unwrap();
    socket.say(json!({"type": "auth", "data": {"access": ada.token(), "cursor": cursor}})).await;
    assert_eq!(socket.hello().await["resumed"], true);
    assert_eq!(socket.frame().await["data"]["content"], "missed");
    assert_eq!(socket.frame().await["data"]["count"], 1);
}

async fn across_a_restart(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let cursor = ada.knock(None).await.hello().await["cursor"].as_str().unwrap().to_owned();
    bob.says(&chat, "before the crash").await;
    let world = world.restart(clowder_tests::Server::kill).await;
    let ada = world.login("ada").await;
    let mut socket = ada.knock(Some(&cursor)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    assert_eq!(socket.until("message.sent").await["data"]["content"], "before the crash");
    socket.until("resumed").await;
    world.login("bob").await.says(&chat, "after the crash").await;
    assert_eq!(socket.until("message.sent").await["data"]["content"], "after the crash");
}

async fn useless_cursors(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let own = ada.knock(None).await.hello().await["cursor"].as_str().unwrap().to_owned();
    let middle = own.len() / 2;
    let other = if own.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &own[..middle], &own[middle + 1..]);
    for cursor in ["nonsense", "AAAA", &forged] {
        let mut socket = ada.knock(Some(cursor)).await;
        assert_eq!(socket.hello().await["resumed"], false);
        let reset = socket.frame().await;
        assert_eq!(reset["type"], "reset", "{cursor}: {reset}");
        assert!(reset["data"]["reason"].is_string());
        bob.says(&chat, "live").await;
        assert_eq!(socket.until("message.sent").await["data"]["content"], "live");
    }
}

/// A cursor names a place: with it, everybody gets what they may see, and nothing else.
async fn the_cursor_of_somebody_else(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let (chat, other) = (ada.private_chat(&bob).await, bob.private_chat(&eve).await);
    let theirs = bob.knock(None).await.hello().await["cursor"].as_str().unwrap().to_owned();
    bob.says(&other, "for eve").await;
    bob.says(&chat, "for ada").await;
    let mut socket = ada.knock(Some(&theirs)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    let heard = socket.frame().await;
    assert_eq!((&heard["type"], &heard["data"]["content"]), (&json!("message.sent"), &json!("for ada")));
    assert_eq!(socket.frame().await["data"]["count"], 1);
}

/// What the journal no longer has cannot be replayed; the client is told, and fetches everything over REST.
async fn away_for_too_long(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    bob.says(&chat, "heard").await;
    let cursor = socket.until("message.sent").await["cursor"].as_str().unwrap().to_owned();
    drop(socket);
    let mut bobs = bob.socket().await;
    let missed = bob.says(&chat, "missed").await;
    // Changes that were delivered to anybody are not live for Ada, who comes later.
    bobs.until("message.sent").await;
    sweep(&world, &missed["created_at"]).await;

    let mut socket = ada.knock(Some(&cursor)).await;
    assert_eq!(socket.hello().await["resumed"], false);
    let reset = socket.frame().await;
    assert_eq!((&reset["type"], &reset["data"]["reason"]), (&json!("reset"), &json!("expired")));
    assert_eq!(each(&ada.messages(&chat).await, "content"), [json!("heard"), json!("missed")]);
    bob.says(&chat, "live").await;
    let live = socket.frame().await;
    assert_eq!((&live["type"], &live["data"]["content"]), (&json!("message.sent"), &json!("live")));

    // From here on it can be resumed again.
    let cursor = live["cursor"].as_str().unwrap().to_owned();
    drop(socket);
    bob.says(&chat, "missed again").await;
    let mut socket = ada.knock(Some(&cursor)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    assert_eq!(socket.frame().await["data"]["content"], "missed again");
    assert_eq!(socket.frame().await["data"]["count"], 1);
}

/// Whoever has missed too much loads it anew instead; a program that wants every event reads it page by page.
async fn too_many(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    let (chat, other) = (ada.private_chat(&bob).await, bob.private_chat(&cem).await);
    let mut socket = ada.socket().await;
    bob.says(&chat, "heard").await;
    let cursor = socket.until("message.sent").await["cursor"].as_str().unwrap().to_owned();
    drop(socket);
    for i in 0..40 {
        bob.says(&other, &format!("not for Ada {i}")).await;
    }
    for i in 0..30 {
        bob.says(&chat, &format!("missed {i}")).await;
    }
    let mut socket = ada.knock(Some(&cursor)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    assert_eq!(socket.until("resumed").await["data"]["count"], 30, "what others missed does not count");
    bob.says(&chat, "one more").await;
    socket.until("message.sent").await;

    let mut socket = ada.knock(Some(&cursor)).await;
    let hello = socket.hello().await;
    assert_eq!(hello["resumed"], false);
    let reset = socket.frame().await;
    assert_eq!((&reset["type"], &reset["data"]["reason"]), (&json!("reset"), &json!("too_many")));
    assert_eq!(ada.messages(&chat).await.len(), 32, "what it was");
    let mut stream = Stream::open(&ada, "", &cursor).await.unwrap();
    let first = stream.frame().await;
    assert_eq!((&first["type"], &first["data"]["resumed"]), (&json!("hello"), &json!(false)));
    let reset = stream.frame().await;
    assert_eq!((&reset["type"], &reset["data"]["reason"]), (&json!("reset"), &json!("too_many")));
    bob.says(&chat, "live").await;
    let live = socket.frame().await;
    assert_eq!((&live["type"], &live["data"]["content"]), (&json!("message.sent"), &json!("live")));
    assert_eq!(stream.frame().await["data"], live["data"]);
    // It goes on from the cursor that `hello` brought.
    let mut socket = ada.knock(hello["cursor"].as_str()).await;
    assert_eq!(socket.hello().await["resumed"], true);
    assert_eq!(socket.frame().await["data"], live["data"]);

    let (mut here, mut heard) = (cursor, Vec::new());
    loop {
        let page = ada.get(&format!("/api/journal?cursor={here}&limit=10")).await.expect(200);
        assert_eq!(page["reset"], json!(null));
        heard.extend(page["events"].as_array().unwrap().iter().map(|event| event["data"].clone()));
        here = page["cursor"].as_str().unwrap().to_owned();
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(each(&heard, "seq"), (2..=33).map(|seq| json!(seq)).collect::<Vec<_>>(), "all of them, in order, once");
}

/// Makes the journal delete everything, as the server's own sweep does after some days.
async fn sweep(world: &World, now: &serde_json::Value) {
    let now = now.as_str().unwrap().parse::<Timestamp>().unwrap();
    let url = DatabaseUrl::parse(&world.database.url).unwrap();
    let store = Store::open(Options::new(url, "not needed to forget"), now).await.unwrap();
    let swept = store.journal.sweep(&Ctx::new(Actor::System, now, "sweep"), Duration::ZERO).await.unwrap();
    assert!(swept > 0);
}

async fn deleted_text_is_not_replayed(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let cursor = ada.knock(None).await.hello().await["cursor"].as_str().unwrap().to_owned();
    let sent = bob.says(&chat, "a secret").await;
    let path = format!("/api/messages/{}", sent["id"].as_str().unwrap());
    bob.patch(&path, json!({"content": "another secret"})).await.expect(200);
    bob.delete(&path).await.expect(204);
    let mut socket = ada.knock(Some(&cursor)).await;
    loop {
        let frame = socket.frame().await;
        assert!(!frame.to_string().contains("secret"), "{frame}");
        if frame["type"] == "resumed" {
            break;
        }
    }
}

/// Messages of somebody whom the viewer hides are marked for them, live and in a replay, and for nobody else.
async fn what_is_hidden(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    let chat = cem.group("common", &[&ada, &bob]).await;
    let block = format!("/api/users/{}/block", bob.id);
    ada.put(&block, json!({"hide_messages": true})).await.expect(200);
    let (mut of_ada, mut of_cem) = (ada.socket().await, cem.socket().await);
    let said = bob.says(&chat, "one").await;
    let live = of_ada.until("message.sent").await;
    assert_eq!((&live["data"]["hidden"], &live["data"]["content"]), (&json!(true), &json!("one")));
    assert!(of_cem.until("message.sent").await["data"]["hidden"].is_null());
    bob.patch(&format!("/api/messages/{}", said["id"].as_str().unwrap()), json!({"content": "edited"}))
        .await
        .expect(200);
    assert_eq!(of_ada.until("message.updated").await["data"]["hidden"], true);
    cem.says(&chat, "two").await;
    assert!(of_ada.until("message.sent").await["data"]["hidden"].is_null());
    // From the moment at which the block changes.
    ada.put(&block, json!({"hide_messages": false})).await.expect(200);
    of_ada.until("block.added").await;
    bob.says(&chat, "three").await;
    assert!(of_ada.until("message.sent").await["data"]["hidden"].is_null());
    ada.put(&block, json!({"hide_messages": true})).await.expect(200);
    of_ada.until("block.added").await;
    bob.says(&chat, "four").await;
    assert_eq!(of_ada.until("message.sent").await["data"]["hidden"], true);
    drop(of_ada);
    bob.says(&chat, "missed").await;
    let cursor = live["cursor"].as_str().unwrap();
    let mut again = ada.knock(Some(cursor)).await;
    assert_eq!(again.hello().await["resumed"], true);
    let mut replayed = Vec::new();
    loop {
        let frame = again.frame().await;
        match frame["type"].as_str().unwrap() {
            "resumed" => break,
            "message.sent" => replayed.push((frame["data"]["sender"]["id"] == bob.id, frame["data"]["hidden"] == true)),
            _ => {}
        }
    }
    assert_eq!(replayed, [(false, false), (true, true), (true, true), (true, true)]);
    ada.delete(&block).await.expect(204);
    again.until("block.removed").await;
    bob.says(&chat, "five").await;
    assert!(again.until("message.sent").await["data"]["hidden"].is_null());
}

/// After a restart all clients return at the same moment. They take turns, so other calls are answered meanwhile.
async fn all_of_them_at_once(world: World) {
    const PEOPLE: usize = 20;
    let ada = world.user("ada").await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(world.user(&format!("bob{number}")).await);
    }
    let chat = ada.group("Everybody", &people.iter().collect::<Vec<_>>()).await;
    let mut cursors = Vec::new();
    for person in &people {
        cursors.push(person.knock(None).await.hello().await["cursor"].as_str().unwrap().to_owned());
    }
    ada.says(&chat, "missed").await;
    // Ten devices each.
    let resume = people.iter().zip(&cursors).flat_map(|(person, cursor)| {
        (0..10).map(move |_| async move {
            let mut socket = person.knock(Some(cursor)).await;
            assert_eq!(socket.hello().await["resumed"], true);
            assert_eq!(socket.until("message.sent").await["data"]["content"], "missed");
            socket
        })
    });
    let watching = world.user("watching").await;
    let other = ada.private_chat(&watching).await;
    let mut socket = watching.socket().await;
    let meanwhile = async {
        let mut slowest = Duration::ZERO;
        for n in 0..50 {
            let began = Instant::now();
            ada.get("/api/chats").await.expect(200);
            slowest = slowest.max(began.elapsed());
            if n % 10 == 0 {
                let began = Instant::now();
                ada.says(&other, &n.to_string()).await;
                assert_eq!(socket.until("message.sent").await["data"]["content"], n.to_string());
                slowest = slowest.max(began.elapsed());
            }
        }
        slowest
    };
    let (sockets, slowest) = tokio::join!(futures_util::future::join_all(resume), meanwhile);
    assert_eq!(sockets.len(), 10 * PEOPLE);
    // A turn may take up to 30 seconds; what does not need one takes no longer than ever.
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}
