//! What an erasure finds and rewrites in the journal.

use clowder_accounts::privacy::tombstone;
use clowder_core::UserId;
use serde_json::{Value, json};

use super::{known, system, work};
use crate::world::{World, on_both};

on_both! {
    async fn an_erasure_finds_topics_of_every_kind(world: World) {
        let (ada, bob, _) = known(&world).await;
        let shown = |id: UserId, name: &str| json!({"id": id, "username": name, "display_name": name, "avatar": null});
        let (hers, his) = (shown(ada.id, "peculiar"), shown(bob.id, "bob"));
        let [left, kept] = [(); 2].map(|()| ("pet", UserId::new(world.now())));
        let about = |who: &Value, text: &str| json!({"owner": who, "text": text});
        world.scribe()
            .follows(ada.id, left, true, &about(&hers, "enters"))
            .tells(left, &about(&hers, "walks"))
            .tells(left, &about(&his, "stays"))
            .tells_in_person(left, bob.id, &about(&hers, "in person"))
            .follows(ada.id, left, false, &about(&hers, "leaves"))
            .follows(ada.id, kept, true, &about(&hers, "enters another"))
            .tells(kept, &about(&hers, "runs"))
            .commit();
        world.changes().await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let card = serde_json::to_value(tombstone(ada.id)).unwrap();
        let gone = shown(ada.id, card["username"].as_str().unwrap());
        let all = world.everything().await;
        // Those that were written here.
        let pets = all.iter().filter(|change| change.name.starts_with("pet.") && change.data.get().contains("owner"));
        let told: Vec<Value> = pets.map(|change| serde_json::from_str(change.data.get()).unwrap()).collect();
        assert_eq!(told.len(), 7);
        for told in &told {
            match told["owner"]["id"] == his["id"] {
                true => assert_eq!(told["owner"], his, "what is about others stays"),
                false => assert_eq!(told["owner"]["username"], gone["username"], "{told}"),
            }
        }
        world.gone(b"peculiar").await;
    }

    async fn an_erasure_reads_the_journal_in_bounded_pieces(world: World) {
        let (ada, bob, _) = known(&world).await;
        let card = |id: UserId, name: &str| json!({"id": id, "username": name, "display_name": name, "avatar": null});
        let pet = ("pet", UserId::new(world.now()));
        let about = |number: usize| json!({"owner": card(ada.id, "peculiar"), "number": number});
        let mut scribe = world.scribe().follows(ada.id, pet, true, &about(0));
        for number in 1..=7 {
            scribe = scribe.tells_in_person(pet, bob.id, &about(number)).tells(pet, &about(number));
        }
        scribe.commit();
        if world.is_postgres() {
            // What somebody is told in person may be in any stream.
            world.batch(
                "INSERT INTO journal (stream, position, segment, topic_kind, topic_id, name, subject_id, at, data) \
                 SELECT other.stream, other.head + row_number() OVER (PARTITION BY other.stream ORDER BY j.position), \
                 other.segment, topic_kind, topic_id, name, subject_id, at, data \
                 FROM journal j, streams other WHERE j.name = 'pet.told' AND other.stream <> j.stream; \
                 UPDATE streams SET head = coalesce((SELECT max(position) FROM journal j WHERE j.stream = streams.stream), head)",
            );
        }
        world.changes().await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        let careful = world.node_with(|options| options.privacy.journal_changes = 2).await;
        work(&world, &careful).await;
        let all = world.everything().await;
        let told = all.iter().filter(|change| change.name.starts_with("pet.") && change.data.get().contains("owner"));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), if world.is_postgres() { 15 + 7 * 15 } else { 15 });
        assert!(told.iter().all(|change| !change.data.get().contains("peculiar")), "{told:?}");
        world.gone(b"peculiar").await;
    }
}
