//! Lists of chats show current last messages, names and read marks, although much of it comes from caches.

use clowder_accounts::{ProfilePatch, privacy::tombstone};
use clowder_core::{ChatId, Input, PageRequest};
use clowder_infra::{Follower, Store};
use clowder_messaging::{Chat, ChatFilter, Message, MessagePatch, NewChat, NewRead, Status, Window};
use serde_json::json;

use crate::{
    privacy::{system, work},
    world::{Person, World, on_both},
};

async fn listed(world: &World, store: &Store, viewer: &Person, chat: ChatId) -> Chat {
    let page = store.messaging.chats(&world.ctx(viewer), ChatFilter::default(), PageRequest::default()).await.unwrap();
    page.items.into_iter().find(|listed| listed.id == chat).unwrap()
}

async fn catch_up(store: &Store, follower: &mut Follower) {
    let heads = store.journal.extent().await.unwrap().heads;
    while *follower.known() != heads {
        follower.step().await.unwrap();
    }
}

async fn rename(world: &World, store: &Store, person: &Person, name: &str) {
    let patch = ProfilePatch::from_json(json!({"display_name": name})).unwrap();
    store.accounts.edit_me(&world.ctx(person), None, patch).await.unwrap();
}

on_both! {
    async fn the_last_message_is_as_it_is_now_on_every_node(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let nodes = [world.store.clone(), world.another_node().await];
        let same_everywhere = async |expected: &Message| {
            // Twice, so that the second time it comes from the cache.
            for store in nodes.iter().chain(&nodes) {
                for viewer in [&ada, &bob] {
                    assert_eq!(listed(&world, store, viewer, chat).await.last_message.as_ref(), Some(expected));
                }
            }
        };
        let ctx = world.ctx(&ada);
        let patch = |text: &str| MessagePatch::from_json(json!({"content": text})).unwrap();
        let first = world.say(&ada, chat, "first").await;
        same_everywhere(&first).await;
        let edited = nodes[1].messaging.edit(&ctx, first.id, None, patch("edited")).await.unwrap();
        same_everywhere(&edited).await;
        let again = nodes[0].messaging.edit(&ctx, first.id, None, patch("edited again")).await.unwrap();
        same_everywhere(&again).await;
        nodes[1].messaging.delete(&ctx, first.id, None).await.unwrap();
        let gone = world.store.messaging.message(&ctx, first.id).await.unwrap();
        assert_eq!(gone.content, None);
        same_everywhere(&gone).await;
        let second = world.say(&bob, chat, "second").await;
        same_everywhere(&second).await;
        // An edit of an earlier message changes nothing.
        let third = world.say(&bob, chat, "third").await;
        nodes[0].messaging.edit(&world.ctx(&bob), second.id, None, patch("earlier")).await.unwrap();
        same_everywhere(&third).await;
    }

    async fn names_are_as_fresh_as_the_journal_is_followed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let group = world.group(&ada, &[&bob]).await.id;
        let pair = NewChat::from_json(json!({"type": "private", "participant_ids": [bob.id]})).unwrap();
        let pair = world.store.messaging.create_chat(&world.ctx(&ada), pair).await.unwrap().into_inner().id;
        world.say(&bob, group, "hello").await;
        let other = world.another_node().await;
        let shown = async |store: &Store| {
            let sender = listed(&world, store, &ada, group).await.last_message.unwrap().sender;
            let peer = listed(&world, store, &ada, pair).await.peer.unwrap();
            let page = store.messaging.messages(&world.ctx(&ada), group, Window::NEWEST, 1).await.unwrap();
            assert_eq!((&sender, &sender), (&peer, &page.items[0].sender));
            sender
        };
        let name = async |store: &Store| shown(store).await.display_name;
        assert_eq!(name(&other).await, "bob");
        rename(&world, &world.store, &bob, "two").await;
        assert_eq!((name(&world.store).await, name(&other).await), ("two".into(), "two".into()), "nobody follows yet");

        let (mut here, mut there) = (world.store.follow().await.unwrap(), other.follow().await.unwrap());
        assert_eq!((name(&world.store).await, name(&other).await), ("two".into(), "two".into()));
        rename(&world, &world.store, &bob, "three").await;
        assert_eq!(name(&world.store).await, "three", "what this node did at once");
        catch_up(&other, &mut there).await;
        assert_eq!(name(&other).await, "three", "what another did when the journal tells");
        rename(&world, &other, &bob, "four").await;
        catch_up(&world.store, &mut here).await;
        assert_eq!(name(&world.store).await, "four");

        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        catch_up(&other, &mut there).await;
        catch_up(&world.store, &mut here).await;
        assert_eq!((shown(&world.store).await, shown(&other).await), (tombstone(bob.id), tombstone(bob.id)));
    }

    async fn a_node_that_slept_longer_than_the_journal_remembers_learns_anew(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.say(&bob, chat, "hello").await;
        let other = world.another_node().await;
        let mut there = other.follow().await.unwrap();
        let name = async || listed(&world, &other, &ada, chat).await.last_message.unwrap().sender.display_name;
        assert_eq!(name().await, "bob");
        rename(&world, &world.store, &bob, "two").await;
        assert_eq!(name().await, "bob", "asleep");
        world.wait(std::time::Duration::from_secs(8 * 24 * 3600));
        while world.store.upkeep.sweep(&world.nobody(), std::time::Duration::ZERO).await.unwrap() > 0 {}
        world.say(&ada, chat, "good morning").await;
        catch_up(&other, &mut there).await;
        let patch = MessagePatch::from_json(json!({"content": "hello again"})).unwrap();
        let last = world.say(&bob, chat, "hello").await;
        other.messaging.edit(&world.ctx(&bob), last.id, None, patch).await.unwrap();
        assert_eq!(name().await, "two");
    }

    async fn who_has_read_what_is_exact_whatever_the_order(world: World) {
        let people = world.people(["ada", "bob", "cem", "dia"]).await;
        let others: Vec<_> = people.iter().skip(1).collect();
        let chat = world.group(&people[0], &others).await.id;
        let (mut marks, mut said, mut dice) = ([0_i64; 4], Vec::<(usize, Message)>::new(), 20_261_121_u64);
        for _ in 0..80 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (who, throw) = ((dice >> 33) as usize % 4, (dice >> 40) as i64);
            if said.is_empty() || throw % 3 == 0 {
                said.push((who, world.say(&people[who], chat, "x").await));
            } else {
                let seq = throw % (said.len() as i64 + 1);
                let read = NewRead { seq };
                world.store.messaging.read(&world.ctx(&people[who]), chat, read).await.unwrap();
                marks[who] = marks[who].max(seq);
            }
            let expected = |(sender, message): &(usize, Message)| {
                let others = marks.iter().enumerate().filter(|(reader, _)| reader != sender);
                let all = others.map(|(_, mark)| *mark).min().unwrap_or(0);
                if all >= message.seq { Status::Read } else { Status::Sent }
            };
            let viewer = &people[throw as usize % 4];
            let last = listed(&world, &world.store, viewer, chat).await.last_message.unwrap();
            assert_eq!(Some(last.status), said.last().map(expected), "{marks:?}");
            let page = world.store.messaging.messages(&world.ctx(viewer), chat, Window::After(0), 100).await.unwrap();
            let statuses: Vec<_> = page.items.iter().map(|message| message.status).collect();
            assert_eq!(statuses, said.iter().map(expected).collect::<Vec<_>>(), "{marks:?}");
        }
        assert!(marks.iter().all(|mark| *mark > 0) && said.len() > 10, "the dice fell well");
    }
}
