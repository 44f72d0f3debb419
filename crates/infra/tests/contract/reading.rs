//! Read marks: counted correctly under concurrency, and never by scanning a chat.

use std::{sync::Arc, time::Duration};

use clowder_core::{ChatId, Topic};
use clowder_infra::DatabaseUrl;
use clowder_messaging::{CHAT, NewRead, Read, Status};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};

use crate::{
    asked,
    world::{Person, World, beside, on_both},
};

/// Participants whose stored number of own messages differs from a count.
const WRONG_OWN: &str = "SELECT count(*) FROM participants p WHERE p.own_after_read <> (SELECT count(*) FROM messages m \
     WHERE m.chat_id = p.chat_id AND m.sender_id = p.user_id AND m.seq > p.read_seq)";
/// Chats whose two stored lowest marks differ from the real ones.
const WRONG_LOWEST: &str = "SELECT count(*) FROM chats c WHERE c.last_seq > 0 AND (c.lowest_read_seq <> (SELECT min(p.shown_read_seq) \
     FROM participants p WHERE p.chat_id = c.id) OR c.second_lowest_read_seq <> (SELECT p.shown_read_seq FROM participants p \
     WHERE p.chat_id = c.id ORDER BY p.shown_read_seq LIMIT 1 OFFSET 1))";

