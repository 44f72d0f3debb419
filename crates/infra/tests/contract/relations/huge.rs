//! Threads with more answers than anybody reads: whatever is done with one costs what it costs with a short one.

use std::time::{Duration, Instant};

use clowder_core::{ChatId, MessageId, Page, PageRequest, Result};
use clowder_messaging::{Message, NewRead, Window, relations::Thread};

use super::{answer, seen};
use crate::{
    counted::Counted,
    world::{Person, World, on_both},
};

/// How many answers a long thread has, and a short one.
const LONG: i64 = 12_000;
const SHORT: i64 = 120;

/// A thread of one's own with so many answers of somebody else, all unread.
async fn thread(world: &World, who: &Person, other: &Person, answers: i64) -> (ChatId, MessageId) {
    let chat = world.group(who, &[other]).await.id;
    let root = world.say(who, chat, "the root").await.id;
    // The first one as it is written, the others as rows like it.
    let first = answer(world, other, chat, "an answer", root).await;
    let more = answers - 1;
    let (id, series) = if world.is_postgres() {
        ("gen_random_uuid()", format!("generate_series(1, {more}) AS s(n)"))
    } else {
        let series = format!("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {more})");
        ("randomblob(16)", format!("({series} SELECT n FROM t) s"))
    };
    let [chat_id, root_id, first_id, other_id] =
        [world.literal(chat), world.literal(root), world.literal(first.id), world.literal(other.id)];
    world.batch(&format!(
        "INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version, thread_id)
           SELECT {id}, m.chat_id, m.seq + s.n, m.type, m.sender_id, m.content, m.created_at, 1, m.thread_id
           FROM messages m, {series} WHERE m.id = {first_id};
         UPDATE messages SET replies = {answers} WHERE id = {root_id};
         UPDATE chats SET last_seq = last_seq + {more} WHERE id = {chat_id};
         UPDATE participants SET own_after_read = own_after_read + {more}
           WHERE chat_id = {chat_id} AND user_id = {other_id};"
    ));
    (chat, root)
}

/// How long something takes at best, out of some tries.
#[derive(Debug, Clone, Copy)]
struct Cost {
    statements: usize,
    time: Duration,
}

impl Cost {
    const MOST: Self = Self { statements: usize::MAX, time: Duration::MAX };

    fn or(self, other: Self) -> Self {
        Self { statements: self.statements.min(other.statements), time: self.time.min(other.time) }
    }
}

async fn cost<T, F: Future<Output = Result<T>>>(counted: &Counted<'_>, tries: usize, call: impl Fn() -> F) -> Cost {
    let mut best = Cost::MOST;
    for _ in 0..tries {
        let begun = Instant::now();
        let (_, statements) = counted.taken(call()).await;
        best = best.or(Cost { statements, time: begun.elapsed() });
    }
    best
}

/// What can be done with a thread, and what it costs.
async fn costs(
    world: &World,
    counted: &Counted<'_>,
    who: &Person,
    other: &Person,
    (chat, root): (ChatId, MessageId),
    answers: i64,
) -> Vec<(&'static str, Cost)> {
    let (mine, theirs) = (world.ctx(who), world.ctx(other));
    let relations = &counted.node.relations;
    let mut costs = Vec::new();
    let last = seen(world, who, root).await.seq + answers;
    for (what, window) in [
        ("its end", Window::Before(i64::MAX)),
        ("its beginning", Window::After(0)),
        ("its middle", Window::After(last - answers / 2)),
    ] {
        let page = cost(counted, 9, || relations.thread(&mine, root, window, 50));
        costs.push((what, page.await));
    }
    let unread = || relations.threads(&mine, Some(true), PageRequest::default());
    costs.push(("the list of threads", cost(counted, 9, unread).await));
    costs.push(("the root", cost(counted, 9, || counted.node.messaging.message(&mine, root)).await));
    let mut read = Cost::MOST;
    for seq in 1..=5 {
        let on = NewRead { seq: last - answers + 1 + seq };
        read = read.or(cost(counted, 1, || relations.read_thread(&mine, root, on)).await);
    }
    costs.push(("reading on", read));
    let (mut ended, mut begun, mut deleted) = (Cost::MOST, Cost::MOST, Cost::MOST);
    for _ in 0..5 {
        ended = ended.or(cost(counted, 1, || relations.unfollow_thread(&theirs, root)).await);
        begun = begun.or(cost(counted, 1, || relations.follow_thread(&theirs, root)).await);
        let said = answer(world, other, chat, "one more", root).await.id;
        deleted = deleted.or(cost(counted, 1, || counted.node.messaging.delete(&mine, said, None)).await);
    }
    costs.extend([("stopping to follow it", ended), ("following it", begun), ("deleting an answer", deleted)]);
    // This can be done only once, so chance has a say in it.
    let only = cost(counted, 1, || counted.node.messaging.delete(&mine, root, None)).await;
    costs.push(("deleting its root", Cost { time: only.time / 3, ..only }));
    costs
}

on_both! {
    async fn a_long_thread_costs_what_a_short_one_does(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        // What is done once is done here, so that what differs is the length.
        let first = thread(&world, &ada, &bob, SHORT).await;
        let short = thread(&world, &ada, &bob, SHORT).await;
        let long = thread(&world, &ada, &bob, LONG).await;
        world.batch("ANALYZE");
        let followed = world.store.relations.threads(&world.ctx(&ada), Some(true), PageRequest::default()).await.unwrap();
        let unread = |root: MessageId| followed.items.iter().find(|one| one.root.id == root).unwrap().unread_count;
        assert_eq!((unread(short.1), unread(long.1)), (SHORT, 1_000), "a thousand are counted at most");
        let counted = Counted::new(&world).await;
        costs(&world, &counted, &ada, &bob, first, SHORT).await;
        let short = costs(&world, &counted, &ada, &bob, short, SHORT).await;
        let of_long = costs(&world, &counted, &ada, &bob, long, LONG).await;
        for ((what, small), (_, large)) in short.iter().zip(&of_long) {
            // Once in a while, something is looked up again.
            assert!(large.statements <= small.statements + 2, "{what}: {small:?}, {large:?}");
            // A hundred times as many answers: whoever looked at all of them would take much longer than that.
            assert!(large.time < 5 * small.time + Duration::from_millis(30), "{what}: {small:?}, {large:?}");
        }
        let root = seen(&world, &ada, long.1).await;
        assert!(root.deleted_at.is_some());
        assert!(matches!(root.thread, Some(Thread { count: LONG, .. })), "the thread stays: {:?}", root.thread);
        let page: Page<Message> =
            world.store.relations.thread(&world.ctx(&bob), long.1, Window::After(0), 200).await.unwrap();
        assert_eq!((page.items.len(), page.next_cursor.is_some()), (200, true));
    }
}
