//! Into which chats people are brought by somebody who is not their friend, and how often.

use std::time::Duration;

use clowder_core::{Error, attempt::ALONE_FOR};
use clowder_messaging::{NewChat, chats::Gone};
use serde_json::json;

use super::adding;
use crate::{
    friends::befriend,
    privacy::system,
    stress::of,
    world::{Person, World, code, on_both},
};

/// The code of the field that is wrong, or that of the refusal.
fn why<T: std::fmt::Debug>(result: clowder_core::Result<T>) -> String {
    match result {
        Ok(_) => "fine".to_owned(),
        Err(Error::Invalid(errors)) => errors[0].code.to_string(),
        other => code(other).to_owned(),
    }
}

fn private(with: &Person) -> NewChat {
    of(json!({"type": "private", "participant_ids": [with.id]}))
}

on_both! {
    async fn whoever_has_left_a_chat_is_left_alone_by_strangers(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        befriend(&world, &eve, &bob).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let people = &world.store.participants;
        let leave = async || people.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        leave().await;
        world.changes().await;
        assert_eq!(why(people.add(&world.ctx(&ada), chat, adding(&[&bob])).await), "too_soon");
        assert!(world.names().await.is_empty());
        people.add(&world.ctx(&eve), chat, adding(&[&bob])).await.expect("a friend adds him");
        leave().await;
        // Anybody can ask him.
        world.store.invitations.invite(&world.ctx(&ada), chat, of(json!({"user_ids": [bob.id]}))).await.unwrap();
        world.store.invitations.answer(&world.ctx(&bob), chat, of(json!({"action": "accept"}))).await.unwrap();
        leave().await;
        world.wait(ALONE_FOR - Duration::from_secs(60));
        while world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(why(people.add(&world.ctx(&ada), chat, adding(&[&bob])).await), "too_soon");
        world.wait(Duration::from_secs(60));
        people.add(&world.ctx(&ada), chat, adding(&[&bob])).await.unwrap();
        // Whoever was removed has not left.
        people.remove(&world.ctx(&ada), chat, bob.id).await.unwrap();
        people.add(&world.ctx(&ada), chat, adding(&[&bob])).await.unwrap();
        world.changes().await;
    }

    async fn it_is_known_that_somebody_left_however_long_they_were_there(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let people = &world.store.participants;
        world.wait(Duration::from_secs(35 * 24 * 3600));
        people.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        world.wait(Duration::from_secs(10 * 24 * 3600));
        while world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(why(people.add(&world.ctx(&ada), chat, adding(&[&bob])).await), "too_soon");
        world.changes().await;
    }

    async fn chats_with_strangers_are_not_made_again_and_again(world: World) {
        let [ada, bob, eve, cem] = world.people(["ada", "bob", "eve", "cem"]).await;
        befriend(&world, &ada, &cem).await;
        let node = world.node_with(|options| {
            (options.messaging.strangers_a_day, options.messaging.same_stranger_a_day) = (5, 2);
        }).await;
        let make = async |new: NewChat| node.messaging.create_chat(&world.ctx(&ada), new).await.map(clowder_core::Made::into_inner);
        let group = |with: &[&Person]| {
            let ids: Vec<_> = with.iter().map(|person| person.id).collect();
            of::<NewChat>(json!({"type": "group", "title": "Lunch", "participant_ids": ids}))
        };
        let gone = async |new: NewChat| {
            let chat = make(new).await.unwrap().id;
            let gone = node.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
            assert!(matches!(gone, Gone::Whole));
        };
        for _ in 0..2 {
            gone(group(&[&bob])).await;
        }
        world.changes().await;
        assert_eq!(why(make(private(&bob)).await), "too_soon", "with the chats, it is not forgotten how often");
        assert_eq!(why(make(group(&[&cem, &bob])).await), "too_soon");
        let lunch = make(group(&[&eve])).await.unwrap();
        assert_eq!(why(node.participants.add(&world.ctx(&ada), lunch.id, adding(&[&bob])).await), "too_soon");
        // Friends do not count, and an existing chat is found.
        for _ in 0..4 {
            gone(group(&[&cem])).await;
        }
        let found = make(private(&eve)).await.unwrap();
        assert_eq!(make(private(&eve)).await.unwrap().id, found.id);
        let [dan, fay] = world.people(["dan", "fay"]).await;
        assert_eq!(why(make(group(&[&dan, &fay])).await), "chat.strangers_today");
        make(private(&dan)).await.expect("one more");
        world.names().await;
        assert_eq!(why(node.participants.add(&world.ctx(&ada), lunch.id, adding(&[&fay])).await), "chat.strangers_today");
        assert_eq!(why(make(private(&fay)).await), "chat.strangers_today");
        assert!(world.names().await.is_empty());
        node.messaging.create_chat(&world.ctx(&bob), private(&ada)).await.expect("others can");
        world.wait(Duration::from_secs(24 * 3600));
        make(private(&fay)).await.unwrap();
        world.changes().await;
    }

    async fn invitations_are_counted_when_their_chat_is_gone(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for n in 0..6 {
            let chat = world.group(&ada, &[]).await.id;
            let invited = world.store.invitations.invite(&world.ctx(&ada), chat, of(json!({"user_ids": [bob.id]}))).await;
            assert_eq!(why(invited.map(drop)), if n < 5 { "fine" } else { "too_soon" });
            world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        }
        for n in 0..6 {
            let group = world.store.groups.create(&world.ctx(&ada), of(json!({"name": "Gardeners"}))).await.unwrap().id;
            let invited = world.store.groups.invite(&world.ctx(&ada), group, of(json!({"user_ids": [bob.id]}))).await;
            assert_eq!(why(invited.map(drop)), if n < 5 { "fine" } else { "too_soon" });
            world.store.groups.delete(&world.ctx(&ada), group, None).await.unwrap();
        }
        world.changes().await;
    }

    async fn strangers_leave_room_for_friends(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        befriend(&world, &ada, &bob).await;
        let node = world.node_with(|options| options.messaging.memberships = 4).await;
        let lunch = |title: &str| of::<NewChat>(json!({"type": "group", "title": title, "participant_ids": [bob.id]}));
        let made = async |who: &Person, title: &str| node.messaging.create_chat(&world.ctx(who), lunch(title)).await.map(drop);
        made(&eve, "One").await.unwrap();
        made(&eve, "Two").await.unwrap();
        assert_eq!(why(made(&eve, "Three").await), "chat.memberships", "strangers can take half of the room");
        // Private chats take none.
        node.messaging.create_chat(&world.ctx(&eve), private(&bob)).await.unwrap();
        node.messaging.create_chat(&world.ctx(&ada), private(&bob)).await.unwrap();
        made(&ada, "Three").await.unwrap();
        let own = world.group(&ada, &[]).await.id;
        node.participants.add(&world.ctx(&ada), own, adding(&[&bob])).await.unwrap();
        assert_eq!(why(made(&ada, "Five").await), "chat.memberships");
        world.changes().await;
    }
}