on_both! {
    async fn marks_and_sends_at_once_leave_right_numbers(world: World) {
        let mut people = Vec::new();
        for n in 0..6 {
            people.push(Arc::new(world.person(&format!("user{n}")).await));
        }
        let others: Vec<_> = people[1..].iter().map(|person| &**person).collect();
        let chat = world.group(&people[0], &others).await.id;
        let tasks: Vec<_> = (0..12_u64)
            .map(|n| {
                // Each has two devices.
                let (world, person) = (world.clone(), people[n as usize % 6].clone());
                tokio::spawn(async move {
                    // Different moves through the chat, the same in every run.
                    let mut dice = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    for _ in 0..30 {
                        dice ^= dice << 13;
                        dice ^= dice >> 7;
                        dice ^= dice << 17;
                        let last = world.store.messaging.chat(&world.ctx(&person), chat).await.unwrap().last_seq;
                        if dice.is_multiple_of(3) {
                            world.say(&person, chat, "x").await;
                        } else {
                            // Near the mark, near the end, or past it.
                            let seq = (dice >> 8) as i64 % (last + 2);
                            let ctx = world.ctx(&person);
                            let read = world.store.messaging.read(&ctx, chat, NewRead { seq }).await.unwrap();
                            assert!(read.seq >= seq.min(last));
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(world.number("SELECT last_seq FROM chats") > 60);
        assert_eq!((world.number(WRONG_OWN), world.number(WRONG_LOWEST)), (0, 0));
    }

    async fn own_messages_on_the_way_are_counted_by_an_index(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let [chat_id, ada_id, bob_id] = [world.literal(chat), world.literal(ada.id), world.literal(bob.id)];
        let embedded = world.options.url.is_embedded();
        let (id, at, numbers) = if embedded {
            let numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)";
            ("randomblob(16)", "1", numbers)
        } else {
            ("gen_random_uuid()", "now()", "WITH n(n) AS (SELECT generate_series(1, 5000))")
        };
        // Every fifth is Ada's.
        world.meddle(&format!(
            "{numbers} INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version) \
             SELECT {id}, {chat_id}, n, 'text', CASE WHEN n % 5 = 0 THEN {ada_id} ELSE {bob_id} END, 'x', {at}, 1 FROM n"
        )).unwrap();
        world.meddle(&format!("UPDATE chats SET last_seq = 5000 WHERE id = {chat_id}")).unwrap();
        world.meddle(&format!(
            "UPDATE participants SET own_after_read = CASE WHEN user_id = {ada_id} THEN 1000 ELSE 4000 END"
        )).unwrap();
        world.meddle("ANALYZE").unwrap();
        let unread = async |who| world.store.messaging.chat(&world.ctx(who), chat).await.unwrap().unread_count;
        assert_eq!(unread(&ada).await, 4_000);
        // A short move, half of the chat, all but a bit, then the rest.
        for (seq, left) in [(14, 3_988), (2_500, 2_000), (4_990, 8), (4_991, 7), (5_000, 0)] {
            if seq == 2_500 {
                counted_by_an_index(&world, &ada, chat, seq).await;
            } else {
                world.store.messaging.read(&world.ctx(&ada), chat, NewRead { seq }).await.unwrap();
            }
            assert_eq!(unread(&ada).await, left, "after {seq}");
        }
    }

    async fn marks_are_told_to_all_among_256_and_to_the_reader_beyond(world: World) {
        let mut people = Vec::new();
        for n in 0..257 {
            people.push(Arc::new(world.person(&format!("user{n}")).await));
        }
        let others: Vec<_> = people[1..].iter().map(|person| &**person).collect();
        let small = world.group(&people[0], &others[..255]).await.id;
        let large = world.group(&people[0], &others).await.id;
        for (chat, shown) in [(small, true), (large, false)] {
            let message = world.say(&people[0], chat, "hello").await;
            world.changes().await;
            let readers = if shown { &people[1..256] } else { &people[1..] };
            let marks: Vec<_> = readers
                .iter()
                .map(|person| {
                    let (world, person) = (world.clone(), person.clone());
                    tokio::spawn(async move {
                        world.store.messaging.read(&world.ctx(&person), chat, NewRead { seq: 1 }).await.unwrap().seq
                    })
                })
                .collect();
            for mark in marks {
                assert_eq!(mark.await.unwrap(), 1);
            }
            let told = world.changes().await;
            assert_eq!(told.len(), readers.len());
            let mut stream = None;
            for recorded in &told {
                let read: Read = serde_json::from_str(recorded.data.get()).unwrap();
                let topic = if shown { Topic::new(CHAT, chat) } else { Topic::user(read.user_id) };
                assert_eq!((recorded.topic, &*recorded.name), (topic, "message.read"));
                // In the order of the chat in any case.
                assert_eq!(*stream.get_or_insert(recorded.stream), recorded.stream);
            }
            let ctx = world.ctx(&people[0]);
            let seen = world.store.messaging.message(&ctx, message.id).await.unwrap().status;
            let listed = world.store.messaging.chat(&ctx, chat).await.unwrap().last_message.unwrap().status;
            let status = if shown { Status::Read } else { Status::Sent };
            assert_eq!((seen, listed), (status, status));
            for reader in [&people[1], &people[255]] {
                assert_eq!(world.store.messaging.chat(&world.ctx(reader), chat).await.unwrap().unread_count, 0);
            }
        }
        assert_eq!((world.number(WRONG_OWN), world.number(WRONG_LOWEST)), (0, 0));
        assert_eq!(world.number("SELECT count(*) FROM chats WHERE lowest_read_seq IS NULL"), 1);
    }
}

/// Only PostgreSQL has row locks that can be held while others write.
mod postgres_alone {
    use super::*;

    fn marking(world: &Arc<World>, who: &Arc<Person>, chat: ChatId) -> tokio::task::JoinHandle<i64> {
        let (world, who) = (world.clone(), who.clone());
        tokio::spawn(async move {
            world.store.messaging.read(&world.ctx(&who), chat, NewRead { seq: i64::MAX }).await.unwrap().seq
        })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn marks_share_commits() {
        let world = World::postgres().await;
        let mut people = Vec::new();
        for n in 0..60 {
            people.push(Arc::new(world.person(&format!("user{n}")).await));
        }
        let others: Vec<_> = people[1..].iter().map(|person| &**person).collect();
        let chat = world.group(&people[0], &others).await.id;
        world.say(&people[0], chat, "hello").await;
        let holding = world.holding(chat);
        let marks: Vec<_> = people.iter().map(|person| marking(&world, person, chat)).collect();
        world.until_somebody_waits().await;
        drop(holding);
        for mark in marks {
            assert_eq!(mark.await.unwrap(), 1);
        }
        let transactions = world.number("SELECT count(DISTINCT xmin::text) FROM participants");
        assert!(transactions < 30, "60 marks by {transactions} transactions");
        assert_eq!((world.number(WRONG_OWN), world.number(WRONG_LOWEST)), (0, 0));
    }

    /// Locks what a mark needs: the reader's membership, or that of another reader whose mark is one of the lowest.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_held_mark_holds_up_its_own_chat_only() {
        let world = World::postgres().await;
        let mut people = Vec::new();
        for name in ["ada", "bob", "cem"] {
            people.push(Arc::new(world.person(name).await));
        }
        let [ada, bob, cem] = &people[..] else { unreachable!() };
        let held = world.group(ada, &[bob, cem]).await.id;
        let mut free = Vec::new();
        for _ in 0..6 {
            free.push(world.group(ada, &[bob, cem]).await.id);
        }
        for chat in free.iter().chain([&held]) {
            world.say(cem, *chat, "hello").await;
        }
        for (n, (holder, reader)) in [(ada, ada), (ada, bob)].into_iter().enumerate() {
            let mut other = world.transaction();
            let whose = format!("chat_id = '{held}' AND user_id = '{}'", holder.id);
            other.run(&format!("SELECT 1 FROM participants WHERE {whose} FOR UPDATE"));
            let waiting = marking(&world, reader, held);
            for chat in &free[3 * n..3 * n + 3] {
                for reader in [ada, bob] {
                    let mark = tokio::time::timeout(Duration::from_secs(1), marking(&world, reader, *chat));
                    assert_eq!(mark.await.expect("it waits for another chat's row").unwrap(), 1);
                }
            }
            assert!(!waiting.is_finished(), "it cannot be written");
            drop(other);
            assert_eq!(waiting.await.unwrap(), 1);
        }
        assert_eq!((world.number(WRONG_OWN), world.number(WRONG_LOWEST)), (0, 0));
    }
}

/// Moves a mark that has to count, and checks the plan of the statement that this takes.
async fn counted_by_an_index(world: &World, who: &Person, chat: ChatId, seq: i64) {
    let path = match &world.options.url {
        DatabaseUrl::Postgres(url) => return uses_the_index(world, url, who, chat, seq).await,
        DatabaseUrl::Sqlite(path) => path,
    };
    asked::record();
    let node = world.another_node().await;
    asked::take(path);
    node.messaging.read(&world.ctx(who), chat, NewRead { seq }).await.unwrap();
    let asked = asked::take(path);
    let counts = |text: &&String| text.to_lowercase().contains("count(*)") && text.contains("`messages`");
    let counting: Vec<_> = asked.iter().filter(counts).collect();
    let [counting] = counting[..] else { panic!("one statement counts: {asked:#?}") };
    let (statement, _) = counting.split_once(" -- binds").unwrap();
    let lines: Vec<Line> = sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(&mut beside(path)).unwrap();
    let plan: Vec<_> = lines.into_iter().map(|line| line.detail).collect();
    // Messages are stored in the order of their chats, which is as good as an index.
    assert!(plan.iter().any(|line| line.contains("PRIMARY KEY (chat_id=? AND seq>? AND seq<?)")), "{plan:?}");
    assert!(!plan.iter().any(|line| line.starts_with("SCAN")), "{plan:?}");
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

/// PostgreSQL's own statistics: how often each index of the messages was searched, and how often the table was scanned.
async fn uses_the_index(world: &World, url: &str, who: &Person, chat: ChatId, seq: i64) {
    #[derive(QueryableByName, Debug)]
    struct Used {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        searched: i64,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        read_through: i64,
    }
    let mut conn = PgConnection::establish(url).unwrap();
    let mut used = move || -> Used {
        let query = "SELECT (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'messages_sender') AS searched, \
             (SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'messages') AS read_through";
        sql_query(query).get_result(&mut conn).unwrap()
    };
    let node = world.another_node().await;
    // A connection reports its statistics when it ends, at the latest, so those of this node do nothing else.
    let before = used();
    node.messaging.read(&world.ctx(who), chat, NewRead { seq }).await.unwrap();
    drop(node);
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let counted = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let after = used();
            if after.searched > before.searched {
                return after;
            }
            tick.tick().await;
        }
    });
    let Ok(after) = counted.await else { panic!("the index was not used: {before:?}, {:?}", used()) };
    assert_eq!(after.read_through, before.read_through);
}
