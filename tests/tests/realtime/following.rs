//! Who follows what: nobody receives changes from before they entered or after they left, live, while attaching or when
//! resuming; and changes that a node cannot read block nobody.

use std::time::Duration;

use clowder_core::{Actor, Ctx, Input, Role, Timestamp, Via};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_tests::{Socket, User, World, on_both};
use serde_json::{Value, json};

on_both!(what_nobody_can_read_does_no_harm, a_node_that_slept_for_too_long);
on_both!(shared;
    nobody_hears_what_was_before_them,
    nobody_hears_it_from_a_node_that_lags_either,
    nobody_hears_what_comes_after_they_left,
    the_order_of_pins_tells_of_those_that_one_sees,
);

async fn cursor(user: &User) -> String {
    user.knock(None).await.hello().await["cursor"].as_str().unwrap().to_owned()
}

/// The frames of a resuming socket until it is live.
async fn missed(user: &User, cursor: &str) -> Vec<Value> {
    let mut socket = user.knock(Some(cursor)).await;
    assert_eq!(socket.hello().await["resumed"], true);
    let mut missed = Vec::new();
    loop {
        let frame = socket.frame().await;
        if frame["type"] == "resumed" {
            assert_eq!(frame["data"]["count"], missed.len());
            return missed;
        }
        missed.push(frame);
    }
}

/// The texts of messages, and the names of all other events.
fn told(frames: &[Value]) -> Vec<&str> {
    let word = |frame: &Value| frame["data"]["content"].is_string();
    let words = frames.iter().map(|frame| if word(frame) { &frame["data"]["content"] } else { &frame["type"] });
    words.map(|word| word.as_str().unwrap()).collect()
}

/// Everything up to the message with this text.
async fn heard_until(socket: &mut Socket, text: &str) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let frame = socket.frame().await;
        let last = frame["data"]["content"] == text;
        heard.push(frame);
        if last {
            return heard;
        }
    }
}

async fn what_nobody_can_read_does_no_harm(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let before = cursor(&ada).await;
    let mut live = ada.socket().await;
    world.database.scribe().unreadable(&chat, 600).commit();
    bob.says(&chat, "hello").await;
    let heard = live.until("message.sent").await;
    assert_eq!(heard["data"]["content"], "hello");
    assert_eq!(told(&missed(&ada, &before).await), ["hello"]);
    assert!(missed(&ada, heard["cursor"].as_str().unwrap()).await.is_empty());

    // They may also be the last ones.
    world.database.scribe().unreadable(&chat, 300).commit();
    let seen = cursor(&ada).await;
    bob.says(&chat, "again").await;
    assert_eq!(live.until("message.sent").await["data"]["content"], "again");
    assert_eq!(told(&missed(&ada, &before).await), ["hello", "again"]);
    assert_eq!(told(&missed(&ada, &seen).await), ["again"]);
    let metrics = world.nobody().get("/metrics").await.text;
    let counted = metrics.lines().find_map(|line| line.strip_prefix("clowder_journal_unreadable_total "));
    assert_eq!(counted, Some("900"));
}

async fn nobody_hears_what_was_before_them(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = bob.group("Lunch", &[]).await;
    let before = cursor(&ada).await;
    let mut live = ada.socket().await;
    bob.says(&chat, "a word before").await;
    world.database.scribe().joins(&ada.id, &bob.chat(&chat).await).commit();
    bob.says(&chat, "a word after").await;
    let expected = ["chat.created", "a word after"];
    assert_eq!(told(&heard_until(&mut live, "a word after").await), expected);
    assert_eq!(told(&missed(&ada, &before).await), expected);
    live.command("message.send", json!({"chat_id": chat, "content": "thank you"})).await.unwrap();
    // A request before this could return an older cursor.
    assert_eq!(told(&heard_until(&mut live, "thank you").await), ["thank you"]);

    // Left and entered again: the messages in between are not for them.
    let there = cursor(&ada).await;
    world.database.scribe().leaves(&ada.id, &chat).commit();
    bob.says(&chat, "among us").await;
    world.database.scribe().joins(&ada.id, &bob.chat(&chat).await).commit();
    bob.says(&chat, "welcome back").await;
    let expected = ["participant.removed", "chat.created", "welcome back"];
    assert_eq!(told(&heard_until(&mut live, "welcome back").await), expected);
    assert_eq!(told(&missed(&ada, &there).await), expected);
}

/// Another node over the same database, which the server notices only when it polls.
async fn another_node(world: &World, now: Timestamp) -> Store {
    Store::open(Options::new(DatabaseUrl::parse(&world.database.url).unwrap(), "another node"), now).await.unwrap()
}

fn by(user: &User, now: Timestamp) -> Ctx {
    let id = user.id.parse().unwrap();
    let via = Via::Session(clowder_core::Id::new(now));
    Ctx::new(Actor::User { id, via, role: Role::User }, now, "another node")
}

fn time(of: &Value) -> Timestamp {
    of["created_at"].as_str().unwrap().parse().unwrap()
}

