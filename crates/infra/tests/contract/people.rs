//! Whom somebody may see: the rule and the query agree.

use clowder_accounts::{ProfilePatch, policy::may_see};
use clowder_core::{Error, Input, PageRequest, Visibility, Word};
use clowder_messaging::{ChatFilter, NewChat};
use serde_json::json;

use crate::world::{Person, World, on_both};

async fn show(world: &World, person: &Person, visibility: Visibility) {
    let patch = ProfilePatch::from_json(json!({"visibility": visibility})).unwrap();
    world.store.accounts.edit_me(&world.ctx(person), None, patch).await.unwrap();
}

/// Whether the viewer finds somebody by their id.
async fn finds(world: &World, viewer: &Person, user: &Person) -> bool {
    let new = json!({"type": "group", "title": "x", "participant_ids": [user.id]});
    match world.store.messaging.create_chat(&world.ctx(viewer), NewChat::from_json(new).unwrap()).await {
        Ok(_) => true,
        Err(Error::Invalid(errors)) => {
            assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_ref()), ("/participant_ids/0", "user.unknown"));
            false
        }
        Err(other) => panic!("{other}"),
    }
}

on_both! {
    async fn who_is_found_is_who_may_be_seen(world: World) {
        let [ada, friend] = world.people(["ada", "friend"]).await;
        for (number, (word, visibility)) in Visibility::WORDS.iter().enumerate() {
            for shares in [false, true] {
                let bob = world.person(&format!("bob{number}{shares}")).await;
                if shares {
                    world.group(&bob, &[&ada, &friend]).await;
                } else {
                    // Being in somebody else's chat makes nobody an acquaintance.
                    world.group(&bob, &[&friend]).await;
                }
                show(&world, &bob, *visibility).await;
                let expected = may_see(ada.id, bob.id, *visibility, shares);
                assert_eq!(finds(&world, &ada, &bob).await, expected, "{word} {shares}");
                assert!(finds(&world, &friend, &bob).await, "{word}");
                assert!(finds(&world, &bob, &bob).await, "{word}");
            }
        }
    }

    async fn a_private_profile_shows_its_card_to_nobody_new(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let pair = |with: &Person| NewChat::from_json(json!({"type": "private", "participant_ids": [with.id]})).unwrap();
        world.store.messaging.create_chat(&world.ctx(&bob), pair(&ada)).await.unwrap();
        show(&world, &ada, Visibility::Private).await;
        let refused = world.store.messaging.create_chat(&world.ctx(&eve), pair(&ada)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let known = world.store.messaging.create_chat(&world.ctx(&bob), pair(&ada)).await.unwrap().into_inner();
        assert_eq!(known.peer.unwrap().id, ada.id, "who shares a chat sees who is in it");
        // A hidden user may still write to others, who then see the author.
        let met = world.store.messaging.create_chat(&world.ctx(&ada), pair(&eve)).await.unwrap().into_inner();
        world.say(&ada, met.id, "hello").await;
        let ctx = world.ctx(&eve);
        let listed = world.store.messaging.chats(&ctx, ChatFilter::default(), PageRequest::default()).await.unwrap().items;
        assert_eq!(listed[0].last_message.as_ref().unwrap().sender.id, ada.id);
    }
}
