//! Faults of every kind under random traffic, checked against an independent record: nothing durable is lost, nothing
//! comes twice, and the order is kept.
//!
//! `make chaos` runs it for as long as `CHAOS_SECONDS` says, and prints a scorecard.

mod cluster;
mod follower;
mod record;
mod writer;

use std::{sync::Arc, time::Duration};

use clowder_tests::{setting, until};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use self::{
    cluster::{Cluster, Fault},
    follower::Follower,
    record::Record,
    writer::Writer,
};

/// People, and how many are in a chat. Each chat has others of them.
const PEOPLE: usize = 120;
const IN_A_CHAT: usize = 20;
const CHATS: usize = 18;
/// How long followers may take to hear of everything after the last fault.
const AT_LAST: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    run(3, true).await;
    run(2, false).await;
}

async fn run(nodes: usize, with_redis: bool) {
    let number = |name, otherwise: u64| setting(name).map_or(otherwise, |text| text.parse().unwrap());
    let seconds = number("CHAOS_SECONDS", 60);
    let seed = number("CHAOS_SEED", std::process::id().into());
    println!("CHAOS_SEED={seed}");
    let mut dice = Dice::new(seed);
    let mut cluster = Cluster::start(nodes, with_redis).await;
    let record = Arc::new(Record::default());
    let people = writer::found(&cluster, PEOPLE, CHATS, IN_A_CHAT).await;

    let (stop, stopped) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    let (mut writers, mut followers) = (JoinSet::new(), JoinSet::new());
    let mut heard = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let follower = Follower::new(number, person, cluster.addresses(), Dice::new(dice.roll()));
        heard.push(follower.heard());
        followers.spawn(follower.run(ended.clone()));
    }
    until("all of them listen", async || heard.iter().all(|heard| heard.lock().unwrap().ready)).await;
    for person in &people {
        let writer = Writer::new(person, cluster.addresses(), Arc::clone(&record), Dice::new(dice.roll()));
        writers.spawn(writer.run(stopped.clone()));
    }
    let enough = Instant::now() + Duration::from_secs(seconds);
    let mut suffered = std::collections::BTreeMap::new();
    while Instant::now() < enough {
        let fault = dice.one(&Fault::all(with_redis));
        *suffered.entry(fault).or_insert(0) += 1;
        cluster.suffer(fault, &mut dice).await;
        tokio::time::sleep(Duration::from_millis(500 + dice.below(2_500))).await;
    }
    stop.send_replace(true);
    while let Some(done) = writers.join_next().await {
        done.expect("a writer failed");
    }
    let at_last = Instant::now() + AT_LAST;
    while Instant::now() < at_last && !heard.iter().all(|heard| record.is_heard_by(&heard.lock().unwrap())) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    end.send_replace(true);
    while let Some(done) = followers.join_next().await {
        done.expect("a follower failed");
    }
    let score = record.score(&heard);
    println!("{nodes} nodes, {}, {seconds} s", if with_redis { "Redis" } else { "no Redis" });
    for (fault, times) in &suffered {
        println!("{fault:?}: {times}");
    }
    println!("{score}");
    assert!(score.is_clean(), "CHAOS_SEED={seed}");
}

/// Random numbers from a seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}