async fn nobody_hears_it_from_a_node_that_lags_either(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    for round in 0..4 {
        let chat = bob.group("Lunch", &[]).await;
        let now = time(&bob.chat(&chat).await);
        let other = another_node(&world, now).await;
        for _ in 0..5 {
            let new = Input::from_json(json!({"content": "a word before"})).unwrap();
            other.messaging.send(&by(&bob, now), chat.parse().unwrap(), new).await.unwrap();
        }
        world.database.scribe().joins(&ada.id, &bob.chat(&chat).await).commit();
        // The server may not have polled yet. Both sockets were attached before Ada entered, as far as it knows.
        let (mut fresh, mut second) = tokio::join!(ada.socket(), ada.socket());
        bob.says(&chat, "a word after").await;
        for socket in [&mut fresh, &mut second] {
            let heard = heard_until(socket, "a word after").await;
            let told = told(&heard);
            assert!(!told.contains(&"a word before"), "round {round}: {told:?}");
        }
    }
}

async fn nobody_hears_what_comes_after_they_left(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = bob.group("Lunch", &[&ada]).await;
    let (mut live, mut bobs) = (ada.socket().await, bob.socket().await);
    let before = cursor(&ada).await;
    bob.says(&chat, "a word between").await;
    // A node that lags may tell her of the chat first.
    assert_eq!(told(&heard_until(&mut live, "a word between").await).last(), Some(&"a word between"));
    world.database.scribe().leaves(&ada.id, &chat).commit();
    let gone = live.until("participant.removed").await;
    assert_eq!(gone["data"]["user_id"], *ada.id);
    bob.says(&chat, "without her").await;
    heard_until(&mut bobs, "without her").await;
    assert!(!told(&live.drain().await).contains(&"without her"));
    // What they may no longer see is not replayed, whenever it was sent; but they learn that they left.
    assert_eq!(told(&missed(&ada, &before).await), ["participant.removed"]);
    assert!(missed(&ada, gone["cursor"].as_str().unwrap()).await.is_empty());
    let typing = live.command("typing.start", json!({"chat_id": chat})).await.unwrap_err();
    assert_eq!(typing["code"], "chat.unknown");
}

/// Changes that were swept before the node polled are lost: sockets must resume, and are told to reload.
async fn a_node_that_slept_for_too_long(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = bob.group("Lunch", &[&ada]).await;
    let mut live = ada.socket().await;
    let said = bob.says(&chat, "heard").await;
    let heard = live.until("message.sent").await["cursor"].as_str().unwrap().to_owned();
    let now = time(&said).plus(Duration::from_secs(1));
    let other = another_node(&world, now).await;
    let say = async || {
        let new = Input::from_json(json!({"content": "missed"})).unwrap();
        other.messaging.send(&by(&bob, now), chat.parse().unwrap(), new).await
    };
    world.server.freeze();
    // It may have stopped in the middle of a write, which blocks all of SQLite.
    while say().await.is_err() {
        world.server.thaw();
        world.server.freeze();
    }
    while other.journal.sweep(&Ctx::new(Actor::System, now, "sweep"), Duration::ZERO).await.unwrap() > 0 {}
    world.server.thaw();
    assert_eq!(live.closed().await, 1012);
    let mut again = ada.knock(Some(&heard)).await;
    assert_eq!(again.hello().await["resumed"], false);
    assert_eq!(again.frame().await["data"]["reason"], "expired");
    bob.says(&chat, "live").await;
    assert_eq!(again.until("message.sent").await["data"]["content"], "live");
}

/// Live and replayed.
async fn the_order_of_pins_tells_of_those_that_one_sees(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let new = json!({"type": "group", "title": "x", "history": "since_join", "participant_ids": [&bob.id]});
    let chat = ada.post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let mut said = Vec::new();
    for number in 0..4 {
        if number == 2 {
            let path = format!("/api/chats/{chat}/participants");
            ada.post(&path, json!({"user_ids": [&eve.id]})).await.expect(200);
        }
        let id = ada.says(&chat, "pinned").await["id"].clone();
        ada.put(&format!("/api/messages/{}/pin", id.as_str().unwrap()), json!({})).await;
        said.push(id);
    }
    let (mut bobs, mut eves, before) = (bob.socket().await, eve.socket().await, cursor(&eve).await);
    let path = format!("/api/chats/{chat}/pins");
    ada.put(&path, json!({"message_ids": said})).await.expect(200);
    let last = async |socket: &mut Socket, count: usize| loop {
        let ids = socket.until("chat.pins").await["data"]["message_ids"].as_array().unwrap().clone();
        if ids.len() == count {
            return ids;
        }
    };
    assert_eq!(last(&mut bobs, 4).await, said, "bob sees all of them");
    assert_eq!(last(&mut eves, 2).await, said[2..], "eve those since she came");
    let replayed = missed(&eve, &before).await;
    let ids: Vec<_> = replayed.iter().map(|frame| frame["data"]["message_ids"].as_array().unwrap().clone()).collect();
    assert!(ids.iter().flatten().all(|id| said[2..].contains(id)), "{replayed:?}");
    assert_eq!(ids.last().unwrap(), &said[2..]);
}
