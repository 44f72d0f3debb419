//! What is replayed shows nobody of whom one knows no more.

use clowder_core::{Input, Positions, journal::Chunk};
use clowder_social::{NewBlock, NewFriendRequest, NewMute};
use serde_json::{Value, json};

use crate::{
    following::{heads, missed},
    friends::befriend,
    world::{Person, World, on_both},
};

/// The events with somebody's card, as they are replayed to a person: their names and payloads.
async fn replayed(world: &World, person: &Person, from: &Positions) -> Vec<(String, Value)> {
    let changes = missed(&world.store, person.id, &[], from, Chunk::rows(100)).await;
    let cards = ["friend_request", "friend.added", "block.added", "mute.added"];
    let of = |name: &str, data: &str| (name.to_owned(), serde_json::from_str(data).unwrap());
    let told = changes.iter().map(|change| of(&change.name, change.data.get()));
    told.filter(|(name, _): &(String, Value)| cards.contains(&name.as_str())).collect()
}

async fn asks(world: &World, from: &Person, to: &Person) {
    let new = NewFriendRequest::from_json(json!({"user_id": to.id, "message": format!("from {}", from.id)})).unwrap();
    world.store.friends.request(&world.ctx(from), new).await.unwrap();
}

fn names(told: &[(String, Value)], person: &Person, username: &str) -> bool {
    let told = json!(told).to_string();
    assert!(told.contains(&person.id.to_string()), "the id stays");
    told.contains(&format!("\"{username}\""))
}

on_both! {
    async fn after_a_block_an_old_cursor_shows_neither_card_nor_message(world: World) {
        let [ada, asking, asked, friend] = world.people(["ada", "asking", "asked", "friend"]).await;
        let others = [(&asking, "asking"), (&asked, "asked"), (&friend, "friend")];
        let from = heads(&world).await;
        asks(&world, &asking, &ada).await;
        asks(&world, &ada, &asked).await;
        befriend(&world, &ada, &friend).await;
        world.store.blocks.mute(&world.ctx(&ada), friend.id, NewMute::default()).await.unwrap();
        let before = replayed(&world, &ada, &from).await;
        for (person, username) in others {
            assert!(names(&before, person, username), "{username}");
        }
        let text = |told: &[(String, Value)], person: &Person| json!(told).to_string().contains(&format!("from {}", person.id));
        assert!(text(&before, &asking) && text(&before, &ada));

        for (person, _) in others {
            world.store.blocks.block(&world.ctx(person), ada.id, NewBlock::default()).await.unwrap();
        }
        let after = replayed(&world, &ada, &from).await;
        for (person, username) in others {
            assert!(!names(&after, person, username), "{username}");
        }
        assert!(!text(&after, &asking), "what was written with the request goes with its author");
        assert!(!text(&after, &ada), "what one wrote oneself goes with a request that comes to nothing");
        assert!(names(&after, &ada, "ada"));
        let shown = |told: &[(String, Value)]| told.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert!(shown(&after).starts_with(&shown(&before)), "no event is left out");
        // Who has blocked knows whom.
        assert!(names(&replayed(&world, &asking, &from).await, &ada, "ada"));
    }

    async fn who_is_hidden_by_now_is_hidden_in_what_was_told(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let from = heads(&world).await;
        for person in [&bob, &eve] {
            befriend(&world, &ada, person).await;
        }
        world.meddle("UPDATE users SET visibility = 'private' WHERE username IN ('bob', 'eve')").unwrap();
        assert!(names(&replayed(&world, &ada, &from).await, &bob, "bob"), "friends stay known");
        world.store.friends.remove(&world.ctx(&ada), bob.id).await.unwrap();
        let told = replayed(&world, &ada, &from).await;
        assert!(!names(&told, &bob, "bob"));
        assert!(names(&told, &eve, "eve"));
    }
}
