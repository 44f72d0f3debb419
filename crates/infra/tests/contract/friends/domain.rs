//! What the tests of all domains need to know about friends.

use clowder_core::{IdempotencyKey, PageRequest};
use clowder_social::{Decision, FriendFilter, NewFriendRequest};
use serde_json::json;

use crate::{
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, Stage, of},
    world::{Person, World, code},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Friends::request", "Friends::decide", "Friends::remove", "Friends::dismiss"],
    reads: &["Friends::list", "Friends::of", "Friends::relationships", "Friends::requests", "Friends::suggestions"],
    perform,
    keeps,
    repeats,
    ids: &["friend_requests.id"],
    never: &[
        (
            "a friendship in one direction only",
            "friendships f WHERE NOT EXISTS (SELECT 1 FROM friendships g WHERE g.user_id = f.friend_id
               AND g.friend_id = f.user_id)",
        ),
        (
            "a number of friends that is not how many there are",
            "friend_lists l WHERE l.friends <> (SELECT count(*) FROM friendships f WHERE f.user_id = l.user_id)",
        ),
        (
            "friends without a number of friends",
            "friendships f WHERE NOT EXISTS (SELECT 1 FROM friend_lists l WHERE l.user_id = f.user_id)",
        ),
        (
            "an open request between friends",
            "friend_requests r JOIN friendships f ON f.user_id = r.from_id AND f.friend_id = r.to_id
               WHERE r.status = 'pending'",
        ),
        (
            "open requests in both directions",
            "friend_requests r JOIN friend_requests s ON s.from_id = r.to_id AND s.to_id = r.from_id
               WHERE r.status = 'pending' AND s.status = 'pending'",
        ),
    ],
    ..Domain::NONE
};

fn ask(user: clowder_core::UserId) -> NewFriendRequest {
    of(json!({"user_id": user, "message": "a peculiar wish"}))
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let [dear, new, odd] = world.people(["dear", "new", "odd"]).await;
        let friends = &world.store.friends;
        friends.request(&world.ctx(ada), ask(dear.id)).await?;
        friends.request(&world.ctx(&dear), ask(ada.id)).await?;
        friends.request(&world.ctx(&new), ask(ada.id)).await?;
        friends.dismiss(&world.ctx(ada), odd.id).await
    })
}

/// A request that was decided in between is shown as it is now.
fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let shy = world.person("shy").await;
        let friends = &world.store.friends;
        let made = friends.request(&once(world.ctx(ada), "friend"), ask(shy.id)).await?.into_inner();
        let reject = of::<Decision>(json!({"action": "reject"}));
        friends.decide(&world.ctx(&shy), made.id, reject).await?;
        let again = friends.request(&once(world.ctx(ada), "friend"), ask(shy.id)).await?.into_inner();
        assert_eq!((again.id, again.status), (made.id, clowder_social::friends::RequestStatus::Rejected));
        let other = friends.request(&once(world.ctx(ada), "another"), ask(shy.id)).await;
        assert_eq!(code(other), "friend.too_soon");
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, who, ctx, dice, .. } = scene;
        // Somebody else of the four.
        let place = 2 + (who - 2 + 1 + dice.below(3)) % 4;
        let other = stage.members[place].id;
        let friends = &store.friends;
        match write {
            "Friends::request" => {
                let key = IdempotencyKey::new(stage.fresh("k"), [1; 32]);
                let ctx = clowder_core::Ctx { idempotency_key: Some(key), ..ctx };
                let made = friends.request(&ctx, ask(other)).await?;
                if let clowder_core::Made::New(request) = made {
                    stage.friend_requests.lock().unwrap().push((who, place, request.id));
                }
                Ok(())
            }
            "Friends::decide" => {
                let (from, to, request) = Stage::take(&stage.friend_requests).ok_or(NOTHING_TO_DO)?;
                // After a rejection these two can't ask again for the rest of the test.
                let (by, action) = match dice.below(8) {
                    0 => (from, "cancel"),
                    1 => (to, "reject"),
                    _ => (to, "accept"),
                };
                friends.decide(&stage.ctx(by), request, of(json!({"action": action}))).await.map(drop)
            }
            "Friends::remove" => {
                let now = friends.list(&ctx, FriendFilter::default(), PageRequest::default()).await?;
                friends.remove(&ctx, now.items.first().map_or(other, |friend| friend.user.id)).await
            }
            "Friends::dismiss" => friends.dismiss(&ctx, other).await,
            unknown => panic!("nobody performs {unknown}"),
        }
    })
}
