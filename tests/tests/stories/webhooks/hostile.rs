//! Receivers that hang, stream for ever, lead to the inside or break off: each harms only itself.

use std::time::Duration;

use clowder_tests::{
    World, answer, on_both,
    receiver::{Manner, Receiver},
    until,
    web_pages::ALLOWED,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{deliveries, hook};

on_both!(with [super::ALLOWED]; bad_answers);
on_both!(shared with [super::ALLOWED]; redirected, slow_ones_hold_up_nobody, told_to_wait);

/// The first attempt that was stored for an endpoint.
async fn attempt(user: &clowder_tests::User, webhook: &Value) -> Value {
    let stored = answer("an attempt is stored", async || {
        let delivery = deliveries(user, webhook).await.pop()?;
        Some(delivery["attempts"][0].clone()).filter(|attempt| !attempt.is_null())
    });
    stored.await
}

async fn bad_answers(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    let mut hooks = Vec::new();
    for (manner, error, status) in [
        (Manner::Status(404, ""), json!("status"), json!(404)),
        (Manner::Status(503, ""), json!("status"), json!(503)),
        (Manner::Breaks, json!("protocol"), Value::Null),
        (Manner::Babbles, json!("protocol"), Value::Null),
        (Manner::Hangs, json!("timeout"), Value::Null),
        (Manner::Streams, json!("timeout"), Value::Null),
        // As much of it is read as an answer can have, and its status counts.
        (Manner::Huge, Value::Null, json!(200)),
    ] {
        let receiver = Receiver::start(manner).await;
        hooks.push((hook(&ada, &receiver.url(), &["message.sent"]).await, receiver, error, status));
    }
    // Nobody listens there any more.
    let nobody = Receiver::start(Manner::Hangs).await.url();
    let gone = hook(&ada, &nobody, &["message.sent"]).await;
    let begun = Instant::now();
    ada.says(&chat, "Hello").await;
    for (hook, receiver, error, status) in &hooks {
        let stored = attempt(&ada, hook).await;
        assert_eq!((&stored["error"], &stored["status"]), (error, status), "{stored}");
        assert_eq!(receiver.calls().len(), 1);
    }
    assert_eq!(attempt(&ada, &gone).await["error"], "connect");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert!(world.server.memory() < 500 << 20, "what was too large was not kept");
}

async fn redirected(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    let inside = Receiver::start(Manner::Status(200, "")).await;
    let leads: &'static str = Box::leak(format!("location: {}\r\n", inside.url()).into_boxed_str());
    let mut hooks = Vec::new();
    for status in [301, 302, 307, 308] {
        let receiver = Receiver::start(Manner::Status(status, leads)).await;
        hooks.push((hook(&ada, &receiver.url(), &["message.sent"]).await, receiver));
    }
    ada.says(&chat, "Hello").await;
    for (hook, _receiver) in &hooks {
        assert_eq!(attempt(&ada, hook).await["error"], "redirect");
    }
    assert!(inside.calls().is_empty(), "a redirect is never followed");
}

async fn slow_ones_hold_up_nobody(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut slow = Vec::new();
    for _ in 0..15 {
        let receiver = Receiver::start(Manner::Hangs).await;
        hook(&ada, &receiver.url(), &["message.sent"]).await;
        slow.push(receiver);
    }
    let quick = Receiver::start(Manner::Status(204, "")).await;
    hook(&bob, &quick.url(), &["message.sent"]).await;
    for number in 0..20 {
        ada.says(&chat, &number.to_string()).await;
    }
    let begun = Instant::now();
    until("all arrive", async || quick.calls().len() >= 20).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for receiver in &slow {
        let calls = receiver.calls().len();
        assert!(calls <= 8, "{calls} at the same time");
    }
    // No faster than a hundred a second.
    let calls = quick.calls();
    let all = calls.last().unwrap().at - calls[0].at;
    assert!(all >= Duration::from_millis(150), "{all:?}");
}

async fn told_to_wait(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    let receiver = Receiver::start(Manner::Status(429, "retry-after: 7\r\n")).await;
    hook(&ada, &receiver.url(), &["message.sent"]).await;
    ada.says(&chat, "one").await;
    until("it is called", async || receiver.calls().len() == 1).await;
    receiver.behave(Manner::Status(204, ""));
    ada.says(&chat, "two").await;
    until("it is called again", async || receiver.calls().len() >= 3).await;
    let calls = receiver.calls();
    let pause = calls[1].at - calls[0].at;
    assert!(pause >= Duration::from_millis(6_900), "{pause:?}");
}
