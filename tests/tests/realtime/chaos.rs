//! The short version of `make chaos`.

use std::time::Duration;

use clowder_tests::chaos::{self, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_with_redis() {
    short(3, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_without_redis() {
    short(2, false).await;
}

async fn short(nodes: usize, with_redis: bool) {
    let (time, seed) = (Duration::from_secs(15), std::process::id().into());
    let scorecard = chaos::run(Plan { nodes, with_redis, people: 40, time, seed, other_binary: None }).await;
    assert!(scorecard.is_clean(), "{scorecard}");
}
