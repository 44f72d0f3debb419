//! What the benchmarks of the store share: people, rates, and how they are printed.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_accounts::{NewAccount, SignedIn};
use clowder_core::{Actor, ChatId, Ctx, Input, Timestamp};
use clowder_infra::{DatabaseUrl, Store};
use clowder_messaging::{NewChat, NewMessage};
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, sql_query};
use serde_json::{Value, json};

pub const TEXT: &str = "an ordinary chat message of about one hundred bytes, no more than that, sent and kept for good";

pub fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

pub fn by(store: &Store, who: &SignedIn) -> Ctx {
    let now = now();
    Ctx::new(store.accounts.identify(&who.access, now).unwrap().actor, now, "bench")
}

/// The name of a store in the rows.
pub fn name(url: &DatabaseUrl) -> &'static str {
    if url.is_embedded() { "store-sqlite" } else { "store-postgres" }
}

/// Prints a row in the format that `bench/ratios.py` reads.
pub fn print(workload: &str, peer: &str, rate: f64, cpu_micros: Option<f64>) {
    let cpu_us = cpu_micros.map(f64::round);
    println!(
        "{}",
        json!({"peer": peer, "workload": workload, "ok_per_s": (rate * 10.0).round() / 10.0, "cpu_us": cpu_us})
    );
}

/// Runs statements beside the store, each with a form for each database.
pub fn meddle(url: &DatabaseUrl, statements: &[(&str, &str)]) {
    for (postgres, sqlite) in statements {
        match url {
            DatabaseUrl::Postgres(url) => sql_query(*postgres).execute(&mut PgConnection::establish(url).unwrap()),
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                sql_query("PRAGMA busy_timeout = 60000").execute(&mut conn).unwrap();
                sql_query(*sqlite).execute(&mut conn)
            }
        }
        .unwrap();
    }
}

/// Registers people.
pub async fn people(store: &Store, count: usize) -> Vec<SignedIn> {
    let mut people = Vec::new();
    for n in 0..count {
        let name = format!("p{}x{n}", now().as_micros());
        let new = json!({"username": name, "email": format!("{name}@x.org"), "password": "correct horse"});
        let ctx = Ctx::new(Actor::Nobody, now(), "bench");
        let registered = store.accounts.register(&ctx, NewAccount::from_json(new).unwrap()).await.unwrap();
        people.push(registered.signed_in().unwrap());
    }
    people
}

pub async fn chat(store: &Store, owner: &SignedIn, new: Value) -> ChatId {
    let new = NewChat::from_json(new).unwrap();
    store.messaging.create_chat(&by(store, owner), new).await.unwrap().into_inner().id
}

/// People, each in a chat of their own with one other, like the load generator's; and this other one.
pub async fn pairs(store: &Store, count: usize) -> (Vec<(SignedIn, ChatId)>, SignedIn) {
    let mut people = people(store, count + 1).await;
    let last = people.pop().unwrap();
    let mut members = Vec::new();
    for person in people {
        let new = json!({"type": "private", "participant_ids": [last.user.id]});
        let chat = chat(store, &person, new).await;
        members.push((person, chat));
    }
    (members, last)
}

pub async fn send(store: &Store, who: &SignedIn, chat: ChatId) {
    let new = NewMessage::from_json(json!({"content": TEXT})).unwrap();
    store.messaging.send(&by(store, who), chat, new).await.unwrap();
}

/// Lets clients repeat a call for some seconds, after one to warm up, and prints the rate.
pub async fn measure<B, F>(
    bench: &Arc<B>,
    peer: &str,
    workload: &str,
    clients: usize,
    seconds: u64,
    call: fn(Arc<B>, usize) -> F,
) where
    B: Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..clients)
        .map(|who| {
            let (bench, done, stop) = (Arc::clone(bench), Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    call(Arc::clone(&bench), who).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, cpu, start) = (done.load(Ordering::Relaxed), cpu_seconds(), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let n = (done.load(Ordering::Relaxed) - before) as f64;
    let rate = n / start.elapsed().as_secs_f64();
    let micros = cpu.zip(cpu_seconds()).map(|(before, after)| (after - before) * 1e6 / n);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    print(workload, peer, rate, micros);
}

/// How long this process has run on a processor, which says more than a rate while others share the machine. Only Linux
/// reports it, in hundredths of a second.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: Vec<u64> = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    Some(ticks.iter().sum::<u64>() as f64 / 100.0)
}
