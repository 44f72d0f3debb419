//! What happens at its time, without HTTP: how many messages whose time is over are deleted in a second, and how many
//! scheduled ones are sent, by one node that does nothing else.
//!
//!     cargo bench -p clowder-infra --bench timers -- URL [MESSAGES]
//!
//! Prints one JSON line per figure, in the format that `bench/ratios.py` reads.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark may be blunt, and measures time")]

use std::time::{Duration, Instant};

use clowder_accounts::SignedIn;
use clowder_core::{Actor, ChatId, Ctx, Input};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_messaging::{
    NewMessage,
    lifetimes::port::PIECE as EXPIRED_AT_ONCE,
    scheduled::{MOST_IN_A_MINUTE, port::PIECE as SENT_AT_ONCE},
};
use futures_util::{StreamExt, stream};
use serde_json::json;

mod harness;

use harness::{TEXT, by, name, now, pairs};

const PEOPLE: usize = 64;
/// How many calls write at a time while everything is prepared.
const CALLS: usize = 128;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(url) = arguments.next() else { return println!("give me a database URL") };
    let messages: usize = arguments.next().map_or(20_000, |messages| messages.parse().unwrap());
    let url = DatabaseUrl::parse(&url).unwrap();
    Store::migrate(&url).unwrap();
    let peer = name(&url);
    let mut options = Options::new(url, "a secret of thirty-two characters");
    options.hasher.cost = 4;
    options.messaging.scheduled_per_person = i64::MAX;
    let store = Store::open(options, now()).await.unwrap();
    let (members, _) = pairs(&store, PEOPLE).await;
    // In many chats, and all in one.
    for (workload, chats) in [("expiry", PEOPLE), ("expiry-hot", 1)] {
        say(&store, &members[..chats], messages).await;
        let later = Ctx::new(Actor::System, now().plus(Duration::from_secs(60)), "bench");
        let start = Instant::now();
        while store.lifetimes.expire(&later).await.unwrap() >= EXPIRED_AT_ONCE {}
        print(workload, peer, messages, start);
    }
    schedule(&store, &members, messages).await;
    let later = Ctx::new(Actor::System, now().plus(Duration::from_secs(30 * 24 * 3600)), "bench");
    let start = Instant::now();
    while store.scheduled.send_due(&later).await.unwrap() >= SENT_AT_ONCE {}
    print("scheduled", peer, messages, start);
}

fn print(workload: &str, peer: &str, messages: usize, start: Instant) {
    harness::print(workload, peer, messages as f64 / start.elapsed().as_secs_f64(), None);
}

async fn say(store: &Store, members: &[(SignedIn, ChatId)], messages: usize) {
    let sends = (0..messages).map(|n| async move {
        let (person, chat) = &members[n % members.len()];
        let new = NewMessage::from_json(json!({"content": TEXT, "lifetime": {"seconds": 5}})).unwrap();
        store.messaging.send(&by(store, person), *chat, new).await.unwrap();
    });
    stream::iter(sends).buffer_unordered(CALLS).collect::<Vec<()>>().await;
}

async fn schedule(store: &Store, members: &[(SignedIn, ChatId)], messages: usize) {
    let first = now().plus(Duration::from_secs(1800));
    let calls = (0..messages).map(|n| async move {
        let (person, chat) = &members[n % members.len()];
        let minute = n / members.len() / MOST_IN_A_MINUTE;
        let at = first.plus(Duration::from_secs(60 * minute as u64));
        let new = NewMessage::from_json(json!({"content": TEXT, "send_at": at})).unwrap();
        store.scheduled.schedule(&by(store, person), *chat, new).await.unwrap();
    });
    stream::iter(calls).buffer_unordered(CALLS).collect::<Vec<()>>().await;
}
