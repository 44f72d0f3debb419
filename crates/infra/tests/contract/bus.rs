//! The bus between processes, over each of its adapters and real servers, and followers that get hints through it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use clowder_core::Bus;
use clowder_infra::{
    DatabaseUrl, Deadlines, Followed, Follower, Store,
    bus::{InProcess, PostgresBus, RedisBus},
};
use clowder_messaging::Message;
use clowder_tests::{setting, unique, until};
use uuid::Uuid;

use crate::world::{World, on_both};

/// What is heard of this test's messages: others may use the same server.
fn heard(bus: &dyn Bus, mark: &str) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let (kept, mark) = (Arc::clone(&heard), mark.to_owned());
    bus.subscribe(Box::new(move |message| {
        if let Some(rest) = message.strip_prefix(&mark) {
            kept.lock().unwrap().push(rest.to_owned());
        }
    }));
    heard
}

/// What every adapter guarantees to two processes.
async fn everybody_hears_everybody(here: Arc<dyn Bus>, there: Arc<dyn Bus>) {
    let mark = unique();
    let [at_here, at_there] = [&here, &there].map(|bus| heard(&**bus, &mark));
    until("both hear", async || here.works() && there.works()).await;
    let said: Vec<_> = (0..200).map(|n| format!(" {n} größer’ \"\n")).collect();
    said.iter().for_each(|word| here.publish(format!("{mark}{word}")));
    for at in [&at_here, &at_there] {
        until("all have arrived", async || at.lock().unwrap().len() >= said.len()).await;
        assert_eq!(*at.lock().unwrap(), said, "once and in order");
    }
    // What is too large or too much is dropped, and holds up neither the caller nor what comes later.
    let began = Instant::now();
    here.publish(format!("{mark}{}", "x".repeat(1024 * 1024)));
    (0..20_000).for_each(|n| there.publish(format!("{mark}{n}")));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    until("the last word arrives", async || {
        here.publish(format!("{mark}last"));
        at_there.lock().unwrap().iter().any(|word| word == "last")
    })
    .await;
}

#[tokio::test]
async fn in_one_process() {
    let bus: Arc<dyn Bus> = Arc::new(InProcess::default());
    everybody_hears_everybody(Arc::clone(&bus), bus).await;
}

#[tokio::test]
async fn through_redis() {
    let url = setting("TEST_REDIS_URL").expect("TEST_REDIS_URL is not set");
    let [here, there] = [(); 2].map(|()| Arc::new(RedisBus::start(&url).unwrap()));
    everybody_hears_everybody(here, there).await;
}

#[tokio::test]
async fn through_postgres() {
    let world = World::postgres().await;
    let DatabaseUrl::Postgres(url) = &world.options.url else { panic!("PostgreSQL") };
    let start = || Arc::new(PostgresBus::start(url, Deadlines::default()).unwrap());
    let (here, there) = (start(), start());
    everybody_hears_everybody(here.clone(), there.clone()).await;
    // Their connections are cut: they come back by themselves.
    let mark = unique();
    let at_there = heard(&*there, &mark);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
        AND query LIKE '%pg_notify%' AND pid <> pg_backend_pid()";
    assert!(world.meddle(cut).unwrap() >= 2);
    until("they hear again", async || {
        here.publish(format!("{mark}again"));
        !at_there.lock().unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_holds_up_nobody() {
    let bus = RedisBus::start("redis://127.0.0.1:1").unwrap();
    (0..5_000).for_each(|n| bus.publish(n.to_string()));
    assert!(!bus.works());
    assert!(RedisBus::start("redis://:secret@").is_err_and(|error| !error.to_string().contains("secret")));
}

/// The text of the next message, which must not be preceded by anything but changes.
async fn next_word(follower: &mut Follower) -> String {
    loop {
        match follower.step().await.unwrap() {
            Followed::Change(change) if &*change.name == "message.sent" => {
                return serde_json::from_str::<Message>(change.data.get()).unwrap().content.unwrap();
            }
            Followed::Change(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Another node, and what it and the first one have joined.
async fn joined(world: &World) -> (Store, Arc<InProcess>) {
    let (other, bus) = (world.another_node().await, Arc::new(InProcess::default()));
    for node in [&world.store, &other] {
        node.join_through(bus.clone()).await.unwrap();
    }
    (other, bus)
}

on_both! {
    async fn a_hint_that_is_wrong_loses_and_repeats_nothing(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let (other, bus) = joined(&world).await;
        let mut follower = other.follow().await.unwrap();
        let epoch = world.store.journal.extent().await.unwrap().epoch;
        let far = (0..300).map(|stream| format!("{stream}:{}", i64::MAX)).collect::<Vec<_>>().join(",");
        let mislead = || {
            for epoch in [epoch, Uuid::nil()] {
                for hint in [&*far, "0:-1,1:0", "0:1", "x", ""] {
                    bus.publish(format!("{} {epoch} journal {hint}", Uuid::from_u128(7)));
                }
            }
        };
        mislead();
        for n in 0..30 {
            if n % 3 > 0 {
                world.say(&ada, chat, &format!("{n}")).await;
            } else {
                // And so does what this node writes itself.
                let new = clowder_core::Input::from_json(serde_json::json!({"content": format!("{n}")})).unwrap();
                other.messaging.send(&world.ctx(&ada), chat, new).await.unwrap();
            }
            mislead();
            if n % 5 == 0 {
                assert_eq!(next_word(&mut follower).await, format!("{}", n / 5));
            }
        }
        for n in 6..30 {
            assert_eq!(next_word(&mut follower).await, format!("{n}"), "each once and in order");
        }
        world.say(&ada, chat, "last").await;
        assert_eq!(next_word(&mut follower).await, "last");
    }

    async fn what_another_node_writes_comes_before_the_next_poll(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let (other, _) = joined(&world).await;
        // The node that writes follows nothing itself.
        let mut follower = other.follow().await.unwrap();
        let mut took = Vec::new();
        for n in 0..21 {
            world.say(&ada, chat, &format!("{n}")).await;
            let began = Instant::now();
            assert_eq!(next_word(&mut follower).await, format!("{n}"));
            took.push(began.elapsed());
        }
        took.sort();
        assert!(took[10] < Duration::from_millis(60), "{took:?}");
    }
}
