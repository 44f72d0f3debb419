//! Everybody has so many, at all nodes together.

use std::net::IpAddr;

use clowder_core::{Id, Timestamp};
use clowder_infra::keys::Keys;
use clowder_tests::{Redis, unique, until};

use super::*;

/// A node of the database with this secret. It has as much patience as a busy machine needs.
async fn node(redis: &Redis, secret: &str, lease: Duration) -> Sockets {
    let counting = Counting::start(&redis.url(), &Keys::new(secret), Duration::from_secs(10)).unwrap();
    let shared = SharedSockets::new(Arc::new(counting), lease).unwrap();
    until("Redis counts", async || shared.works()).await;
    Sockets::over(Some(shared))
}

async fn open(node: &Sockets, key: Key, count: usize) -> Vec<Held> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(node.open(key).await.expect("there is no room"));
    }
    held
}

/// What Redis knows is told in the background.
async fn until_there_is_room(node: &Sockets, key: Key) -> Held {
    let mut held = None;
    until("there is room", async || {
        held = node.open(key).await;
        held.is_some()
    })
    .await;
    held.unwrap()
}

/// Without Redis and with it, nothing counted yet.
async fn each(redis: &Redis) -> [Sockets; 2] {
    [Sockets::default(), node(redis, &unique(), LEASE).await]
}

fn somebody() -> Key {
    Key::User(Id::new(Timestamp::from_micros(1)))
}

#[actix_web::test]
async fn everybody_has_so_many_and_leaves_no_trace() {
    let (now, redis) = (Timestamp::from_micros(1), Redis::start().await);
    for sockets in each(&redis).await {
        for (key, most) in [
            (Key::User(Id::new(now)), 50),
            (Key::User(Id::new(now)), 50),
            (Key::Program(Id::new(now)), 50),
            (Key::Address(IpAddr::from([192, 0, 2, 1])), 500),
            (Key::Address(IpAddr::from([192, 0, 2, 2])), 500),
        ] {
            let mut held = open(&sockets, key, most).await;
            assert!(sockets.open(key).await.is_none(), "{key:?}");
            assert!(Sockets::limit(key).starts_with(&format!("At most {most} sockets")), "{key:?}");
            held.pop();
            held.push(until_there_is_room(&sockets, key).await);
            assert!(sockets.open(key).await.is_none(), "{key:?}");
        }
        assert!(sockets.lock().is_empty());
    }
    until("Redis has forgotten them", async || redis.order("KEYS {clowder:*}:sockets:*").await == "*0").await;
}

#[actix_web::test]
async fn who_is_told_why_a_socket_ended_takes_no_room_but_is_counted() {
    let redis = Redis::start().await;
    for sockets in each(&redis).await {
        let key = somebody();
        let mut leaving = Vec::new();
        for _ in 0..MOST_OF_ONE {
            leaving.push(until_there_is_room(&sockets, key).await.leave().expect("it may be told"));
        }
        let mut held = Vec::new();
        for _ in 0..MOST_OF_ONE {
            held.push(until_there_is_room(&sockets, key).await);
        }
        assert!(held.into_iter().all(|held| held.leave().is_none()), "as many are told already");
        leaving.pop();
        leaving.push(until_there_is_room(&sockets, key).await.leave().expect("one has been told"));
        drop(leaving);
        assert!(sockets.lock().is_empty() && sockets.leaving().is_empty());
    }
}

#[actix_web::test]
async fn nodes_of_one_database_count_together_and_others_do_not() {
    let (redis, secret) = (Redis::start().await, unique());
    let [here, there] = [node(&redis, &secret, LEASE).await, node(&redis, &secret, LEASE).await];
    let other = node(&redis, &unique(), LEASE).await;
    let key = somebody();
    let mut first = open(&here, key, 30).await;
    let second = open(&there, key, 20).await;
    assert!(here.open(key).await.is_none() && there.open(key).await.is_none());
    let elsewhere = (open(&other, key, 1).await, open(&here, somebody(), 1).await);
    first.pop();
    let last = until_there_is_room(&there, key).await;
    assert!(here.open(key).await.is_none(), "what was refused before takes no room, nor makes any");
    drop((first, second, last, elsewhere));
    until("Redis has forgotten them", async || redis.order("KEYS {clowder:*}:sockets:*").await == "*0").await;
}

#[actix_web::test]
async fn the_sockets_of_a_dead_node_count_no_longer_than_its_lease() {
    let (redis, secret, lease) = (Redis::start().await, unique(), Duration::from_secs(2));
    let [here, there] = [node(&redis, &secret, lease).await, node(&redis, &secret, lease).await];
    let third = node(&redis, &secret, lease).await;
    let key = somebody();
    let (_here, there_held) = (open(&here, key, 20).await, open(&there, key, 30).await);
    assert!(here.open(key).await.is_none());
    // It dies without a word, and the other one goes on.
    std::mem::forget(there_held);
    let renewed = async {
        loop {
            here.renew().await;
            // Leases end by the clock of Redis, which no test can set.
            tokio::time::sleep(lease / 8).await;
        }
    };
    let room = async {
        let held = until_there_is_room(&here, key).await;
        (held, open(&here, key, 29).await)
    };
    tokio::select! {
        () = renewed => {}
        _held = room => {
            assert!(here.open(key).await.is_none(), "its own are not forgotten meanwhile");
            assert!(third.open(key).await.is_none(), "and others know of them");
        }
    }
}

#[actix_web::test]
async fn without_redis_each_node_counts_its_own_until_it_returns() {
    let (mut redis, secret) = (Redis::start().await, unique());
    let [here, there] = [node(&redis, &secret, LEASE).await, node(&redis, &secret, LEASE).await];
    let key = somebody();
    let mut held = open(&here, key, 40).await;
    redis.kill();
    // A refusal may still be on its way.
    let mut more = vec![until_there_is_room(&there, key).await];
    more.extend(open(&there, key, 49).await);
    held.extend(open(&here, key, 10).await);
    assert!(here.open(key).await.is_none() && there.open(key).await.is_none());
    redis.start_again().await;
    let works = |node: &Sockets| node.0.shared.as_ref().unwrap().works();
    until("both count in Redis", async || works(&here) && works(&there)).await;
    // It has forgotten everything, and hears of it again.
    held.pop();
    more.clear();
    here.renew().await;
    let one = open(&there, key, 1).await;
    assert!(there.open(key).await.is_none(), "there are 49 at the other node");
    drop((held, one));
}
