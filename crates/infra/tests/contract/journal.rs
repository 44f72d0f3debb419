//! The guarantees of the journal: gap-free, followed across nodes, replayed exactly, swept.

pub mod domain;

use std::{sync::Arc, time::Duration};

use clowder_core::{
    ChatId, Ctx, Input, Positions, Recorded, Timestamp, Topic, TopicKind, follow::Step, journal::Chunk,
};
use clowder_messaging::{CHAT, NewMessage};
use serde_json::json;

use crate::world::{Person, World, entries_after, on_both};

fn names(changes: &[Recorded]) -> Vec<String> {
    changes.iter().map(|recorded| recorded.name.to_string()).collect()
}

on_both! {
    async fn replay_is_what_came_after_for_these_topics(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let before = world.store.journal.extent().await.unwrap().heads;
        let (one, two) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[]).await.id);
        for n in 0..5 {
            world.say(&ada, one, &format!("{n}")).await;
            world.say(&ada, two, &format!("{n}")).await;
        }
        let heads = world.store.journal.extent().await.unwrap().heads;
        let replay = async |who: &Person, chats: Vec<ChatId>, rows| {
            let followed = chats.iter().map(|chat| Topic::new(CHAT, *chat).into()).collect();
            let (from, to) = (before.clone(), heads.clone());
            let mut replay = world.store.journal.replay(who.id, followed, from, to);
            replay.next(Chunk::rows(rows)).await.unwrap().unwrap()
        };
        let names = async |who, chats, rows| names(&replay(who, chats, rows).await.changes);
        assert_eq!(names(&bob, vec![one], 99).await[1..], ["message.sent"; 5]);
        assert_eq!(names(&bob, vec![one], 99).await[0], "chat.created");
        assert_eq!(names(&bob, vec![one], 2).await.len(), 2);
        assert_eq!(names(&bob, vec![], 99).await.len(), 0, "what they do not follow any more they do not see");
        assert_eq!(names(&ada, vec![one, two], 99).await.len(), 12);
        assert!(!replay(&ada, vec![one, two], 11).await.reached.reach(&heads));
        assert!(replay(&ada, vec![one, two], 13).await.reached.reach(&heads));
        let mut none = world.store.journal.replay(ada.id, [].into(), heads.clone(), heads.clone());
        assert!(none.next(Chunk::rows(9)).await.unwrap().is_none());
        let exceeds = async |who: &Person, chats: Vec<ChatId>, most| {
            let followed = chats.iter().map(|chat| Topic::new(CHAT, *chat).into()).collect();
            let (from, to) = (before.clone(), heads.clone());
            world.store.journal.replay(who.id, followed, from, to).exceeds(most).await.unwrap()
        };
        assert!(exceeds(&bob, vec![one], 5).await && !exceeds(&bob, vec![one], 6).await);
        assert!(exceeds(&ada, vec![one, two], 11).await && !exceeds(&ada, vec![one, two], 12).await);
        assert!(!exceeds(&bob, vec![], 0).await, "nor does it count");
        for rows in [1, 2, 5, 99] {
            let all = async |is_counted| {
                let followed = [one, two].into_iter().map(|chat| Topic::new(CHAT, chat).into()).collect();
                let mut replay = world.store.journal.replay(ada.id, followed, before.clone(), heads.clone());
                assert!(!(is_counted && replay.exceeds(12).await.unwrap()));
                let mut all = Vec::new();
                while let Some(piece) = replay.next(Chunk::rows(rows)).await.unwrap() {
                    all.extend(piece.changes.into_iter().map(|change| (change.stream, change.position)));
                }
                all
            };
            let counted = all(true).await;
            assert_eq!((counted.len(), counted.is_sorted()), (12, true));
            assert_eq!(counted, all(false).await, "what was counted is replayed all the same");
        }
    }

    async fn two_followers_see_everything_once_and_in_order(world: World) {
        let [ada] = world.people(["ada"]).await;
        let ada = Arc::new(ada);
        let chat = world.group(&ada, &[]).await.id;
        let other = Arc::new(world.another_node().await);
        let mut here = world.store.follow().await.unwrap();
        let mut there = other.follow().await.unwrap();
        let sends: Vec<_> = (0..100)
            .map(|n| {
                let (world, other, ada) = (world.clone(), other.clone(), ada.clone());
                tokio::spawn(async move {
                    let node = if n % 2 == 0 { &world.store } else { &*other };
                    let new = clowder_core::Input::from_json(serde_json::json!({"content": "x"})).unwrap();
                    node.messaging.send(&world.ctx(&ada), chat, new).await.unwrap();
                })
            })
            .collect();
        for send in sends {
            send.await.unwrap();
        }
        for follower in [&mut here, &mut there] {
            let mut last = 0;
            for seq in 1..=100 {
                let recorded = follower.next().await.unwrap();
                assert!(last == 0 || recorded.position == last + 1);
                last = recorded.position;
                let message: clowder_messaging::Message = serde_json::from_str(recorded.data.get()).unwrap();
                assert_eq!(message.seq, seq);
            }
        }
    }

    async fn sweeping_raises_the_floor(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        world.say(&ada, chat, "old").await;
        let old = world.store.journal.extent().await.unwrap();
        assert!(old.can_replay(&old.heads));
        while world.store.upkeep.sweep(&world.ctx(&ada), Duration::ZERO).await.unwrap() > 0 {}
        world.say(&ada, chat, "new").await;
        let extent = world.store.journal.extent().await.unwrap();
        assert_eq!(extent.epoch, old.epoch);
        assert!(extent.can_replay(&extent.heads));
        assert!(extent.can_replay(&old.heads), "what came after is still there");
        assert!(!extent.can_replay(&Positions::new(vec![0; extent.heads.as_slice().len()])), "what came before is not");
        assert!(!extent.can_replay(&Positions::new(vec![])), "a vector of another database");
        let future = extent.heads.as_slice().iter().map(|head| head + 1).collect();
        assert!(!extent.can_replay(&Positions::new(future)));
        let left: usize = {
            let mut left = 0;
            for stream in 0..extent.heads.as_slice().len() {
                left += entries_after(&world.store, stream, 0, Chunk::rows(99)).await.len();
            }
            left
        };
        assert_eq!(left, 1);
    }

    async fn how_old_a_change_is_no_clock_says(world: World) {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
        const TEN_MINUTES: Duration = Duration::from_secs(600);
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let all = world.everything().await.len();
        let sweep = async |ctx: Ctx, keep| {
            let mut gone = 0;
            loop {
                let went = world.store.journal.sweep(&ctx, keep).await.unwrap();
                gone += went;
                if went == 0 {
                    break gone;
                }
            }
        };
        let at = |ctx: Ctx, now: Timestamp| Ctx { now, ..ctx };
        let (past, future) = (world.now().minus(5 * WEEK), world.now().plus(5 * WEEK));
        assert_eq!(sweep(world.nobody(), WEEK).await, 0);
        // First a writer's clock is behind, then a sweeper's, then a sweeper's is ahead; in between they are right.
        world.say(&ada, chat, "before").await;
        let new = NewMessage::from_json(json!({"content": "long ago"})).unwrap();
        world.store.messaging.send(&at(world.ctx(&ada), past), chat, new).await.unwrap();
        for wrong in [past, future, past, future] {
            assert_eq!(sweep(world.nobody(), WEEK).await, 0);
            assert_eq!(sweep(at(world.nobody(), wrong), WEEK).await, 0);
            world.wait(TEN_MINUTES);
        }
        // No server has run for a long time.
        world.wait(2 * WEEK);
        assert_eq!(sweep(world.nobody(), WEEK).await, 0);
        assert_eq!(world.everything().await.len(), all + 2, "nothing is lost");

        // Only the measured time counts: everything that existed at the first sweep is deleted when its time is over,
        // and nothing else.
        let keep = 20 * TEN_MINUTES;
        assert_eq!(sweep(world.nobody(), keep).await, 0);
        world.say(&ada, chat, "new").await;
        let (mut gone, mut looks) = (0, 0);
        while gone < all + 2 {
            world.wait(TEN_MINUTES);
            gone += sweep(world.nobody(), keep).await;
            looks += 1;
            assert!(looks <= 20, "{gone} of {all} are gone");
        }
        assert!(looks > 10, "{looks}");
        let left = world.everything().await;
        assert_eq!(names(&left), ["message.sent"]);
    }

    async fn the_journal_of_an_older_version_is_converted(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let said = world.say(&ada, chat, "hello").await;
        let before = world.everything().await;
        let folder = if world.is_postgres() { "postgres" } else { "sqlite" };
        let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        for (name, version) in [
            ("2026-11-30-100000_journal_numbers", "20261130100000"),
            ("2026-11-26-099900_journal_segments", "20261126099900"),
            ("2026-11-26-030000_topics", "20261126030000"),
        ] {
            world.batch(&std::fs::read_to_string(format!("{migrations}/{folder}/{name}/down.sql")).unwrap());
            world.meddle(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'")).unwrap();
        }
        // Written by a node of another version, and something that is not a topic at all.
        let foreign = format!("UPDATE journal SET topic = 'a_new_kind:{}' WHERE name = 'user.registered'", said.id);
        assert_eq!(world.meddle(&foreign).unwrap(), 1);
        clowder_infra::Store::migrate(&world.options.url).unwrap();
        let after = world.everything().await;
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((before.stream, before.position, &before.name), (after.stream, after.position, &after.name));
            assert_eq!(before.follow, after.follow, "{}", after.name);
            if &*after.name == "user.registered" {
                assert_eq!(after.topic, Topic::new(TopicKind::new("a_new_kind"), said.id));
            } else {
                assert_eq!(before.topic, after.topic, "{}", after.name);
            }
        }
        let entered = after.iter().find_map(|change| change.follow).unwrap();
        let theirs = Topic::new(clowder_messaging::CHAT, chat);
        assert_eq!((entered.user, entered.topic, entered.step), (ada.id, theirs, Step::Enter));
    }
}
