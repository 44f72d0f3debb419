//! The guarantees of `Notifications`, and of the reader that makes them.

pub mod domain;

use std::time::Duration;

use clowder_core::{ChatId, Error, Input, MessageId, PageRequest, Versions};
use clowder_infra::readers::Rewind;
use clowder_notifications::{Notification, NotificationFilter, NotificationType as T, PreferencesPatch};
use serde_json::{Value, json};

use crate::{
    readers::read_all,
    stress::of,
    world::{Person, World, code, on_both},
};

async fn listed(world: &World, person: &Person, filter: NotificationFilter) -> Vec<Notification> {
    let page = PageRequest { limit: 200, cursor: None };
    world.store.notifications.list(&world.ctx(person), filter, page).await.unwrap().items
}

/// Somebody's notifications, after the reader has read everything.
async fn told(world: &World, person: &Person) -> Vec<Notification> {
    read_all(&world.store, world).await;
    listed(world, person, NotificationFilter::default()).await
}

async fn unread(world: &World, person: &Person) -> i64 {
    world.store.notifications.unread_count(&world.ctx(person)).await.unwrap().unread_count
}

async fn prefers(world: &World, person: &Person, patch: Value) {
    world.store.notifications.prefer(&world.ctx(person), None, of::<PreferencesPatch>(patch)).await.unwrap();
}

async fn asks(world: &World, from: &Person, to: &Person) {
    let new = Input::from_json(json!({"user_id": to.id, "message": "a peculiar request"})).unwrap();
    world.store.friends.request(&world.ctx(from), new).await.unwrap();
}

async fn replies(world: &World, who: &Person, chat: ChatId, to: MessageId, text: &str) {
    let new = Input::from_json(json!({"content": text, "reply_to": to})).unwrap();
    world.store.messaging.send(&world.ctx(who), chat, new).await.unwrap();
}

fn kinds(all: &[Notification]) -> Vec<T> {
    all.iter().map(|notification| notification.kind).collect()
}

fn named(person: &str) -> String {
    format!("hello @{person}, come")
}

