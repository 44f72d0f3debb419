//! The guarantees of `Presences`, and who sees and hears what of somebody's presence.

pub mod domain;
mod told;

use std::{collections::BTreeSet, time::Duration};

use clowder_accounts::{
    ProfilePatch,
    model::SettingsPatch,
    presence::{LINGER, NewPresence, OwnPresence, PresenceStatus, TELL_EVERY},
};
use clowder_core::{
    Actor, Ctx, Input, PageRequest, Positions, Presence, Recorded, Result, Timestamp, UserId, journal::Chunk,
};
use clowder_infra::Store;
use clowder_social::{FriendFilter, friends::Order};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    friends::befriend,
    privacy::{system, work},
    world::{Person, World, entries_after, on_both},
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

async fn edit(world: &World, person: &Person, patch: Value) {
    let patch = ProfilePatch::from_json(patch).unwrap();
    world.store.accounts.edit_me(&world.ctx(person), None, patch).await.unwrap();
}

/// To whom of those who are connected, what, and its data.
type Heard = (BTreeSet<UserId>, &'static str, Value);

/// A node with sockets, as the gateway runs it: it hears of the journal, and looks after the people.
struct Node {
    store: Store,
    place: Mutex<Positions>,
}

impl Node {
    async fn of(store: &Store) -> Self {
        // Nobody does anything in these tests, for hours.
        store.online.idle_after(s(1_000_000));
        let place = Mutex::new(store.journal.extent().await.unwrap().heads);
        Self { store: store.clone(), place }
    }

    async fn hear(&self, world: &World) {
        let mut place = self.place.lock().await;
        for stream in 0..place.as_slice().len() {
            for entry in entries_after(&self.store, stream, place.get(stream), Chunk::rows(10_000)).await {
                place.advance(stream, entry.position);
                self.store.online.hear(&entry.change.unwrap(), world.now());
            }
        }
    }

    async fn look_after(&self, world: &World) -> Result<()> {
        while self.store.presence.tell_friends(&Ctx::new(Actor::System, world.now(), "presence")).await? > 0 {}
        Ok(())
    }

    /// What friends are told now, in the order in which they are.
    async fn tells(&self, world: &World) -> Vec<Heard> {
        self.hear(world).await;
        self.look_after(world).await.unwrap();
        let told = self.store.online.news().into_iter().map(|told| {
            let data = serde_json::from_str(told.data.get()).unwrap();
            (self.store.online.among(told.to.iter().copied()).into_iter().collect(), told.name, data)
        });
        told.collect()
    }

    /// The same after friends have had a rest from a person.
    async fn tells_later(&self, world: &World) -> Vec<Heard> {
        world.wait(TELL_EVERY);
        self.tells(world).await
    }

    async fn enters(&self, world: &World, person: &Person) -> Timestamp {
        let now = world.now();
        self.store.online.enter(person.id, now);
        now
    }

    /// Returns when the person left.
    async fn leaves(&self, world: &World, person: &Person) -> Timestamp {
        let now = world.now();
        self.store.online.leave(person.id, now);
        now
    }
}

/// What the viewer sees of a person.
async fn seen(world: &World, viewer: &Person, person: &Person) -> (Option<Presence>, Option<Timestamp>) {
    let user = world.store.profiles.user(&world.ctx(viewer), person.id, None).await.unwrap().user;
    (user.presence, user.last_seen_at)
}

fn only(person: &Person) -> BTreeSet<UserId> {
    BTreeSet::from([person.id])
}

/// Whom the only news is for, what it is, and the status in it.
fn one(told: &[Heard]) -> (BTreeSet<UserId>, &'static str, Value) {
    let [(to, name, data)] = told else { panic!("{told:?}") };
    (to.clone(), *name, data["status"].clone())
}

fn data(recorded: &Recorded) -> Value {
    serde_json::from_str(recorded.data.get()).unwrap()
}

on_both! {
    async fn a_status_is_told_to_the_persons_devices(world: World) {
        let [ada] = world.people(["ada"]).await;
        let until = world.now().plus(s(3600));
        let busy = json!({"status": "busy", "text": "in a meeting", "until": until});
        let after = set(&world, &ada, busy.clone()).await;
        assert_eq!((after.status, after.text.as_deref(), after.until), (PresenceStatus::Busy, Some("in a meeting"), Some(until)));
        let told = async || {
            let told = world.changes().await;
            assert!(told.iter().all(|change| change.topic.as_user() == Some(ada.id)), "{told:?}");
            let names: Vec<_> = told.iter().map(|change| change.name.to_string()).collect();
            (names, told.last().map_or(Value::Null, data))
        };
        let shown = |status: &str, text: Value, until: Value, seen_by: &str, text_seen_by: &str| {
            json!({"status": status, "text": text, "until": until, "seen_by": seen_by, "text_seen_by": text_seen_by})
        };
        let both = |with: &str| vec![with.to_owned(), "presence.updated".to_owned()];
        let first = shown("busy", json!("in a meeting"), json!(until), "everyone", "everyone");
        assert_eq!(told().await, (both("user.updated"), first.clone()));
        assert_eq!(set(&world, &ada, busy).await, after);
        assert_eq!(told().await.0, [""; 0], "what changes nothing is no change");
        set(&world, &ada, json!({"status": "away", "text": "in a meeting", "until": until})).await;
        let away = shown("away", json!("in a meeting"), json!(until), "everyone", "everyone");
        assert_eq!(told().await, (vec!["presence.updated".to_owned()], away), "the profile is the same");
        edit(&world, &ada, json!({"status_text": "back soon", "bio": "Counting."})).await;
        assert_eq!(told().await, (both("user.updated"), shown("away", json!("back soon"), json!(until), "everyone", "everyone")));
        edit(&world, &ada, json!({"bio": "Still counting."})).await;
        assert_eq!(told().await.0, ["user.updated"], "nothing of it is presence");
        settings(&world, &ada, json!({"last_seen": "friends"})).await;
        assert_eq!(told().await, (both("settings.updated"), shown("away", json!("back soon"), json!(until), "friends", "everyone")));
        settings(&world, &ada, json!({"bio": "nobody"})).await;
        assert_eq!(told().await, (both("settings.updated"), shown("away", json!("back soon"), json!(until), "friends", "nobody")));
        settings(&world, &ada, json!({"read_receipts": false})).await;
        assert_eq!(told().await.0, ["settings.updated"]);
        edit(&world, &ada, json!({"visibility": "private"})).await;
        assert_eq!(told().await, (both("user.updated"), shown("away", json!("back soon"), json!(until), "nobody", "nobody")));
        world.wait(s(3600));
        set(&world, &ada, json!({"status": "online"})).await;
        let (names, last) = told().await;
        assert_eq!((names.last().unwrap().as_str(), &last["status"], &last["text"]), ("presence.updated", &json!("online"), &Value::Null));
        // Deleted texts are gone from what is replayed.
        let all: Vec<Value> =
            world.everything().await.iter().filter(|change| &*change.name == "presence.updated").map(data).collect();
        assert!(all.len() > 5 && all.iter().all(|shown| shown["text"].is_null()), "{all:?}");
        world.gone(b"back soon").await;
    }

    async fn administrators_who_edit_a_status_text_tell_of_it_too(world: World) {
        let ada = world.person("ada").await;
        let root = world.with_role("rita", clowder_core::Role::Admin).await;
        set(&world, &ada, json!({"status": "busy", "text": "buy cheap pills"})).await;
        world.names().await;
        let patch = json!({"status_text": null, "reason": "advertising"});
        let patch = clowder_accounts::profiles::UserPatch::from_json(patch).unwrap();
        world.store.profiles.edit_user(&world.ctx(&root), ada.id, None, patch).await.unwrap();
        let told = world.changes().await;
        assert_eq!(told.iter().map(|change| &*change.name).collect::<Vec<_>>(), ["user.updated", "presence.updated"]);
        assert_eq!((told[1].topic.as_user(), &data(&told[1])["status"], &data(&told[1])["text"]), (Some(ada.id), &json!("busy"), &Value::Null));
        world.gone(b"cheap pills").await;
    }

    async fn a_status_is_seen_until_it_ends(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let none = world.store.presence.presence(&world.ctx(&ada)).await.unwrap();
        let expected = (PresenceStatus::Online, None, None, Presence::Offline, None);
        assert_eq!((none.status, none.text, none.until, none.presence, none.last_seen_at), expected);
        world.store.online.enter(ada.id, world.now());
        let until = world.now().plus(s(3600));
        set(&world, &ada, json!({"status": "busy", "text": "in a meeting", "until": until})).await;
        let user = world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap().user;
        assert_eq!((user.presence, user.status_text.as_deref(), user.status_until), (Some(Presence::Busy), Some("in a meeting"), Some(until)));
        world.wait(s(3601));
        let after = world.store.presence.presence(&world.ctx(&ada)).await.unwrap();
        assert_eq!((after.status, after.text, after.until, after.presence), (PresenceStatus::Online, None, None, Presence::Online));
        assert_eq!(seen(&world, &bob, &ada).await.0, Some(Presence::Online));
        set(&world, &ada, json!({"status": "away", "text": "gone fishing"})).await;
        let cleared = set(&world, &ada, json!({"status": "away"})).await;
        assert_eq!((cleared.status, cleared.text), (PresenceStatus::Away, None), "both are set as a whole");
    }

    async fn who_becomes_invisible_looks_like_who_disconnects(world: World) {
        let [ada, eve, bob] = world.people(["ada", "eve", "bob"]).await;
        let node = Node::of(&world.store).await;
        for person in [&ada, &eve] {
            set(&world, person, json!({"status": "busy"})).await;
            node.enters(&world, person).await;
        }
        node.tells(&world).await;
        world.wait(s(600));
        let at = node.leaves(&world, &eve).await;
        let new = NewPresence::from_json(json!({"status": "invisible"})).unwrap();
        let own = world.store.presence.set_presence(&Ctx::new(ada.actor, at, "test"), new).await.unwrap();
        assert_eq!((own.status, own.presence), (PresenceStatus::Invisible, Presence::Busy), "what others see for a while yet");
        for wait in [1, 1, 2] {
            node.tells(&world).await;
            let gone = seen(&world, &bob, &eve).await;
            assert_eq!(seen(&world, &bob, &ada).await, gone);
            assert_eq!(gone.0, Some(Presence::Busy));
            world.wait(s(wait));
        }
        world.wait(s(2));
        node.tells(&world).await;
        for person in [&ada, &eve] {
            assert_eq!(seen(&world, &bob, person).await, (Some(Presence::Offline), Some(at)), "to the microsecond");
        }
        world.wait(s(600));
        node.leaves(&world, &ada).await;
        world.wait(s(20));
        node.tells(&world).await;
        node.enters(&world, &ada).await;
        node.tells(&world).await;
        assert_eq!(seen(&world, &bob, &ada).await, (Some(Presence::Offline), Some(at)), "whatever she does then");
        // Who is invisible before they come is never seen.
        set(&world, &eve, json!({"status": "invisible"})).await;
        node.enters(&world, &eve).await;
        assert_eq!(seen(&world, &bob, &eve).await, (Some(Presence::Offline), Some(at)));
    }

    async fn friends_are_listed_by_presence_and_by_who_was_active_last(world: World) {
        let [ada, bob, cem, dan, eve] = world.people(["ada", "bob", "cem", "dan", "eve"]).await;
        for friend in [&bob, &cem, &dan, &eve] {
            befriend(&world, &ada, friend).await;
        }
        let node = Node::of(&world.store).await;
        node.enters(&world, &cem).await;
        node.tells(&world).await;
        node.leaves(&world, &cem).await;
        world.wait(s(60));
        node.tells(&world).await;
        node.enters(&world, &bob).await;
        node.enters(&world, &dan).await;
        set(&world, &dan, json!({"status": "busy"})).await;
        node.enters(&world, &eve).await;
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
        let node = Node::of(&world.store).await;
        node.enters(&world, &bob).await;
        set(&world, &ada, json!({"status": "away"})).await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        while work(&world, &world.store).await > 0 {}
        node.tells(&world).await;
        node.enters(&world, &ada).await;
        assert!(node.tells_later(&world).await.is_empty());
        assert_eq!(world.meddle("DELETE FROM presence WHERE status = 'away'").unwrap(), 0);
        let left = world.meddle("DELETE FROM presence").unwrap();
        assert_eq!(left, 1, "only that of the other");
    }

    async fn many_who_come_at_once_are_noted_together(world: World) {
        let people: Vec<_> = futures_util::future::join_all((0..120).map(|n| {
            let world = world.clone();
            async move { world.person(&format!("person{n}")).await }
        })).await;
        // They come to another node, too, in another order.
        let nodes = [Node::of(&world.store).await, Node::of(&world.another_node().await).await];
        for (here, there) in people.iter().zip(people.iter().rev()) {
            nodes[0].enters(&world, here).await;
            nodes[1].enters(&world, there).await;
        }
        let (here, there) = tokio::join!(nodes[0].look_after(&world), nodes[1].look_after(&world));
        here.unwrap();
        there.unwrap();
        assert_eq!(world.meddle("UPDATE presence SET status = 'online' WHERE last_seen_at IS NOT NULL").unwrap(), 120);
    }
}
