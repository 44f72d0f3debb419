//! What can be edited without limit leaves no more behind, and costs no more, however many edits came before.

use clowder_accounts::{ProfilePatch, change::USER_UPDATED, presence::NewPresence};
use clowder_core::{Input, Positions, Recorded, Topic, follow::Following, journal::Chunk};
use clowder_social::groups::{GROUP, GroupPatch, NewGroup};
use serde_json::json;

use crate::{
    following::heads,
    stress::of,
    world::{Person, World, on_both},
};

const EDITS: usize = 25;

/// The changes of this name that still say something.
async fn saying(world: &World, name: &str) -> Vec<Recorded> {
    let all = world.everything().await.into_iter().filter(|change| &*change.name == name);
    let (gone, saying): (Vec<_>, Vec<_>) = all.partition(Recorded::is_superseded);
    assert_eq!(gone.len() + saying.len(), EDITS, "none is missing");
    saying
}

/// What somebody who follows these topics receives of these changes after they were away all the time.
async fn replayed(world: &World, person: &Person, topics: &[Topic], name: &str) -> Vec<Recorded> {
    let from = Positions::new(vec![0; heads(world).await.as_slice().len()]);
    let journal = &world.store.journal;
    let followed = topics.iter().map(|topic| Following::from(*topic)).collect();
    let mut replay = journal.replay(person.id, followed, from, heads(world).await);
    let mut told = Vec::new();
    while let Some(piece) = replay.next(Chunk::rows(7)).await.unwrap() {
        told.extend(piece.changes.into_iter().filter(|change| &*change.name == name));
    }
    told
}

on_both! {
    async fn of_the_edits_of_a_group_the_last_is_told(world: World) {
        let [ada] = world.people(["ada"]).await;
        let groups = &world.store.groups;
        let group = groups.create(&world.ctx(&ada), of::<NewGroup>(json!({"name": "Garden"}))).await.unwrap();
        for number in 0..EDITS {
            let rules = format!("zqrules{number} {}", "zq".repeat(500));
            let patch = of::<GroupPatch>(json!({"name": format!("zqname{number}"), "rules": rules}));
            groups.edit(&world.ctx(&ada), group.id, None, patch).await.unwrap();
        }
        let last = format!("zqname{}", EDITS - 1);
        let saying = saying(&world, "group.updated").await;
        assert!(saying.len() <= 2 && saying.iter().all(|change| change.data.get().contains(&last)), "{saying:?}");
        let told = replayed(&world, &ada, &[Topic::new(GROUP, group.id)], "group.updated").await;
        assert!((1..=2).contains(&told.len()) && told.iter().all(|change| change.data.get().contains(&last)), "{told:?}");
        // The names before stand in the messages of the system in its chat.
        world.gone(b"zqrules3").await;
    }

    async fn of_the_edits_of_a_profile_and_a_presence_the_last_is_told(world: World) {
        let [ada] = world.people(["ada"]).await;
        for number in 0..EDITS {
            let patch = ProfilePatch::from_json(json!({"bio": format!("zqbio{number}")})).unwrap();
            world.store.accounts.edit_me(&world.ctx(&ada), None, patch).await.unwrap();
        }
        let last = format!("zqbio{}", EDITS - 1);
        let said = saying(&world, USER_UPDATED).await;
        assert!(said.len() <= 2 && said.iter().all(|change| change.data.get().contains(&last)), "{said:?}");
        let told = replayed(&world, &ada, &[], USER_UPDATED).await;
        assert!((1..=2).contains(&told.len()) && told.iter().all(|change| change.data.get().contains(&last)), "{told:?}");
        for number in 0..EDITS {
            let status = NewPresence::from_json(json!({"status": "online", "text": format!("zqtext{number}")})).unwrap();
            world.store.presence.set_presence(&world.ctx(&ada), status).await.unwrap();
        }
        let said = saying(&world, "presence.updated").await;
        assert!(said.len() <= 2 && said.iter().all(|change| change.data.get().contains("zqtext24")), "{said:?}");
        world.gone(b"zqtext3").await;
        world.gone(b"zqbio3").await;
    }
}
