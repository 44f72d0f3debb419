//! The promises of the journal: gap-free, followed across nodes, replayed exactly, swept.

use std::{sync::Arc, time::Duration};

use clowder_core::{ChatId, Positions, Recorded, Topic, TopicKind, follow::Step, journal::Chunk};
use clowder_messaging::CHAT;

use crate::world::{Person, World, on_both};

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
            let followed = chats.iter().map(|chat| Topic::new(CHAT, *chat)).collect();
            let (from, to) = (before.clone(), heads.clone());
            world.store.journal.replay(who.id, followed, from, to, Chunk::rows(rows)).await.unwrap()
        };
        let names = async |who, chats, rows| names(&replay(who, chats, rows).await.changes);
        assert_eq!(names(&bob, vec![one], 99).await[1..], ["message.sent"; 5]);
        assert_eq!(names(&bob, vec![one], 99).await[0], "chat.created");
        assert_eq!(names(&bob, vec![one], 2).await.len(), 2);
        assert_eq!(names(&bob, vec![], 99).await.len(), 0, "what they do not follow any more they do not see");
        assert_eq!(names(&ada, vec![one, two], 99).await.len(), 12);
        assert!(!replay(&ada, vec![one, two], 11).await.reached.reach(&heads));
        assert!(replay(&ada, vec![one, two], 13).await.reached.reach(&heads));
        let none = world.store.journal.replay(ada.id, [].into(), heads.clone(), heads.clone(), Chunk::rows(9)).await;
        assert!(none.unwrap().changes.is_empty());
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
        world.wait(Duration::from_secs(60));
        world.say(&ada, chat, "new").await;
        let until = world.now().minus(Duration::from_secs(30));
        let ctx = world.ctx(&ada);
        while world.store.upkeep.sweep(&ctx, until).await.unwrap() > 0 {}
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
                left += world.store.journal.after(stream, 0, Chunk::rows(99)).await.unwrap().len();
            }
            left
        };
        assert_eq!(left, 1);
    }

    async fn the_journal_of_an_older_version_is_converted(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let said = world.say(&ada, chat, "hello").await;
        let before = world.everything().await;
        let folder = if world.is_postgres() { "postgres" } else { "sqlite" };
        let down = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/FOLDER/2026-11-26-030000_topics/down.sql");
        world.batch(&std::fs::read_to_string(down.replace("FOLDER", folder)).unwrap());
        world.meddle("DELETE FROM __diesel_schema_migrations WHERE version = '20261126030000'").unwrap();
        // What a node of another version wrote, and what is no topic at all.
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
