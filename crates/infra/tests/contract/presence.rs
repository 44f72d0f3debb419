//! The guarantees of `Presences`, and who sees and hears what of somebody's presence.

pub mod domain;

use std::{collections::BTreeSet, time::Duration};

use clowder_accounts::{
    model::SettingsPatch,
    presence::{NewPresence, OwnPresence, PresenceStatus, Turn},
};
use clowder_core::{Actor, Ctx, Input, PageRequest, Presence, Timestamp, UserId};
use clowder_social::{FriendFilter, friends::Order};
use serde_json::{Value, json};

use crate::{
    friends::befriend,
    privacy::{system, work},
    world::{Person, World, on_both},
};

/// Seconds.
const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn set(world: &World, person: &Person, new: Value) -> OwnPresence {
    let new = NewPresence::from_json(new).unwrap();
    world.store.presence.set_presence(&world.ctx(person), new).await.unwrap()
}

async fn settings(world: &World, person: &Person, privacy: Value) {
    let patch = SettingsPatch::from_json(json!({"privacy": privacy})).unwrap();
    world.store.preferences.edit_settings(&world.ctx(person), None, patch).await.unwrap();
}

/// Everything that is to be noted by now.
async fn note(world: &World) -> Vec<Turn> {
    let now = world.now();
    let turns = world.store.online.turns(now);
    world.store.presence.turned(&Ctx::new(Actor::System, now, "presence"), turns.clone()).await.unwrap();
    turns
}

async fn enters(world: &World, person: &Person) -> Timestamp {
    let now = world.now();
    world.store.online.enter(person.id, now);
    note(world).await;
    now
}

/// What the viewer sees of a person.
async fn seen(world: &World, viewer: &Person, person: &Person) -> (Option<Presence>, Option<Timestamp>) {
    let user = world.store.profiles.user(&world.ctx(viewer), person.id, None).await.unwrap().user;
    (user.presence, user.last_seen_at)
}

/// To whom, what, and the status in it.
fn heard(world: &World) -> Vec<(BTreeSet<UserId>, &'static str, Value)> {
    let told = world.store.online.news().into_iter().map(|told| {
        let data: Value = serde_json::from_str(told.data.get()).unwrap();
        (world.store.online.among(told.to.iter().copied()).into_iter().collect(), told.name, data)
    });
    told.collect()
}

fn only(person: &Person) -> BTreeSet<UserId> {
    BTreeSet::from([person.id])
}

