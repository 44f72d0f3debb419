//! Nodes count together, whatever happens to Redis.

use std::{sync::Arc, time::Instant};

use clowder_infra::{counting::Counting, keys::Keys};
use clowder_tests::{Redis, unique, until};

use super::{
    super::tests::{key, node},
    *,
};

/// How much is left of ten units, of which one comes back in two seconds.
const FACTOR: f64 = 0.01;

async fn take(node: &RedisLimits, who: u8) -> u32 {
    node.take(Policy::Default, key(who), 1).await.remaining
}

/// A node as it is in a server.
fn impatient(redis: &Redis, secret: &str) -> RedisLimits {
    let counting = Counting::start(&redis.url(), &Keys::new(secret), RedisLimits::PATIENCE).unwrap();
    RedisLimits::new(SharedRates::new(Arc::new(counting)), FACTOR)
}

/// Asks until both count in Redis, where one sees what the other takes.
async fn until_shared(nodes: [&RedisLimits; 2]) {
    let mut who = 100;
    until("the nodes count together", async || {
        who += 1;
        take(nodes[0], who).await == 9 && take(nodes[1], who).await == 8
    })
    .await;
}

#[actix_web::test]
async fn nodes_of_one_database_share_a_budget_and_others_do_not() {
    let redis = Redis::start().await;
    let (url, secret) = (redis.url(), unique());
    let [here, there] = [node(&url, &secret, FACTOR).await, node(&url, &secret, FACTOR).await];
    let other = node(&url, &unique(), FACTOR).await;
    for left in (0..10).rev() {
        assert_eq!(take(if left % 2 == 0 { &here } else { &there }, 1).await, left);
    }
    for node in [&here, &there] {
        assert!(node.take(Policy::Default, key(1), 1).await.retry_after.is_some());
        assert_eq!(node.look(Policy::Default, key(1)).await.remaining, 0);
    }
    assert_eq!(there.owe(Policy::Default, key(2), 4).await.remaining, 6);
    assert_eq!(here.look(Policy::Default, key(2)).await.remaining, 6);
    assert_eq!(take(&other, 1).await, 9, "another database");
}

#[actix_web::test]
async fn what_is_full_again_leaves_no_trace() {
    let redis = Redis::start().await;
    let secret = unique();
    // A unit comes back in 20 ms.
    let quick = node(&redis.url(), &secret, 1.0).await;
    quick.look(Policy::Default, key(1)).await;
    for who in 0..100 {
        quick.take(Policy::Default, key(who), 10).await;
    }
    until("Redis has forgotten them", async || redis.order("DBSIZE").await == ":0").await;
    let slow = node(&redis.url(), &secret, FACTOR).await;
    assert_eq!(take(&slow, 1).await, 9);
    let held = format!("PTTL {}default:address:192.0.2.1", slow.shared.prefix());
    let expires: i64 = redis.order(&held).await.trim_start_matches(':').parse().unwrap();
    assert!((1..=2000).contains(&expires), "{expires}");
    assert!(!held.contains(&secret), "{held}");
}

#[actix_web::test]
async fn a_clock_that_goes_back_refuses_nobody_for_ever() {
    let redis = Redis::start().await;
    let node = node(&redis.url(), &unique(), FACTOR).await;
    let key_of = format!("{}default:address:192.0.2.1", node.shared.prefix());
    // All was used in the year 2286.
    assert_eq!(redis.order(&format!("SET {key_of} \"20000000000 9999999999 0\"")).await, "+OK");
    assert_eq!(node.take(Policy::Default, key(1), 1).await.retry_after, Some(2), "nothing has come back yet");
    let expires: i64 = redis.order(&format!("PTTL {key_of}")).await.trim_start_matches(':').parse().unwrap();
    assert!((1..=20_000).contains(&expires), "{expires}");
    until("a unit has come back", async || node.look(Policy::Default, key(1)).await.remaining == 1).await;
}

#[actix_web::test]
async fn what_redis_forgets_makes_no_call_fail() {
    let redis = Redis::start().await;
    let secret = unique();
    let [here, there] = [node(&redis.url(), &secret, FACTOR).await, node(&redis.url(), &secret, FACTOR).await];
    assert_eq!(take(&here, 1).await, 9);
    assert_eq!(redis.order("SCRIPT FLUSH").await, "+OK");
    assert_eq!((take(&there, 1).await, take(&here, 1).await), (8, 7), "the script is loaded again");
    redis.flush().await;
    assert_eq!((take(&there, 1).await, take(&here, 1).await), (9, 8), "everybody begins anew");
    assert!(here.shared.works() && there.shared.works());
}

#[actix_web::test]
async fn without_redis_each_node_counts_for_itself_and_nobody_waits() {
    let mut redis = Redis::start().await;
    let secret = unique();
    let [here, there] = [(); 2].map(|()| impatient(&redis, &secret));
    until_shared([&here, &there]).await;
    for fault in ["frozen", "dead", "read-only"] {
        match fault {
            "frozen" => redis.freeze(),
            "dead" => redis.kill(),
            _ => assert_eq!(redis.order("CONFIG SET min-replicas-to-write 1").await, "+OK"),
        }
        let who = fault.len() as u8;
        let (began, mut longest) = (Instant::now(), Duration::ZERO);
        for _ in 0..500 {
            let asked = Instant::now();
            here.take(Policy::Default, key(who), 1).await;
            longest = longest.max(asked.elapsed());
        }
        let took = began.elapsed();
        assert!(longest < RedisLimits::PATIENCE * 4, "{fault}: one call waited {longest:?}");
        assert!(took < RedisLimits::PATIENCE * 20, "{fault}: 500 calls waited {took:?}");
        assert!(!here.shared.works(), "{fault}");
        assert!(here.take(Policy::Default, key(who), 1).await.retry_after.is_some(), "{fault}: it still counts");
        until("the other has noticed", async || take(&there, who).await < 9 && !there.shared.works()).await;
        match fault {
            "frozen" => redis.thaw(),
            "dead" => redis.start_again().await,
            _ => assert_eq!(redis.order("CONFIG SET min-replicas-to-write 0").await, "+OK"),
        }
        until_shared([&here, &there]).await;
    }
}
