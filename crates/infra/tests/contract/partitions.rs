//! The journal of PostgreSQL in partitions: writers, followers and resumes notice nothing of a switch, old partitions go as
//! a whole, nobody waits for that, and a sweep may end anywhere.

mod reading;
mod upgrade;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_core::{ChatId, Input, Positions, journal::Chunk};
use clowder_infra::{Followed, Store};
use clowder_messaging::{Message, NewMessage};
use serde_json::json;

use crate::{
    following::{heads, missed},
    world::{Person, World, entries_after},
};

/// For how long the journal is kept here: then a segment has its time after ten minutes.
const KEEP: Duration = Duration::from_secs(70 * 60);
const TURN: Duration = Duration::from_secs(10 * 60);

/// What must never be.
const WRONG: &[(&str, &str)] = &[
    (
        "a position that is given out twice",
        "SELECT count(*) FROM (SELECT FROM journal GROUP BY stream, position HAVING count(*) > 1) twice",
    ),
    (
        "a segment that falls while positions rise",
        "SELECT count(*) FROM (SELECT segment < lag(segment) OVER (PARTITION BY stream ORDER BY position) AS falls FROM journal) s \
         WHERE falls",
    ),
    (
        "a change beyond the end of its segment",
        "SELECT count(*) FROM journal j JOIN journal_heads h ON h.stream = j.stream AND h.segment = j.segment AND j.position > h.head",
    ),
    (
        "a gap",
        "SELECT count(*) FROM streams s WHERE s.head - s.floor <> \
         (SELECT count(*) FROM journal j WHERE j.stream = s.stream AND j.position > s.floor)",
    ),
    ("a change that is in no segment", "SELECT count(*) FROM journal WHERE segment < 0"),
    (
        "a partition that nobody knows of",
        "SELECT count(*) FROM pg_class c WHERE c.relkind = 'r' AND c.relname ~ '^journal_[0-9]+$' AND NOT (c.relispartition \
         AND EXISTS (SELECT FROM journal_segments s WHERE 'journal_' || s.segment = c.relname))",
    ),
];

/// A world in which time is measured from now on.
async fn world() -> Arc<World> {
    let world = World::postgres().await;
    sweep(&world, &world.store, KEEP).await;
    world
}

fn nothing_is_wrong(world: &World) {
    for (wrong, query) in WRONG {
        assert_eq!(world.number(query), 0, "{wrong}");
    }
}

fn partitions(world: &World) -> i64 {
    world.number(
        "SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'journal'::regclass \
         AND c.relname ~ '[0-9]$'",
    )
}

/// The segment in which the streams are.
fn segment(world: &World) -> i64 {
    assert_eq!(world.number("SELECT count(DISTINCT segment) FROM streams"), 1);
    world.number("SELECT max(segment)::bigint FROM streams")
}

async fn sweep(world: &World, node: &Store, keep: Duration) -> usize {
    let mut gone = 0;
    loop {
        let went = node.journal.sweep(&world.nobody(), keep).await.unwrap();
        gone += went;
        if went == 0 {
            return gone;
        }
    }
}

/// A segment has its time.
async fn turn(world: &World) -> usize {
    world.wait(TURN);
    sweep(world, &world.store, KEEP).await
}

/// A message in each of so many segments; what was said.
async fn through_segments(world: &World, ada: &Person, chats: &[ChatId], segments: usize) -> Vec<String> {
    let mut said = Vec::new();
    let start = segment(world);
    for n in 0..segments {
        for (index, chat) in chats.iter().enumerate() {
            let text = format!("{n} in {index}");
            world.say(ada, *chat, &text).await;
            said.push(text);
        }
        turn(world).await;
        assert_eq!(segment(world), start + n as i64 + 1);
    }
    said
}

/// What was said in a chat, as a resume from these positions tells it.
async fn told(world: &World, who: &Person, chats: &[ChatId], from: &Positions, chunk: Chunk) -> Vec<String> {
    let missed = missed(&world.store, who.id, chats, from, chunk).await;
    let sent = missed.iter().filter(|change| &*change.name == "message.sent");
    sent.map(|change| serde_json::from_str::<Message>(change.data.get()).unwrap().content.unwrap_or_default()).collect()
}