on_both! {
    async fn what_others_do_is_told_and_what_one_does_oneself_is_not(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let first = world.say(&ada, chat.id, "who comes?").await;
        world.say(&bob, chat.id, &named("ada")).await;
        replies(&world, &bob, chat.id, first.id, "me").await;
        replies(&world, &ada, chat.id, first.id, "me, too").await;
        told(&world, &ada).await;
        world.wait(Duration::from_secs(1));
        asks(&world, &bob, &ada).await;
        let of_ada = told(&world, &ada).await;
        assert_eq!(kinds(&of_ada), [T::FriendRequest, T::MessageReply, T::MessageMention]);
        assert_eq!(of_ada[0].body.as_deref(), Some("a peculiar request"));
        assert!(of_ada.iter().all(|notification| notification.actor.as_ref().map(|actor| actor.id) == Some(bob.id)));
        assert_eq!(unread(&world, &ada).await, 3);
        assert!(kinds(&told(&world, &bob).await).iter().all(|kind| *kind != T::MessageReply), "nobody hears of themselves");
    }

    async fn nothing_is_told_twice(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        world.say(&bob, chat.id, &named("ada")).await;
        let before = told(&world, &ada).await;
        assert_eq!(kinds(&before), [T::MessageMention]);
        for to in [Rewind::To(0), Rewind::Since(world.now().minus(Duration::from_secs(3600)))] {
            assert!(world.store.readers.rewind("notifications".into(), to).await.unwrap() > 0);
            assert_eq!(told(&world, &ada).await, before);
            assert_eq!(unread(&world, &ada).await, 1);
        }
        world.store.notifications.remove(&world.ctx(&ada), before[0].id).await.unwrap();
        world.store.readers.rewind("notifications".into(), Rewind::To(0)).await.unwrap();
        assert_eq!(told(&world, &ada).await, [], "what was deleted does not come back");
        for wrong in ["activity", "nobody"] {
            let refused = world.store.readers.rewind(wrong.into(), Rewind::To(0)).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{wrong}: {refused:?}");
        }
    }

    async fn what_is_gathered_goes_together(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let chat = world.group(&ada, &[&bob, &cem]).await;
        for who in [&bob, &bob, &cem] {
            world.say(who, chat.id, &named("ada")).await;
        }
        let gathered = told(&world, &ada).await;
        assert_eq!((gathered.len(), gathered[0].count, unread(&world, &ada).await), (1, 3, 3));
        assert_eq!(gathered[0].actor.as_ref().map(|actor| actor.id), Some(cem.id), "the last of them");
        let single = NotificationFilter { single: true, ..NotificationFilter::default() };
        assert_eq!(listed(&world, &ada, single.clone()).await.len(), 3);
        let left = world.store.notifications.read(&world.ctx(&ada), gathered[0].id).await.unwrap();
        assert_eq!((left.unread_count, unread(&world, &ada).await), (0, 0));
        // What comes then begins another one.
        world.say(&bob, chat.id, &named("ada")).await;
        let all = told(&world, &ada).await;
        assert_eq!(all.iter().map(|one| (one.count, one.read_at.is_some())).collect::<Vec<_>>(), [(1, false), (3, true)]);
        let only = NotificationFilter { unread: Some(true), ..NotificationFilter::default() };
        assert_eq!(listed(&world, &ada, only).await.len(), 1);
        assert_eq!(code(world.store.notifications.read(&world.ctx(&bob), all[0].id).await), "notification.unknown");
    }

    async fn a_flood_is_capped(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        for _ in 0..110 {
            // Nobody may write that fast.
            world.wait(Duration::from_secs(2));
            world.say(&bob, chat.id, &named("ada")).await;
        }
        let gathered = told(&world, &ada).await;
        assert_eq!((gathered.len(), gathered[0].count, unread(&world, &ada).await), (1, 100, 100));
    }

    async fn what_may_not_be_seen_is_neither_shown_nor_counted(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let chat = world.group(&ada, &[&bob, &cem]).await;
        let deleted = world.say(&bob, chat.id, "a peculiar secret for @ada").await;
        world.say(&cem, chat.id, &named("ada")).await;
        asks(&world, &bob, &ada).await;
        assert_eq!(told(&world, &ada).await.len(), 2);
        assert_eq!(unread(&world, &ada).await, 3);
        world.store.messaging.delete(&world.ctx(&bob), deleted.id, None).await.unwrap();
        assert_eq!(told(&world, &ada).await.len(), 2);
        assert_eq!(unread(&world, &ada).await, 2, "one mention is gone");
        let block = clowder_social::NewBlock::default();
        world.store.blocks.block(&world.ctx(&ada), bob.id, block).await.unwrap();
        assert_eq!(kinds(&told(&world, &ada).await), [T::MessageMention]);
        assert_eq!(unread(&world, &ada).await, 1);
        world.say(&bob, chat.id, &named("ada")).await;
        assert_eq!(kinds(&told(&world, &ada).await), [T::MessageMention], "nothing of somebody who is blocked");
        let told_of = world.everything().await;
        let of_notifications = told_of.iter().filter(|change| change.name.starts_with("notification"));
        for change in of_notifications {
            assert!(!change.data.get().contains("peculiar"), "no text of people is in the journal");
        }
    }

    async fn reading_a_chat_reads_its_notifications(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let message = world.say(&bob, chat.id, &named("ada")).await;
        assert_eq!(told(&world, &ada).await.len(), 1);
        let read = Input::from_json(json!({"seq": message.seq})).unwrap();
        world.store.messaging.read(&world.ctx(&ada), chat.id, read).await.unwrap();
        assert!(told(&world, &ada).await[0].read_at.is_some());
        assert_eq!(unread(&world, &ada).await, 0);
    }

    async fn people_choose_what_they_are_told(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        world.say(&bob, chat.id, "nothing").await;
        assert_eq!(told(&world, &ada).await, [], "plain messages are pushed, and not listed");
        prefers(&world, &ada, json!({"channels": {"message.chat": {"inbox": true}, "message.mention": {"inbox": false}}})).await;
        world.say(&bob, chat.id, "something").await;
        world.say(&bob, chat.id, &named("ada")).await;
        assert_eq!(kinds(&told(&world, &ada).await), [T::MessageChat]);
        let stale = Versions::from(1);
        let patch = of::<PreferencesPatch>(json!({"digest": "daily"}));
        let refused = world.store.notifications.prefer(&world.ctx(&ada), Some(stale), patch).await;
        assert_eq!(code(refused), "notification.preferences_stale");
    }

    async fn texts_are_in_the_language_of_whom_they_are_for(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let patch = Input::from_json(json!({"language": "de-AT"})).unwrap();
        world.store.preferences.edit_settings(&world.ctx(&ada), None, patch).await.unwrap();
        asks(&world, &bob, &ada).await;
        let of_ada = told(&world, &ada).await;
        assert!(of_ada[0].title.ends_with("möchte mit dir befreundet sein"), "{}", of_ada[0].title);
    }

    async fn all_of_them_are_read_and_seen_up_to_a_time(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        asks(&world, &bob, &ada).await;
        let between = world.now();
        world.wait(Duration::from_secs(1));
        asks(&world, &cem, &ada).await;
        assert_eq!(told(&world, &ada).await.len(), 2);
        let ctx = world.ctx(&ada);
        world.store.notifications.see(&ctx, Some(between)).await.unwrap();
        let seen: Vec<_> = told(&world, &ada).await.iter().map(|one| one.seen_at.is_some()).collect();
        assert_eq!((seen, unread(&world, &ada).await), (vec![false, true], 2));
        assert_eq!(world.store.notifications.read_all(&ctx, Some(between)).await.unwrap().unread_count, 1);
        assert_eq!(world.store.notifications.read_all(&ctx, None).await.unwrap().unread_count, 0);
        assert!(told(&world, &ada).await.iter().all(|one| one.read_at.is_some()));
    }
}
