//! How the index is kept: beside writes, after deletions, and anew.

use std::{sync::Arc, time::Duration};

use clowder_core::{Actor, Ctx};
use clowder_messaging::{MessagePatch, search::marks::at};
use serde_json::json;

use super::{found, index};
use crate::{
    privacy::{system, work},
    readers::read_all,
    stress::of,
    world::{World, on_both},
};

fn ctx(world: &World) -> Ctx {
    Ctx::new(Actor::System, world.now(), "search")
}

/// How many messages are indexed that have no text, or none at all.
fn left(world: &World) -> i64 {
    if world.options.url.is_embedded() {
        return world.number(
            "SELECT count(*) FROM message_search s WHERE NOT EXISTS (SELECT 1 FROM messages m JOIN search_chats c \
             ON c.chat_id = m.chat_id WHERE (c.number << 32) + m.seq = s.rowid AND m.content IS NOT NULL)",
        );
    }
    world.number(
        "SELECT count(*) FROM message_search s WHERE s.tokens IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages m \
         WHERE m.chat_id = s.chat_id AND m.seq = s.seq AND m.content IS NOT NULL)",
    )
}

on_both! {
    async fn a_deleted_text_is_not_in_the_index_and_does_not_come_back(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let early = world.say(&ada, chat, "zqregretted before").await;
        // Before it is indexed, and after.
        world.store.messaging.delete(&world.ctx(&ada), early.id, None).await.unwrap();
        let late = world.say(&ada, chat, "zqregretted after").await;
        let edited = world.say(&ada, chat, "zqregretted first").await;
        index(&world).await;
        assert_eq!(found(&world, &bob, "zqregretted").await, ["zqregretted first", "zqregretted after"]);
        let patch = of::<MessagePatch>(json!({"content": "zqregretted second"}));
        world.store.messaging.edit(&world.ctx(&ada), edited.id, None, patch).await.unwrap();
        for message in [late.id, edited.id] {
            world.store.messaging.delete(&world.ctx(&ada), message, None).await.unwrap();
        }
        assert_eq!(found(&world, &bob, "zqregretted").await, [""; 0]);
        assert_eq!(left(&world), 0);
        world.gone(b"zqregretted").await;
        index(&world).await;
        world.store.search.rebuild_index(&ctx(&world)).await.unwrap();
        index(&world).await;
        assert_eq!(left(&world), 0);
        world.gone(b"zqregretted").await;
    }

    async fn what_is_deleted_while_it_is_indexed_is_not_found(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let other = world.another_node().await;
        for round in 0..15 {
            let mut said = Vec::new();
            for n in 0..20 {
                said.push(world.say(&ada, chat, &format!("zqrace{round} {n}")).await.id);
            }
            if round % 3 == 0 {
                world.store.search.rebuild_index(&ctx(&world)).await.unwrap();
            }
            let (deleter, by) = (other.clone(), world.clone());
            let ctx_of = ada.actor;
            let deleting = tokio::spawn(async move {
                for (n, message) in said.into_iter().enumerate() {
                    let ctx = Ctx::new(ctx_of, by.now(), "test");
                    if n % 2 == 0 {
                        let patch = of::<MessagePatch>(json!({"content": format!("zqedited{round} {n}")}));
                        deleter.messaging.edit(&ctx, message, None, patch).await.unwrap();
                    }
                    deleter.messaging.delete(&ctx, message, None).await.unwrap();
                }
            });
            index(&world).await;
            deleting.await.unwrap();
            assert_eq!(left(&world), 0, "round {round}");
        }
        read_all(&world.store, &world).await;
        assert_eq!(left(&world), 0);
        world.gone(b"zqrace").await;
        world.gone(b"zqedited").await;
    }

    async fn whoever_is_erased_is_not_written_back_by_whoever_indexes(world: World) {
        let [ada] = world.people(["ada"]).await;
        let other = world.another_node().await;
        let mut names = Vec::new();
        for round in 0..6 {
            let name = format!("bob{round}");
            let [bob] = world.people([&*name]).await;
            let chat = world.group(&ada, &[&bob]).await.id;
            for n in 0..30 {
                world.say(&ada, chat, &format!("@{name} {n}")).await;
            }
            world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
            if round % 2 == 0 {
                index(&world).await;
                world.store.search.rebuild_index(&ctx(&world)).await.unwrap();
            }
            tokio::join!(index(&world), work(&world, &other));
            index(&world).await;
            names.push(at(bob.id));
        }
        for name in names {
            world.gone(name.as_bytes()).await;
        }
    }

    async fn an_index_is_rebuilt_beside_everything_else(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chats = [world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id];
        for n in 0..30 {
            for chat in chats {
                world.say(&ada, chat, &format!("number {n}")).await;
            }
        }
        index(&world).await;
        assert_eq!(found(&world, &ada, "number").await.len(), 60);
        let progress = world.store.search.index_progress().await.unwrap();
        assert!(!progress.running, "{progress:?}");
        world.meddle("DELETE FROM message_search").unwrap();
        assert_eq!(found(&world, &ada, "number").await.len(), 0);
        let begun = world.store.search.rebuild_index(&ctx(&world)).await.unwrap();
        assert!(begun.running && begun.done == 0 && begun.total >= 60, "{begun:?}");
        let mut done = 0;
        loop {
            let progress = world.store.search.index_some(&ctx(&world)).await.unwrap();
            assert!(progress.done >= done && progress.done <= progress.total, "{progress:?}");
            done = progress.done;
            if !progress.running {
                break;
            }
        }
        assert_eq!(found(&world, &ada, "number").await.len(), 60);
        // Rules of an earlier version.
        world.meddle("DELETE FROM message_search").unwrap();
        world.meddle("UPDATE search_index SET rules = 0").unwrap();
        index(&world).await;
        assert_eq!(found(&world, &ada, "number").await.len(), 60);
        // Those of a later one are left alone.
        world.meddle("UPDATE search_index SET rules = 1000").unwrap();
        assert!(!world.store.search.index_some(&ctx(&world)).await.unwrap().running);
        assert_eq!(world.number("SELECT rules FROM search_index"), 1_000);
    }

    async fn a_step_takes_little_text(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        // As long as messages may be, so that four of them are almost as much as a step takes.
        let text = format!("last {}", "𝒢".repeat(7_995));
        for _ in 0..12 {
            world.say(&ada, chat, &text).await;
        }
        world.store.search.rebuild_index(&ctx(&world)).await.unwrap();
        let (mut done, mut running) = (0, true);
        while running {
            let progress = world.store.search.index_some(&ctx(&world)).await.unwrap();
            assert!(progress.done - done <= 5, "{} of {progress:?} in one step", progress.done - done);
            (done, running) = (progress.done, progress.running);
        }
        assert_eq!(found(&world, &ada, "last").await.len(), 12);
    }

    async fn nothing_of_the_erased_is_found_that_they_took_back(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chat, alone) = (world.group(&ada, &[&bob]).await.id, world.group(&bob, &[]).await.id);
        world.say(&bob, chat, "zqerased among us").await;
        world.say(&bob, alone, "zqerased alone").await;
        index(&world).await;
        let erase = clowder_accounts::model::Fate::Delete;
        world.store.privacy.erase_user(&system(&world), bob.id, Some(erase)).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(found(&world, &ada, "zqerased").await, [""; 0]);
        assert_eq!(left(&world), 0);
        world.gone(b"zqerased").await;
        assert_eq!(world.number("SELECT count(*) FROM search_chats"), 1, "the chat in which nobody is left is gone");
    }

    async fn what_takes_too_long_together_is_indexed_in_smaller_steps(world: World) {
        let ada = world.person("ada").await;
        let chat = world.group(&ada, &[]).await.id;
        for number in 0..40 {
            world.say(&ada, chat, &format!("zqlunch {number}")).await;
        }
        // SQLite has no trigger that sees all rows of a statement.
        if world.is_postgres() {
            world.batch(
                "CREATE FUNCTION too_many() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF (SELECT count(*) FROM n) > 5 THEN RAISE EXCEPTION 'too long'; END IF; RETURN NULL; END $$; \
                 CREATE TRIGGER too_many AFTER INSERT ON message_search REFERENCING NEW TABLE AS n \
                 FOR EACH STATEMENT EXECUTE FUNCTION too_many()",
            );
        }
        for _ in 0..40 {
            // Some of these fail.
            let _ = world.store.readers.read(&ctx(&world)).await;
        }
        assert_eq!(found(&world, &ada, "zqlunch").await.len(), 40);
    }

    async fn who_deletes_in_many_chats_and_the_index_do_not_wait_for_each_other(world: World) {
        let ada = world.person("ada").await;
        let mut chats = Vec::new();
        for _ in 0..8 {
            chats.push(world.group(&ada, &[]).await.id);
        }
        chats.sort_unstable();
        read_all(&world.store, &world).await;
        // Readers begin with another stream each time.
        for _ in 0..8 {
            world.wait(Duration::from_millis(500));
            let mut said = Vec::new();
            for chat in &chats {
                said.push(world.say(&ada, *chat, "zqlunch").await.seq);
            }
            let mut deleting = world.transaction();
            let mut forget = |at: usize| {
                if world.is_postgres() {
                    let (chat, seq) = (world.literal(chats[at]), said[at]);
                    deleting.run(&format!("INSERT INTO message_search (chat_id, seq, version) VALUES ({chat}, {seq}, 0)"));
                }
            };
            forget(0);
            let node = Arc::clone(&world);
            let reading = tokio::spawn(async move { node.store.readers.read(&ctx(&node)).await });
            world.until_somebody_waits().await;
            (1..chats.len()).for_each(&mut forget);
            deleting.commit();
            reading.await.unwrap().unwrap();
        }
    }

    async fn what_an_interrupted_renewal_left_is_dropped(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        world.say(&ada, chat, "lunch").await;
        index(&world).await;
        if world.is_postgres() {
            for name in ["ccnew", "ccold", "ccold1"] {
                let name = format!("message_search_tokens_{name}");
                world.meddle(&format!("CREATE INDEX {name} ON message_search USING gin (tokens)")).unwrap();
                // As a connection leaves it that ends while the index is made or replaced.
                let invalid = format!("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass");
                world.meddle(&invalid).unwrap();
            }
        }
        clowder_infra::Store::renew_search(&world.options.url).unwrap();
        if world.is_postgres() {
            let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'message_search_tokens%'";
            assert_eq!(world.number(left), 1);
        }
        assert_eq!(found(&world, &ada, "lunch").await, ["lunch"]);
    }
}