on_both! {
    async fn friends_who_are_online_hear_who_comes_and_goes(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        befriend(&world, &ada, &bob).await;
        befriend(&world, &ada, &cem).await;
        enters(&world, &bob).await;
        assert!(heard(&world).iter().all(|(to, ..)| to.is_empty()), "none of his friends is there");
        let came_at = enters(&world, &ada).await;
        let told = heard(&world);
        let [(to, name, data)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((to, *name), (&only(&bob), "user.online"));
        assert_eq!((&data["user_id"], &data["status"], &data["text"]), (&json!(ada.id), &json!("online"), &Value::Null));
        assert_eq!(seen(&world, &bob, &ada).await.0, Some(Presence::Online));

        let left_at = world.now();
        world.store.online.leave(ada.id, left_at);
        world.wait(s(9));
        assert!(note(&world).await.is_empty() && heard(&world).is_empty(), "she may be back");
        assert_eq!(seen(&world, &bob, &ada).await.0, Some(Presence::Online));
        world.wait(s(2));
        assert_eq!(note(&world).await, [Turn { user: ada.id, came: false, at: left_at }]);
        let told = heard(&world);
        assert_eq!((&told[0].0, told[0].1, &told[0].2["status"]), (&only(&bob), "user.offline", &json!("offline")));
        assert_eq!(told[0].2["last_seen_at"], json!(left_at));
        assert_eq!(seen(&world, &bob, &ada).await, (Some(Presence::Offline), Some(left_at)));
        assert!(left_at > came_at);
        assert!(world.changes().await.iter().all(|change| !change.name.starts_with("user.o")), "nothing of it is kept");
    }

    async fn a_status_is_seen_until_it_ends(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        enters(&world, &bob).await;
        let none = world.store.presence.presence(&world.ctx(&ada)).await.unwrap();
        let expected = (PresenceStatus::Online, None, None, Presence::Offline, None);
        assert_eq!((none.status, none.text, none.until, none.presence, none.last_seen_at), expected);
        enters(&world, &ada).await;
        heard(&world);
        world.names().await;
        let until = world.now().plus(s(3600));
        let busy = set(&world, &ada, json!({"status": "busy", "text": "in a meeting", "until": until})).await;
        assert_eq!((busy.status, busy.text.as_deref(), busy.until), (PresenceStatus::Busy, Some("in a meeting"), Some(until)));
        assert_eq!(world.names().await, ["user.updated"], "the text is part of the profile");
        let told = heard(&world);
        let [(to, name, data)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((to, *name), (&only(&bob), "user.status"));
        assert_eq!((&data["status"], &data["text"], &data["until"]), (&json!("busy"), &json!("in a meeting"), &json!(until)));
        let user = world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap().user;
        assert_eq!((user.presence, user.status_text.as_deref(), user.status_until), (Some(Presence::Busy), Some("in a meeting"), Some(until)));
        assert_eq!(set(&world, &ada, json!({"status": "busy", "text": "in a meeting", "until": until})).await, busy);
        assert!(heard(&world).is_empty() && world.names().await.is_empty(), "what changes nothing is no news");

        world.wait(s(3601));
        let after = world.store.presence.presence(&world.ctx(&ada)).await.unwrap();
        assert_eq!((after.status, after.text, after.until, after.presence), (PresenceStatus::Online, None, None, Presence::Online));
        assert_eq!(seen(&world, &bob, &ada).await.0, Some(Presence::Online));
        set(&world, &ada, json!({"status": "away", "text": "gone fishing"})).await;
        let cleared = set(&world, &ada, json!({"status": "away"})).await;
        assert_eq!((cleared.status, cleared.text), (PresenceStatus::Away, None), "both are set as a whole");
    }

    async fn who_is_invisible_looks_offline_in_everything(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        enters(&world, &bob).await;
        enters(&world, &ada).await;
        heard(&world);
        let ctx = world.ctx(&ada);
        let new = NewPresence::from_json(json!({"status": "invisible"})).unwrap();
        let hidden = world.store.presence.set_presence(&ctx, new).await.unwrap();
        assert_eq!(hidden.presence, Presence::Offline);
        let vanished_at = hidden.last_seen_at.unwrap();
        assert_eq!(vanished_at, ctx.now, "as exactly as if she had left");
        let told = heard(&world);
        assert_eq!((told.len(), told[0].1, &told[0].2["status"]), (1, "user.offline", &json!("offline")));
        world.wait(s(600));
        assert_eq!(seen(&world, &bob, &ada).await, (Some(Presence::Offline), Some(vanished_at)));
        world.store.online.leave(ada.id, world.now());
        world.wait(s(20));
        assert_eq!(note(&world).await.len(), 1);
        enters(&world, &ada).await;
        assert!(heard(&world).is_empty(), "nobody hears that she came or went");
        assert_eq!(seen(&world, &bob, &ada).await, (Some(Presence::Offline), Some(vanished_at)));
        set(&world, &ada, json!({"status": "away"})).await;
        let told = heard(&world);
        assert_eq!((told.len(), told[0].1, &told[0].2["status"]), (1, "user.online", &json!("away")));
    }

    async fn who_hides_it_is_not_seen_nor_heard_of(world: World) {
        let [ada, bob, cem, mod_] = world.people(["ada", "bob", "cem", "mona"]).await;
        befriend(&world, &ada, &bob).await;
        enters(&world, &bob).await;
        for (privacy, friend, stranger) in [("everyone", true, true), ("friends", true, false), ("nobody", false, false)] {
            settings(&world, &ada, json!({"last_seen": privacy})).await;
            heard(&world);
            enters(&world, &ada).await;
            assert_eq!(heard(&world).len(), usize::from(friend), "{privacy}");
            assert_eq!(seen(&world, &bob, &ada).await.0.is_some(), friend, "{privacy}");
            assert_eq!(seen(&world, &cem, &ada).await.0.is_some(), stranger, "{privacy}");
            assert!(seen(&world, &ada, &ada).await.0.is_some(), "{privacy}: her own");
            set(&world, &ada, json!({"status": "away", "text": format!("seen by {privacy}")})).await;
            assert_eq!(heard(&world).len(), usize::from(friend), "{privacy}");
            set(&world, &ada, json!({"status": "online"})).await;
            world.store.online.leave(ada.id, world.now());
            world.wait(s(11));
            heard(&world);
            note(&world).await;
            assert_eq!(heard(&world).len(), usize::from(friend), "{privacy}");
            let (presence, last_seen_at) = seen(&world, &bob, &ada).await;
            assert_eq!((presence.is_some(), last_seen_at.is_some()), (friend, friend), "{privacy}");
        }
        settings(&world, &ada, json!({"last_seen": "everyone", "bio": "nobody"})).await;
        enters(&world, &ada).await;
        set(&world, &ada, json!({"status": "busy", "text": "secret"})).await;
        let told = heard(&world);
        assert_eq!(told.last().unwrap().2["text"], Value::Null, "nor is the text heard by those who may not see it");
        world.store.profiles.user(&world.ctx(&mod_), ada.id, None).await.unwrap();
        let private = clowder_accounts::ProfilePatch::from_json(json!({"visibility": "private"})).unwrap();
        world.store.accounts.edit_me(&world.ctx(&ada), None, private).await.unwrap();
        set(&world, &ada, json!({"status": "away"})).await;
        assert!(heard(&world).is_empty(), "who is private is hidden from friends, too");
    }

    async fn friends_are_listed_by_presence_and_by_who_was_active_last(world: World) {
        let [ada, bob, cem, dan, eve] = world.people(["ada", "bob", "cem", "dan", "eve"]).await;
        for friend in [&bob, &cem, &dan, &eve] {
            befriend(&world, &ada, friend).await;
        }
        enters(&world, &cem).await;
        world.store.online.leave(cem.id, world.now());
        world.wait(s(60));
        note(&world).await;
        enters(&world, &bob).await;
        enters(&world, &dan).await;
        set(&world, &dan, json!({"status": "busy"})).await;
        enters(&world, &eve).await;
        settings(&world, &eve, json!({"last_seen": "nobody"})).await;
        let list = async |filter: FriendFilter, limit: u32, cursor: Option<String>| {
            let page = world.store.friends.list(&world.ctx(&ada), filter, PageRequest { limit, cursor }).await.unwrap();
            let found: Vec<_> = page.items.iter().map(|friend| (friend.user.id, friend.presence)).collect();
            (found, page.next_cursor)
        };
        let active = || FriendFilter { order: Order::Active, ..FriendFilter::default() };
        let (first, cursor) = list(active(), 2, None).await;
        let mut there = [(bob.id, Some(Presence::Online)), (dan.id, Some(Presence::Busy))];
        there.sort_by_key(|(id, _)| *id);
        assert_eq!(first, there, "who is online comes first");
        let (rest, _) = list(active(), 10, cursor).await;
        assert_eq!(rest, [(cem.id, Some(Presence::Offline)), (eve.id, None)], "and last who hides it");
        for (presence, expected) in
            [(Presence::Online, vec![bob.id]), (Presence::Busy, vec![dan.id]), (Presence::Offline, vec![cem.id]), (Presence::Away, vec![])]
        {
            let filter = FriendFilter { presence: Some(presence), ..FriendFilter::default() };
            let (found, _) = list(filter, 10, None).await;
            assert_eq!(found.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), expected, "{presence:?}");
        }
        let (plain, _) = list(FriendFilter::default(), 10, None).await;
        assert_eq!(plain.iter().find(|(id, _)| *id == dan.id).unwrap().1, Some(Presence::Busy));
    }

    async fn nothing_is_noted_of_who_is_erased(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        enters(&world, &bob).await;
        set(&world, &ada, json!({"status": "away"})).await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        while work(&world, &world.store).await > 0 {}
        heard(&world);
        enters(&world, &ada).await;
        assert!(heard(&world).is_empty());
        assert_eq!(world.meddle("DELETE FROM presence WHERE status = 'away'").unwrap(), 0);
        let left = world.meddle("DELETE FROM presence").unwrap();
        assert_eq!(left, 1, "only that of the other");
    }

    async fn many_who_come_at_once_are_noted_together(world: World) {
        let people: Vec<_> = futures_util::future::join_all((0..120).map(|n| {
            let world = world.clone();
            async move { world.person(&format!("person{n}")).await }
        })).await;
        for person in &people {
            world.store.online.enter(person.id, world.now());
        }
        // Another node notes the same people, in another order.
        let other = world.another_node().await;
        let now = world.now();
        let ctx = Ctx::new(Actor::System, now, "presence");
        let mut turns = world.store.online.turns(now);
        let here = world.store.presence.turned(&ctx, turns.clone());
        turns.reverse();
        let (here, there) = tokio::join!(here, other.presence.turned(&ctx, turns));
        here.unwrap();
        there.unwrap();
        assert_eq!(world.meddle("UPDATE presence SET status = 'online' WHERE last_seen_at IS NOT NULL").unwrap(), 120);
    }
}
