//! The guarantees of the readers of the journal: each change once, on one node at a time, whatever becomes of the journal.

pub mod domain;

use std::time::Duration;

use clowder_core::{Actor, Ctx, PageRequest};
use clowder_infra::{
    Store,
    readers::{Handled, LEASE},
};

use crate::{
    activity::counted,
    world::{World, on_both},
};

fn system(world: &World) -> Ctx {
    Ctx::new(Actor::System, world.now(), "readers")
}

/// Until a store finds nothing to read; returns how much it has read.
pub async fn read_all(store: &Store, world: &World) -> usize {
    while store.audit.append_pending().await.unwrap() > 0 {}
    let mut read = 0;
    loop {
        match store.readers.read(&system(world)).await.unwrap().changes {
            0 => return read,
            more => read += more,
        }
    }
}

on_both! {
    async fn each_change_is_read_once_whatever_number_of_nodes_try(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let nodes = [world.another_node().await, world.another_node().await, world.another_node().await];
        for round in 1..=3_i64 {
            for _ in 0..20 {
                world.say(&ada, chat.id, "hello").await;
            }
            let tries = nodes.iter().cloned().map(|node| {
                let world = world.clone();
                tokio::spawn(async move { read_all(&node, &world).await })
            });
            let mut read = 0;
            for tried in tries.collect::<Vec<_>>() {
                read += tried.await.unwrap();
            }
            // Whoever holds the reader may have been too early for the last of them.
            for node in &nodes {
                read += read_all(node, &world).await;
            }
            assert!(read >= 20);
            assert_eq!(counted(&world, &ada, "message.sent").await, [20 * round]);
            // The lease of one ends, and any other goes on.
            world.wait(LEASE);
        }
        assert_eq!(read_all(&world.store, &world).await, 0, "nothing is left");
        assert!(world.names().await.iter().all(|name| name == "message.sent"), "readers write no changes");
    }

    async fn a_node_that_is_not_heard_of_keeps_others_away_for_a_while(world: World) {
        let [ada] = world.people(["ada"]).await;
        let other = world.another_node().await;
        assert!(read_all(&other, &world).await > 0);
        crate::activity::edit(&world, &ada, "dark").await;
        assert_eq!(read_all(&world.store, &world).await, 0, "the other node holds it");
        assert_eq!(counted(&world, &ada, "settings.changed").await, [0_i64; 0]);
        world.wait(LEASE);
        assert!(read_all(&world.store, &world).await > 0);
        assert_eq!(counted(&world, &ada, "settings.changed").await, [1]);
        crate::activity::edit(&world, &ada, "light").await;
        assert_eq!(read_all(&other, &world).await, 0, "it has lost the lease");
    }

    async fn a_reader_goes_on_after_what_was_swept(world: World) {
        let [ada] = world.people(["ada"]).await;
        read_all(&world.store, &world).await;
        crate::activity::edit(&world, &ada, "dark").await;
        // Not even the latest changes are left.
        world.batch("DELETE FROM journal; UPDATE streams SET floor = head");
        crate::activity::edit(&world, &ada, "light").await;
        read_all(&world.store, &world).await;
        assert_eq!(counted(&world, &ada, "settings.changed").await, [1]);
        assert_eq!(read_all(&world.store, &world).await, 0);
    }

    async fn in_another_journal_a_reader_starts_at_its_end(world: World) {
        let [ada] = world.people(["ada"]).await;
        read_all(&world.store, &world).await;
        crate::activity::edit(&world, &ada, "dark").await;
        // As if it had read another journal until now.
        let another = if world.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
        world.batch(&format!("UPDATE readers SET epoch = {another}; UPDATE reader_positions SET position = 1000000 WHERE stream >= 0"));
        assert_eq!(read_all(&world.store, &world).await, 0);
        assert_eq!(counted(&world, &ada, "settings.changed").await, [0_i64; 0]);
        crate::activity::edit(&world, &ada, "light").await;
        read_all(&world.store, &world).await;
        assert_eq!(counted(&world, &ada, "settings.changed").await, [1]);
    }

    async fn a_reader_is_not_set_back_into_a_journal_of_before(world: World) {
        read_all(&world.store, &world).await;
        let before = world.store.journal.extent().await.unwrap().epoch;
        let [one, other] = [clowder_core::Id::<()>::new(world.now()), clowder_core::Id::<()>::new(world.now())];
        // The node has looked at the journal, and waits for the reader, while the journal becomes another one.
        world.batch(&format!("UPDATE readers SET epoch = {}", world.literal(one)));
        let mut transaction = world.transaction();
        transaction.run("UPDATE readers SET holder = holder");
        let node = world.clone();
        let reading = tokio::spawn(async move { node.store.readers.read(&system(&node)).await });
        world.until_somebody_waits().await;
        transaction.run(&format!("UPDATE epoch SET id = {}", world.literal(other)));
        transaction.commit();
        assert_eq!(reading.await.unwrap().unwrap(), Handled::default());
        let before = world.literal(clowder_core::Id::<()>::from_uuid(before));
        assert_eq!(world.number(&format!("SELECT count(*) FROM readers WHERE epoch = {before}")), 0);
    }

    async fn a_turn_takes_little_text_and_says_that_there_is_more(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await;
        read_all(&world.store, &world).await;
        for _ in 0..40 {
            world.say(&ada, chat.id, &"x".repeat(8_000)).await;
        }
        let (mut read, mut turns) = (0, 0);
        loop {
            let handled = world.store.readers.read(&system(&world)).await.unwrap();
            (read, turns) = (read + handled.changes, turns + 1);
            if !handled.is_full {
                break;
            }
        }
        assert!(read >= 40, "{read}");
        assert!(turns >= 3, "320 kB of text in {turns} turns");
        assert_eq!(world.store.readers.read(&system(&world)).await.unwrap(), Handled::default());
    }

    async fn a_change_that_this_version_cannot_read_is_passed_over(world: World) {
        let [ada] = world.people(["ada"]).await;
        read_all(&world.store, &world).await;
        crate::activity::edit(&world, &ada, "dark").await;
        world.batch("UPDATE journal SET topic_kind = 'Of a later version' WHERE name = 'settings.updated'");
        crate::activity::edit(&world, &ada, "light").await;
        assert!(read_all(&world.store, &world).await >= 2);
        assert_eq!(counted(&world, &ada, "settings.changed").await, [1]);
    }

    async fn much_is_read_in_pieces(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        for _ in 0..13 {
            let said = (0..50).map(|_| {
                let world = world.clone();
                let (id, actor) = (ada.id, ada.actor);
                async move { world.say(&crate::world::Person { id, actor }, chat.id, "hello").await }
            });
            futures_util::future::join_all(said).await;
        }
        let mut turns = 0;
        while world.store.readers.read(&system(&world)).await.unwrap().changes > 0 {
            turns += 1;
        }
        assert!(turns > 1, "650 changes of one stream are more than a chunk");
        assert_eq!(counted(&world, &ada, "message.sent").await, [650]);
        let first = PageRequest { limit: 1, cursor: None };
        world.wait(Duration::from_secs(1));
        assert_eq!(world.store.activity.activity(&world.ctx(&ada), None, first).await.unwrap().items[0].kind, "message.sent");
    }
}
