//! A node reads in the partition that a position is in, whatever it knows of those that other nodes opened or dropped.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use clowder_core::{Input, Topic, follow::Following, journal::Chunk};
use clowder_infra::Followed;
use clowder_messaging::{CHAT, NewMessage};
use serde_json::json;

use super::{KEEP, TURN, heads, nothing_is_wrong, segment, sweep, through_segments, told, world};
use crate::world::entries_after;

/// Old partitions are locked as nobody ever locks them: whoever looked into one would wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_partitions_are_enough_for_what_is_new() {
    let world = world().await;
    let [ada, bob] = world.people(["ada", "bob"]).await.map(Arc::new);
    let chats = [world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id];
    through_segments(&world, &ada, &chats, 6).await;
    let mut follower = world.store.follow().await.unwrap();
    let at = segment(&world);
    let mut locked = BTreeSet::new();
    let mut other = world.transaction();
    for old in at - 6..at {
        other.run(&format!("LOCK TABLE journal_{old} IN ACCESS EXCLUSIVE MODE"));
        locked.insert(old);
    }
    let there = world.another_node().await;
    // Often enough that a statement might get a plan for whatever is bound to it.
    let all = async {
        for n in 0..12 {
            let from = heads(&world).await;
            let text = format!("message {n}");
            let new = NewMessage::from_json(json!({"content": text})).unwrap();
            there.messaging.send(&world.ctx(&ada), chats[n % 2], new).await.unwrap();
            let step = follower.step().await.unwrap();
            assert!(matches!(step, Followed::Change(_)), "{step:?}");
            assert_eq!(told(&world, &bob, &chats, &from, Chunk::rows(9)).await, [text]);
            assert_eq!(world.store.journal.followed(bob.id, from).await.unwrap().len(), 2);
            let stream = world.scribe().stream_of(chats[n % 2]);
            let from = heads(&world).await.get(stream) - 1;
            assert_eq!(entries_after(&world.store, stream, from, Chunk::rows(9)).await.len(), 1);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("somebody looks into an old partition");
    assert_eq!(locked.len(), 6);
    other.commit();
}

/// A node hears of its own writes before it looks where the streams are by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_finds_what_it_wrote_into_a_segment_that_it_has_not_seen() {
    let world = world().await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let chats = [world.group(&ada, &[&bob]).await.id];
    let stream = world.scribe().stream_of(chats[0]);
    let other = world.another_node().await;
    let mut follower = world.store.follow().await.unwrap();
    let from = follower.known().clone();
    world.say(&ada, chats[0], "before").await;
    // Only the other one knows of the switch.
    world.wait(TURN);
    sweep(&world, &other, KEEP).await;
    world.say(&ada, chats[0], "after").await;
    for _ in 0..2 {
        follower.next().await.unwrap();
    }
    let followed: Arc<[Following]> = chats.iter().map(|chat| Topic::new(CHAT, *chat).into()).collect();
    let mut replay = world.store.journal.replay(bob.id, followed, from.clone(), follower.known().clone());
    let piece = replay.next(Chunk::rows(9)).await.unwrap().unwrap();
    let said: Vec<_> = piece.changes.iter().map(|change| change.position).collect();
    assert_eq!(said, [from.get(stream) + 1, from.get(stream) + 2]);

    world.say(&ada, chats[0], "and then").await;
    world.wait(TURN);
    sweep(&world, &other, KEEP).await;
    world.say(&ada, chats[0], "after that").await;
    let (mut position, mut found) = (from.get(stream), 0);
    while found < 4 {
        let entries = entries_after(&world.store, stream, position, Chunk::rows(9)).await;
        assert!(!entries.is_empty(), "{found} of 4 are found");
        for entry in entries {
            assert_eq!(entry.position, position + 1);
            (position, found) = (entry.position, found + 1);
        }
    }
    nothing_is_wrong(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_reads_past_what_another_one_has_dropped() {
    let world = world().await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let chats = [world.group(&ada, &[&bob]).await.id];
    let stream = world.scribe().stream_of(chats[0]);
    let from = heads(&world).await;
    through_segments(&world, &ada, &chats, 3).await;
    let asleep = world.another_node().await;
    let to = asleep.journal.extent().await.unwrap().heads;
    let followed: Arc<[Following]> = chats.iter().map(|chat| Topic::new(CHAT, *chat).into()).collect();
    let mut replay = asleep.journal.replay(bob.id, followed.clone(), from.clone(), to.clone());
    through_segments(&world, &ada, &chats, 9).await;
    let floor = world.store.journal.extent().await.unwrap().floors.get(stream);
    assert!(floor >= to.get(stream), "all that it knows is gone");
    while replay.next(Chunk::rows(9)).await.unwrap().is_some() {}
    assert_eq!(
        asleep
            .journal
            .replay(bob.id, followed, from.clone(), to)
            .next(Chunk::rows(9))
            .await
            .unwrap()
            .unwrap()
            .changes
            .len(),
        0
    );
    let entries = entries_after(&asleep, stream, from.get(stream), Chunk::rows(99)).await;
    assert_eq!(entries[0].position, floor + 1);
    assert_eq!(asleep.journal.followed(bob.id, from).await.unwrap().len(), 1);
    asleep.follow().await.unwrap();
}
