//! Faults of every kind under random traffic, checked against an independent record: nothing durable is lost, nothing
//! comes twice, the order is kept, and whoever has left hears nothing more. It begins with a rolling upgrade.
//!
//! `make chaos` runs it for a long time, and a test for a short one.

mod cluster;
mod follower;
mod record;
mod state;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet, time::Instant};

use self::{
    cluster::{Cluster, Fault},
    follower::Follower,
    record::{Record, Score},
    state::Compared,
    writer::{Pair, Writer},
};
use crate::{until, within};

/// How many people are in a chat. Each chat has others of them.
const IN_A_CHAT: usize = 20;
/// How long nothing may be heard after the last fault while something is still missing.
const AT_LAST: Duration = Duration::from_secs(60);

/// What happens, and for how long.
pub struct Plan {
    pub nodes: usize,
    pub with_redis: bool,
    pub people: usize,
    pub time: Duration,
    /// The same seed draws the same faults and choices.
    pub seed: u64,
    /// An earlier version of the server, from which the cluster is upgraded while people talk. Afterwards each start of a
    /// node draws one of the two.
    pub other_binary: Option<PathBuf>,
}

/// What a run was like, and what came of it.
pub struct Scorecard {
    plan: Plan,
    suffered: BTreeMap<Fault, usize>,
    score: Score,
    compared: Compared,
}

/// Lets much be said that some do not read, until the first of them overflows; before anything else breaks its connection, a
/// client reads why it was closed. The server waits for that only so long: on a busy machine it may take another try.
async fn overflow(cluster: &Cluster, flood: &watch::Sender<bool>, is_told: impl Fn() -> bool) {
    for _ in 0..5 {
        flood.send_replace(true);
        let before = cluster.overflows().await;
        within(AT_LAST, "a socket overflows", async || cluster.overflows().await > before).await;
        flood.send_replace(false);
        let enough = Instant::now() + Duration::from_secs(20);
        while Instant::now() < enough {
            if is_told() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("no client is told that it did not read");
}

/// Lets people write and listen while one thing after another fails.
pub async fn run(plan: Plan) -> Scorecard {
    let mut dice = Dice::new(plan.seed);
    let mut cluster = Cluster::start(plan.nodes, plan.with_redis, plan.other_binary.clone()).await;
    let record = Arc::new(Record::default());
    let people = writer::found(&cluster, plan.people, IN_A_CHAT).await;

    let (stop, stopped) = watch::channel(false);
    let (flood, flooded) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    let (mut writers, mut followers) = (JoinSet::new(), JoinSet::new());
    let mut heard = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let follower = Follower::new(number, person, cluster.addresses(), flooded.clone(), Dice::new(dice.roll()));
        heard.push(follower.heard());
        followers.spawn(follower.run(ended.clone()));
    }
    until("all of them listen", async || heard.iter().all(|heard| heard.lock().unwrap().ready)).await;
    for (number, person) in people.iter().enumerate() {
        let (pair, record) = (Pair::of(number, &people), Arc::clone(&record));
        let dice = Dice::new(dice.roll());
        let writer = Writer::new(person, pair, cluster.addresses(), record, flooded.clone(), dice);
        writers.spawn(writer.run(stopped.clone()));
    }
    let chats: BTreeSet<_> = people.iter().flat_map(|person| person.chats.keys()).collect();
    cluster.upgrade(&chats.into_iter().collect::<Vec<_>>()).await;
    let is_told = || heard.iter().any(|heard| heard.lock().unwrap().overflows > 0);
    overflow(&cluster, &flood, is_told).await;
    let enough = Instant::now() + plan.time;
    let (mut suffered, mut left) = (BTreeMap::new(), Vec::new());
    while Instant::now() < enough {
        // All of them, in any order, before one comes again.
        if left.is_empty() {
            left = Fault::all(plan.with_redis);
        }
        let fault = left.swap_remove(dice.below(left.len() as u64) as usize);
        *suffered.entry(fault).or_insert(0) += 1;
        cluster.suffer(fault, &mut dice).await;
        tokio::time::sleep(Duration::from_millis(500 + dice.below(2_500))).await;
    }
    stop.send_replace(true);
    while let Some(done) = writers.join_next().await {
        done.expect("a writer failed");
    }
    // However much is left, and however slow the machine is: as long as more is heard.
    let mut last = (0, Instant::now());
    while last.1.elapsed() < AT_LAST && !heard.iter().all(|heard| record.is_heard_by(&heard.lock().unwrap())) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let deliveries: usize = heard.iter().map(|heard| heard.lock().unwrap().deliveries).sum();
        if deliveries > last.0 {
            last = (deliveries, Instant::now());
        }
        if let Some(done) = followers.try_join_next() {
            done.expect("a follower failed");
        }
    }
    let compared = state::compare(&cluster.addresses(), &people, &heard).await;
    end.send_replace(true);
    while let Some(done) = followers.join_next().await {
        done.expect("a follower failed");
    }
    let heard: Vec<_> = heard.iter().map(|heard| heard.lock().unwrap()).collect();
    let score = record.score(heard.iter().map(|heard| &**heard));
    drop(heard);
    Scorecard { plan, suffered, score, compared }
}

impl Scorecard {
    /// Nothing was lost, repeated, reordered, told to people who had left, or answered with an error that no fault explains,
    /// and what clients know from events is what the server says.
    pub fn is_clean(&self) -> bool {
        self.score.is_clean() && self.compared.is_clean()
    }
}

impl fmt::Display for Scorecard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { nodes, with_redis, people, time, seed, other_binary } = &self.plan;
        let redis = if *with_redis { "with Redis" } else { "without Redis" };
        let versions = match other_binary {
            Some(_) => ", upgraded from an earlier version, and then of both",
            None => ", upgraded to the schema and events of a version that does not exist",
        };
        writeln!(f, "{nodes} nodes {redis}{versions}, {people} people, {} s, CHAOS_SEED={seed}", time.as_secs())?;
        let faults: Vec<_> = self.suffered.iter().map(|(fault, times)| format!("{fault:?} {times}")).collect();
        writeln!(f, "faults: {} ({})", self.suffered.values().sum::<usize>(), faults.join(", "))?;
        write!(f, "{}{}", self.score, self.compared)
    }
}

/// Random numbers from a seed (splitmix64).
struct Dice(u64);

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

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }
}
