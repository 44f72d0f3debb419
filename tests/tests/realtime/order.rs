//! Many clients send at once: one order, without gaps, the same for everybody.

use clowder_tests::{Database, Server, User, World, on_both, world::each};
use serde_json::json;

const SENDERS: usize = 16;
const EACH: usize = 25;

on_both!(shared; sixteen_senders, as_fast_as_acknowledged);

async fn sixteen_senders(world: World) {
    one_order(&world, |_, person| (person.clone(), None)).await;
}

/// Each sends at one server and listens at the other, half of them the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_senders_at_two_servers() {
    let world = World::new(Database::postgres()).await;
    let other = Server::start(&world.database, &[]).await;
    one_order(&world, |i, person| {
        let (here, there) = (person.clone(), person.at(&other));
        if i % 2 == 0 { (here, Some(there)) } else { (there, Some(here)) }
    })
    .await;
}

/// `at` says where a user sends, and where they listen if that is elsewhere.
async fn one_order(world: &World, at: impl Fn(usize, &User) -> (User, Option<User>)) {
    let mut people = Vec::new();
    for i in 0..SENDERS {
        people.push(world.user(&format!("person{i}")).await);
    }
    let others: Vec<_> = people[1..].iter().collect();
    let chat = people[0].group("Crowd", &others).await;
    let base = people[0].chat(&chat).await["last_seq"].as_i64().unwrap();
    let mut sockets = Vec::new();
    for (i, person) in people.iter().enumerate() {
        let (sends, listens) = at(i, person);
        let listening = match listens {
            Some(listens) => Some(listens.socket().await),
            None => None,
        };
        sockets.push((sends.socket().await, listening));
    }
    let tasks = sockets.into_iter().enumerate().map(|(i, (mut sending, mut listening))| {
        let chat = chat.clone();
        tokio::spawn(async move {
            let mut acks = Vec::new();
            for k in 0..EACH {
                let new = json!({"chat_id": chat, "content": format!("{i} says {k}"), "client_id": k.to_string()});
                acks.push(sending.command("message.send", new).await.unwrap());
            }
            let mut heard = Vec::new();
            let socket = listening.as_mut().unwrap_or(&mut sending);
            while heard.len() < SENDERS * EACH {
                heard.push(socket.until("message.sent").await["data"].clone());
            }
            (acks, heard)
        })
    });
    let ends = futures_util::future::join_all(tasks).await;
    let expected: Vec<_> = (base + 1..=base + (SENDERS * EACH) as i64).map(|seq| json!(seq)).collect();
    let stored = people[0].messages(&chat).await;
    let stored = each(stored.iter().filter(|message| message["seq"].as_i64() > Some(base)), "id");
    for end in ends {
        let (acks, heard) = end.unwrap();
        assert_eq!(each(&heard, "seq"), expected, "1 … n without gaps, in order, once");
        assert_eq!(each(&heard, "id"), stored, "the same for everybody");
        let own = each(&acks, "seq");
        assert!(own.windows(2).all(|two| two[0].as_i64() < two[1].as_i64()), "one's own in the order of sending");
    }
}

/// A client that sends as fast as it gets acks must still receive events promptly.
async fn as_fast_as_acknowledged(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    for i in 1..=200_usize {
        socket.command("message.send", json!({"chat_id": chat, "content": i.to_string()})).await.unwrap();
        let behind = i - socket.kept().min(i);
        assert!(behind < 50, "{behind} of {i} deliveries are still missing");
    }
}
