//! Lists of friends, what connects people, and who is suggested.

use std::time::Duration;

use clowder_accounts::profiles::SeenAs;
use clowder_core::{Error, Friendship, Id, Input, PageRequest, UserId};
use clowder_social::{FriendFilter, FriendsOf, friends::Order};
use serde_json::{Value, json};

use super::{asks, befriend};
use crate::{
    exports::fetch,
    privacy::export_anew,
    world::{Person, World, code, on_both},
};

on_both! {
    async fn friends_are_listed_in_both_orders_and_found_by_name(world: World) {
        let ada = world.person("ada").await;
        let mut friends = Vec::new();
        for name in ["zoe", "bjorn", "cem"] {
            let friend = world.person(name).await;
            world.wait(Duration::from_secs(1));
            befriend(&world, &ada, &friend).await;
            friends.push(friend);
        }
        world.meddle("UPDATE users SET display_name = 'Bjørn Élan' WHERE username = 'bjorn'").unwrap();
        let [zoe, bjorn, cem] = [friends[0].id, friends[1].id, friends[2].id];
        let list = async |search: Option<&str>, order: Order| {
            let (mut cursor, mut found) = (None, Vec::new());
            loop {
                let filter = FriendFilter { search: search.map(str::to_owned), order, ..FriendFilter::default() };
                let page = PageRequest { limit: 1, cursor };
                let page = world.store.friends.list(&world.ctx(&ada), filter, page).await.unwrap();
                found.extend(page.items.into_iter().map(|friend| friend.user.id));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return found;
                }
            }
        };
        assert_eq!(list(None, Order::Since).await, [cem, bjorn, zoe]);
        assert_eq!(list(None, Order::Name).await, [bjorn, cem, zoe]);
        assert_eq!(list(Some("elan"), Order::Name).await, [bjorn]);
        assert_eq!(list(Some("E"), Order::Since).await, [bjorn], "short words are beginnings, as in all searches");
        assert_eq!(list(Some("ÉLAN bjorn"), Order::Since).await, [bjorn], "in any order");
        assert_eq!(list(Some("jør"), Order::Since).await, [bjorn]);
        assert_eq!(list(Some("..."), Order::Since).await, [], "nothing that could be part of a name");
        assert_eq!(list(Some("nobody"), Order::Since).await, []);
    }

    async fn relationships_are_told_for_many_at_once(world: World) {
        let [ada, bob, cem, dan] = world.people(["ada", "bob", "cem", "dan"]).await;
        let [eve, fay] = world.people(["eve", "fay"]).await;
        befriend(&world, &ada, &bob).await;
        befriend(&world, &ada, &cem).await;
        befriend(&world, &bob, &cem).await;
        befriend(&world, &dan, &bob).await;
        befriend(&world, &dan, &cem).await;
        asks(&world, &ada, &eve).await;
        asks(&world, &fay, &ada).await;
        let nobody: UserId = Id::new(world.now());
        let ids = vec![bob.id, cem.id, dan.id, eve.id, fay.id, nobody, ada.id];
        let friends = [Friendship::Friends, Friendship::Friends, Friendship::None, Friendship::Outgoing, Friendship::Incoming, Friendship::None, Friendship::None];
        let mutual = [1, 1, 2, 0, 0, 0, 0];
        // Twice, so that the second time it comes from the cache.
        for _ in 0..2 {
            let found = world.store.friends.relationships(&world.ctx(&ada), ids.clone()).await.unwrap();
            assert_eq!(found.iter().map(|found| found.user_id).collect::<Vec<_>>(), ids);
            assert_eq!(found.iter().map(|found| found.friendship).collect::<Vec<_>>(), friends);
            assert_eq!(found.iter().map(|found| found.mutual_friends).collect::<Vec<_>>(), mutual);
        }
        // What another node changes is seen at once.
        world.another_node().await.friends.remove(&world.ctx(&dan), cem.id).await.unwrap();
        let found = world.store.friends.relationships(&world.ctx(&ada), vec![dan.id]).await.unwrap();
        assert_eq!(found[0].mutual_friends, 1);
    }

    async fn who_hides_their_friends_gives_none_of_them_away(world: World) {
        let [ada, bob, cem, dan] = world.people(["ada", "bob", "cem", "dan"]).await;
        for (one, other) in [(&ada, &bob), (&bob, &cem), (&cem, &dan)] {
            befriend(&world, one, other).await;
        }
        let shown = async || {
            let ctx = world.ctx(&ada);
            let common = world.store.friends.relationships(&ctx, vec![cem.id]).await.unwrap()[0].mutual_friends;
            let suggested = world.store.friends.suggestions(&ctx, PageRequest::default()).await.unwrap().items.len();
            let found = world.store.profiles.search_users(&ctx, Some("ce".to_owned()), PageRequest::default()).await;
            (common, suggested, found.unwrap().items[0].score)
        };
        let open = shown().await;
        assert_eq!((open.0, open.1), (1, 1));
        let choose = async |person: &Person, audience: &str| {
            let patch = json!({"privacy": {"friends_list": audience}});
            let patch = clowder_accounts::model::SettingsPatch::from_json(patch).unwrap();
            world.store.preferences.edit_settings(&world.ctx(person), None, patch).await.unwrap();
        };
        for audience in ["friends", "nobody"] {
            choose(&cem, audience).await;
            assert_eq!((shown().await.0, shown().await.1), (0, 1), "{audience}: a stranger's");
        }
        choose(&cem, "everyone").await;
        choose(&bob, "friends").await;
        assert_eq!(shown().await, open, "ada is a friend");
        choose(&bob, "nobody").await;
        assert_eq!((shown().await.0, shown().await.1), (1, 0), "bob's list tells nothing; cem's still does");
    }

    async fn friends_of_friends_are_suggested_until_they_are_dismissed(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let [near, far, asked, hidden] = world.people(["near", "far", "asked", "hidden"]).await;
        for friend in [&bob, &cem] {
            befriend(&world, &ada, friend).await;
            befriend(&world, friend, &near).await;
        }
        for other in [&far, &asked, &hidden] {
            befriend(&world, &bob, other).await;
        }
        asks(&world, &asked, &ada).await;
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'hidden'").unwrap();
        let muted = world.person("muted").await;
        befriend(&world, &bob, &muted).await;
        world.store.blocks.mute(&world.ctx(&ada), muted.id, clowder_social::NewMute::default()).await.unwrap();
        let suggested = async || {
            let (mut cursor, mut found) = (None, Vec::new());
            loop {
                let page = PageRequest { limit: 1, cursor };
                let page = world.store.friends.suggestions(&world.ctx(&ada), page).await.unwrap();
                found.extend(page.items);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            found.into_iter().map(|found| (found.user.id, found.mutual_friends)).collect::<Vec<_>>()
        };
        assert_eq!(suggested().await, [(near.id, 2), (far.id, 1)]);
        // Whoever goes in between moves nobody to another page.
        let page_of = async |cursor| {
            world.store.friends.suggestions(&world.ctx(&ada), PageRequest { limit: 1, cursor }).await
        };
        let first = page_of(None).await.unwrap();
        world.store.friends.dismiss(&world.ctx(&ada), near.id).await.unwrap();
        let second = page_of(first.next_cursor).await.unwrap();
        assert_eq!([first.items[0].user.id, second.items[0].user.id], [near.id, far.id]);
        for wrong in ["1", "x.y", "-1.01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"] {
            assert!(matches!(page_of(Some(wrong.to_owned())).await, Err(Error::Invalid(_))), "{wrong}");
        }
        world.store.friends.dismiss(&world.ctx(&ada), near.id).await.unwrap();
        world.store.friends.dismiss(&world.ctx(&ada), near.id).await.unwrap();
        assert_eq!(suggested().await, [(far.id, 1)]);
        assert_eq!(code(world.store.friends.dismiss(&world.ctx(&ada), hidden.id).await), "user.unknown");
        let exported = async || {
            let files = fetch(&world, &export_anew(&world, &ada).await).await;
            let mut items: Vec<Value> = serde_json::from_str(&files["dismissed_suggestions.json"]).unwrap();
            let one = items.pop().unwrap();
            (items.len(), one["user_id"] == json!(near.id), one["user"]["username"].clone())
        };
        assert_eq!(exported().await, (0, true, json!("near")));
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'near'").unwrap();
        assert_eq!(exported().await, (0, true, Value::Null), "whoever has hidden since");
        // To moderate somebody is no reason to know them.
        let mut moderator = world.ctx(&ada);
        if let clowder_core::Actor::User { role, .. } = &mut moderator.actor {
            *role = clowder_core::Role::Moderator;
        }
        let page = world.store.friends.suggestions(&moderator, PageRequest::default()).await.unwrap();
        assert_eq!(page.items.iter().map(|found| found.user.id).collect::<Vec<_>>(), [far.id]);
        // Whose friends cannot be seen, because of that nobody is suggested.
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'bob'").unwrap();
        assert_eq!(suggested().await, []);
    }

    /// Whoever is hidden from a viewer is in no number that the viewer sees.
    async fn counts_are_those_of_the_lists(world: World) {
        let [ada, bob, cem, eve] = world.people(["ada", "bob", "cem", "eve"]).await;
        let [open, private, suspended, blocking] = world.people(["open", "private", "suspended", "blocking"]).await;
        for friend in [&open, &private, &suspended, &blocking] {
            befriend(&world, &ada, friend).await;
            befriend(&world, &bob, friend).await;
        }
        befriend(&world, &eve, &open).await;
        befriend(&world, &eve, &private).await;
        let counts = async |viewer: &Person, seen_as| {
            let shown = world.store.profiles.user(&world.ctx(viewer), ada.id, seen_as).await.unwrap();
            shown.user.friends_count.unwrap()
        };
        let listed = async |viewer: &Person| {
            let page = PageRequest { limit: 200, cursor: None };
            world.store.friends.of(&world.ctx(viewer), FriendsOf::user(ada.id), page).await.unwrap().items.len() as i64
        };
        let common = async |viewer: &Person| {
            world.store.friends.relationships(&world.ctx(viewer), vec![ada.id]).await.unwrap()[0].mutual_friends
        };
        assert_eq!((counts(&cem, None).await, common(&bob).await, common(&eve).await), (4, 4, 2));
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'private'").unwrap();
        world.meddle("UPDATE users SET suspension_reason = 'spam' WHERE username = 'suspended'").unwrap();
        world.store.blocks.block(&world.ctx(&blocking), cem.id, clowder_social::NewBlock::default()).await.unwrap();
        for (viewer, seen) in [(&cem, 1), (&bob, 2), (&eve, 2)] {
            assert_eq!((counts(viewer, None).await, listed(viewer).await), (seen, seen));
        }
        assert_eq!((common(&bob).await, common(&eve).await), (2, 1));
        // One's own list shows all; others see as many as everybody may see.
        for (seen_as, expected) in [(None, 4), (Some(SeenAs::Public), 2), (Some(SeenAs::Friend), 2)] {
            let whose = FriendsOf { seen_as, ..FriendsOf::user(ada.id) };
            let listed = world.store.friends.of(&world.ctx(&ada), whose, PageRequest::default()).await.unwrap().items;
            assert_eq!((counts(&ada, seen_as).await, listed.len()), (expected, expected as usize), "{seen_as:?}");
        }
        let (ctx, page) = (world.ctx(&ada), PageRequest { limit: 3, cursor: None });
        let all = world.store.friends.list(&ctx, FriendFilter::default(), page.clone()).await.unwrap();
        let own = world.store.friends.of(&ctx, FriendsOf::user(ada.id), page).await.unwrap();
        assert_eq!((own.items, own.next_cursor), (all.items, all.next_cursor), "one's own list is one list");
        // Nobody is suggested, or found before others, because of a friend who is hidden.
        let near = world.person("nearby").await;
        world.meddle("UPDATE users SET visibility = 'public' WHERE username = 'private'").unwrap();
        befriend(&world, &near, &private).await;
        let score = async || {
            let (ctx, page) = (world.ctx(&eve), PageRequest::default());
            let found = world.store.profiles.search_users(&ctx, Some("earby".to_owned()), page).await.unwrap();
            (found.items[0].user.id, found.items[0].score, found.items[0].user.friends_count)
        };
        let suggested = async || {
            let page = world.store.friends.suggestions(&world.ctx(&eve), PageRequest::default()).await.unwrap();
            page.items.into_iter().filter(|found| found.user.id == near.id).map(|found| found.mutual_friends).collect()
        };
        let (before, none): (Vec<i64>, Vec<i64>) = (suggested().await, Vec::new());
        assert_eq!((score().await, before), ((near.id, 0.6, None), vec![1]));
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'private'").unwrap();
        let after: Vec<i64> = suggested().await;
        assert_eq!((score().await, after), ((near.id, 0.4, None), none));
    }

    async fn friends_of_others_are_seen_as_far_as_they_may_be_seen(world: World) {
        let [ada, bob, cem, dan] = world.people(["ada", "bob", "cem", "dan"]).await;
        for friend in [&bob, &cem, &dan] {
            befriend(&world, &ada, friend).await;
        }
        befriend(&world, &bob, &cem).await;
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'dan'").unwrap();
        let of = async |viewer: &Person, mutual: bool| {
            let (mut cursor, mut found) = (None, Vec::new());
            loop {
                let page = PageRequest { limit: 1, cursor };
                let page = world.store.friends.of(&world.ctx(viewer), FriendsOf { mutual, ..FriendsOf::user(ada.id) }, page).await.unwrap();
                found.extend(page.items.into_iter().map(|friend| friend.user.id));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return found;
                }
            }
        };
        let eve = world.person("eve").await;
        let sorted = |mut ids: Vec<UserId>| { ids.sort_unstable(); ids };
        assert_eq!(of(&eve, false).await, sorted(vec![bob.id, cem.id]));
        assert_eq!(of(&bob, true).await, [cem.id]);
        let refused = world.store.friends.of(&world.ctx(&ada), FriendsOf::user(dan.id), PageRequest::default()).await;
        assert_eq!(code(refused), "user.unknown");
    }
}