fn sorted(mut of: Vec<String>) -> Vec<String> {
    of.sort();
    of
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_followers_notice_nothing_of_a_switch() {
    let world = world().await;
    let [ada] = world.people(["ada"]).await.map(Arc::new);
    let other = Arc::new(world.another_node().await);
    let mut chats = Vec::new();
    for _ in 0..6 {
        chats.push(world.group(&ada, &[]).await.id);
    }
    let mut followers = [world.store.follow().await.unwrap(), other.follow().await.unwrap()];
    let (from, start) = (heads(&world).await, segment(&world));
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|task| {
            let (world, other, ada, over) = (world.clone(), other.clone(), ada.clone(), over.clone());
            let chat = chats[task % chats.len()];
            tokio::spawn(async move {
                let (mut sent, mut longest) = (0_usize, Duration::ZERO);
                while !over.load(Ordering::Relaxed) {
                    let node = if task % 2 == 0 { &world.store } else { &*other };
                    let new = NewMessage::from_json(json!({"content": "x"})).unwrap();
                    let began = Instant::now();
                    let said = node.messaging.send(&world.ctx(&ada), chat, new).await.unwrap().into_inner();
                    longest = longest.max(began.elapsed());
                    sent += 1;
                    // It changes what stands in the journal before it takes its place.
                    if sent % 7 == 0 {
                        node.messaging.delete(&world.ctx(&ada), said.id, None).await.unwrap();
                        sent += 1;
                    }
                }
                (sent, longest)
            })
        })
        .collect();
    // Both nodes sweep at the same time, until there have been some segments.
    for _ in 0..6 {
        world.wait(TURN);
        let (here, there) = tokio::join!(sweep(&world, &world.store, KEEP), sweep(&world, &other, KEEP));
        assert_eq!(here + there, 0, "nothing is that old");
    }
    over.store(true, Ordering::Relaxed);
    let (mut sent, mut longest) = (0, Duration::ZERO);
    for writer in writers {
        let (of_one, wait) = writer.await.unwrap();
        sent += of_one;
        longest = longest.max(wait);
    }
    sweep(&world, &world.store, KEEP).await;
    assert!(segment(&world) >= start + 4, "{} of 6 switches", segment(&world) - start);
    nothing_is_wrong(&world);
    println!("{sent} changes, the longest send took {longest:?}");
    for follower in &mut followers {
        let mut known = from.clone();
        for _ in 0..sent {
            let step = follower.step().await.unwrap();
            let Followed::Change(change) = step else { panic!("{step:?}") };
            assert_eq!(change.position, known.get(change.stream) + 1, "in order, and nothing is left out");
            known.advance(change.stream, change.position);
        }
        assert_eq!(known, heads(&world).await);
    }
    world.changes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resume_goes_through_the_segments() {
    let world = world().await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let mut chats = Vec::new();
    for _ in 0..3 {
        chats.push(world.group(&ada, &[&bob]).await.id);
    }
    let from = heads(&world).await;
    let mut said = through_segments(&world, &ada, &chats, 3).await;
    let middle = heads(&world).await;
    let later = through_segments(&world, &ada, &chats, 3).await;
    said.extend(later.clone());
    // Another node knows nothing of the segments until it looks.
    let other = world.another_node().await;
    for chunk in [Chunk::rows(1), Chunk::rows(2), Chunk::rows(100), Chunk { rows: 100, octets: 1 }] {
        assert_eq!(sorted(told(&world, &bob, &chats, &from, chunk).await), sorted(said.clone()), "{chunk:?}");
        assert_eq!(sorted(told(&world, &bob, &chats, &middle, chunk).await), sorted(later.clone()), "{chunk:?}");
        assert_eq!(told(&world, &bob, &chats, &heads(&world).await, chunk).await, [""; 0]);
        let one = told(&world, &bob, &chats[..1], &from, chunk).await;
        assert_eq!(one, said.iter().filter(|text| text.ends_with("in 0")).cloned().collect::<Vec<_>>(), "in order");
        assert_eq!(missed(&other, bob.id, &chats, &from, chunk).await.len(), said.len());
    }
    for stream in 0..16 {
        let whole = entries_after(&world.store, stream, 0, Chunk::rows(1_000)).await;
        let positions: Vec<_> = whole.iter().map(|entry| entry.position).collect();
        assert_eq!(positions, (1..=heads(&world).await.get(stream)).collect::<Vec<_>>());
    }
    // What is deleted is rewritten wherever it stands.
    let page = world.store.messaging.messages(&world.ctx(&ada), chats[0], clowder_messaging::Window::After(0), 9).await;
    let first = page.unwrap().items.into_iter().next().unwrap();
    world.store.messaging.delete(&world.ctx(&ada), first.id, None).await.unwrap();
    assert_eq!(told(&world, &bob, &chats[..1], &from, Chunk::rows(9)).await[0], "");
    nothing_is_wrong(&world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_old_goes_as_a_whole_and_the_floor_says_so() {
    let world = world().await;
    let [ada] = world.people(["ada"]).await;
    let chats = [world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id];
    let (start, mut ends, mut gone) = (segment(&world), Vec::new(), 0);
    for n in 0..13 {
        for chat in chats {
            world.say(&ada, chat, &n.to_string()).await;
        }
        ends.push(heads(&world).await);
        gone += turn(&world).await;
        assert!(partitions(&world) <= 10, "seven for the time that is kept, one in use, one ahead, one on its way out");
        nothing_is_wrong(&world);
        let extent = world.store.journal.extent().await.unwrap();
        // Of the time that is kept, nothing is gone; and what is gone lies before the end of a segment.
        let kept = ends.len().saturating_sub(8);
        assert!(ends[kept..].iter().all(|end| extent.can_replay(end)), "{n}");
        assert!(n < 9 || ends.contains(&extent.floors), "{n}: {:?}", extent.floors);
        assert_eq!(gone, usize::try_from(extent.floors.as_slice().iter().sum::<i64>()).unwrap());
        if n >= 9 {
            assert!(!extent.can_replay(&ends[kept - 2]), "{n}");
            let since = told(&world, &ada, &chats, &extent.floors, Chunk::rows(3)).await;
            let expected = ends.iter().position(|end| *end == extent.floors).unwrap() + 1;
            let expected = (expected..=n).flat_map(|n| [n.to_string(), n.to_string()]);
            assert_eq!(sorted(since), sorted(expected.collect()));
        }
    }
    assert_eq!(segment(&world), start + 13);
    // Nothing was written since: there is nothing to cut.
    for _ in 0..3 {
        turn(&world).await;
    }
    assert_eq!(segment(&world), start + 13);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_sweep_that_has_to_wait() {
    let world = world().await;
    let [ada] = world.people(["ada"]).await.map(Arc::new);
    let chats: Vec<ChatId> = vec![world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id];
    through_segments(&world, &ada, &chats, 7).await;
    let (at, floors) = (segment(&world), world.store.journal.extent().await.unwrap().floors);
    let before = partitions(&world);

    // Somebody reads the journal for long, as a backup does, while the oldest segment comes to its end.
    let mut backup = world.transaction();
    backup.run("LOCK TABLE journal IN ACCESS SHARE MODE");
    let mut gone = 0;
    while gone == 0 {
        let (sweeping, ada_writes) = (turn(&world), world.say(&ada, chats[0], "meanwhile"));
        let began = Instant::now();
        let (went, _) = tokio::join!(sweeping, async {
            ada_writes.await;
            assert!(began.elapsed() < Duration::from_secs(1), "a send waited behind a sweep: {:?}", began.elapsed());
        });
        gone = went;
    }
    let raised = world.store.journal.extent().await.unwrap().floors;
    assert!(raised != floors, "it is said to be gone");
    let lowest = "SELECT min(segment)::bigint FROM journal_segments";
    let oldest = world.number(lowest);
    assert_eq!(world.number(&format!("SELECT count(*) FROM pg_class WHERE relname = 'journal_{oldest}'")), 1);
    world.changes().await;
    nothing_is_wrong(&world);
    backup.commit();
    assert_eq!(sweep(&world, &world.store, KEEP).await, 0, "it was counted when it was said to be gone");
    assert!(world.number(lowest) > oldest, "and then it goes");
    assert!(segment(&world) > at && partitions(&world) <= before + 1);
    nothing_is_wrong(&world);

    // Somebody holds a stream: it goes on later, and all others now.
    let stream = world.scribe().stream_of(chats[0]);
    world.say(&ada, chats[0], "before").await;
    let mut holder = world.transaction();
    holder.run(&format!("SELECT 1 FROM streams WHERE stream = {stream} FOR UPDATE"));
    let at = world.number("SELECT max(segment)::bigint FROM streams");
    turn(&world).await;
    assert_eq!(world.number(&format!("SELECT count(*) FROM streams WHERE segment = {at} AND stream = {stream}")), 1);
    assert_eq!(world.number(&format!("SELECT count(*) FROM streams WHERE segment = {}", at + 1)), 15);
    // Nor is there a further one until it has come.
    turn(&world).await;
    assert_eq!(world.number("SELECT max(segment)::bigint FROM streams"), at + 1);
    holder.commit();
    world.say(&ada, chats[0], "still in the old one").await;
    sweep(&world, &world.store, KEEP).await;
    assert_eq!(segment(&world), at + 1);
    world.say(&ada, chats[0], "in the new one").await;
    nothing_is_wrong(&world);
    world.changes().await;
}

/// What a sweep leaves that is killed between two of its statements, each of them on its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_may_end_anywhere() {
    let world = world().await;
    let [ada] = world.people(["ada"]).await;
    let chat = world.group(&ada, &[]).await.id;
    for left in [
        // The next segment is open, no stream has entered it, and there is none ahead.
        "UPDATE journal_segments SET opened = (SELECT max(measured) FROM journal_marks) WHERE opened IS NULL",
        // Some streams have entered it.
        "WITH e AS (UPDATE journal_segments SET opened = (SELECT max(measured) FROM journal_marks) WHERE opened IS NULL \
         RETURNING segment), \
         h AS (INSERT INTO journal_heads SELECT s.stream, s.segment, s.head FROM streams s WHERE s.stream < 9) \
         UPDATE streams SET segment = e.segment FROM e WHERE stream < 9",
        // The floors of some streams have been raised to the end of the oldest one.
        "UPDATE streams s SET floor = h.head FROM journal_heads h, (SELECT min(segment) AS oldest FROM journal_segments) o \
         WHERE h.stream = s.stream AND h.segment = o.oldest AND s.floor < h.head AND s.stream < 5",
    ] {
        through_segments(&world, &ada, &[chat], 8).await;
        world.say(&ada, chat, "before").await;
        world.meddle(left).unwrap();
        world.say(&ada, chat, "in between").await;
        nothing_is_wrong(&world);
        turn(&world).await;
        world.say(&ada, chat, "after").await;
        nothing_is_wrong(&world);
        assert!(segment(&world) > 0);
        assert_eq!(world.number("SELECT count(*) FROM journal_segments WHERE opened IS NULL"), 1, "there is one ahead");
        turn(&world).await;
        assert!(partitions(&world) <= 11);
        world.changes().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweepers_drop_what_is_old_beside_writers() {
    let world = world().await;
    let [ada] = world.people(["ada"]).await.map(Arc::new);
    let nodes = [Arc::new(world.another_node().await), Arc::new(world.another_node().await)];
    let mut chats = Vec::new();
    for _ in 0..4 {
        chats.push(world.group(&ada, &[]).await.id);
    }
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = chats
        .iter()
        .map(|chat| {
            let (world, ada, over, chat) = (world.clone(), ada.clone(), over.clone(), *chat);
            tokio::spawn(async move {
                let mut sent = 0;
                while !over.load(Ordering::Relaxed) {
                    world.say(&ada, chat, "x").await;
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    // Nothing is kept: each sweep cuts and drops.
    let sweepers: Vec<_> = nodes
        .iter()
        .map(|node| {
            let (world, node) = (world.clone(), node.clone());
            tokio::spawn(async move {
                let mut gone = 0;
                for _ in 0..12 {
                    gone += node.journal.sweep(&world.nobody(), Duration::ZERO).await.unwrap();
                }
                gone
            })
        })
        .collect();
    let mut gone = 0;
    for sweeper in sweepers {
        gone += sweeper.await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for writer in writers {
        sent += writer.await.unwrap();
    }
    nothing_is_wrong(&world);
    world.changes().await;
    gone += sweep(&world, &nodes[0], Duration::ZERO).await;
    let extent = world.store.journal.extent().await.unwrap();
    assert_eq!(extent.floors, extent.heads, "nothing is kept");
    assert_eq!(gone as i64, extent.heads.as_slice().iter().sum::<i64>(), "and each went once");
    assert!(sent > 0 && world.everything().await.is_empty());
    assert!(partitions(&world) <= 2);
}
