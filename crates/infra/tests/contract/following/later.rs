//! What is replayed to whoever came later: nothing about a message that they may not see, and nothing of a message whose time
//! is over.

use std::{sync::Arc, time::Duration};

use clowder_core::{ChatId, MessageId, Positions, Recorded, Topic, follow::Following, journal::Chunk};
use clowder_infra::Store;
use clowder_messaging::{
    CHAT, Emoji, Message, MessagePatch, NewChat, NewMessage, NewRead, participants::NewParticipants, polls::NewVote,
};
use serde_json::{Value, json};

use super::heads;
use crate::{
    stress::of,
    world::{Person, World, on_both},
};

const SEVERAL: [&str; 9] = [
    "message.updated",
    "message.pinned",
    "message.unpinned",
    "reaction.added",
    "reaction.removed",
    "poll.voted",
    "poll.closed",
    "message.deleted",
    "message.deleted",
];

async fn make(world: &World, owner: &Person, others: &[&Person]) -> ChatId {
    let others: Vec<_> = others.iter().map(|person| person.id).collect();
    let new = json!({"type": "group", "title": "x", "participant_ids": others, "history": "since_join"});
    world.store.messaging.create_chat(&world.ctx(owner), of::<NewChat>(new)).await.unwrap().into_inner().id
}

async fn add(world: &World, owner: &Person, chat: ChatId, other: &Person) {
    let new = of::<NewParticipants>(json!({"user_ids": [other.id]}));
    world.store.participants.add(&world.ctx(owner), chat, new).await.unwrap();
}

async fn ask(world: &World, who: &Person, chat: ChatId) -> Message {
    let new = json!({"content": "what?", "type": "poll", "poll": {"options": ["a", "b"]}});
    world.store.messaging.send(&world.ctx(who), chat, of::<NewMessage>(new)).await.unwrap().into_inner()
}

/// Everything that can happen to a message and a poll, up to their end.
async fn happens(world: &World, by: &Person, message: MessageId, poll: MessageId) {
    let (ctx, store) = (world.ctx(by), &world.store);
    store.messaging.edit(&ctx, message, None, of::<MessagePatch>(json!({"content": "zqedited"}))).await.unwrap();
    store.keeping.pin(&ctx, message).await.unwrap();
    store.keeping.unpin(&ctx, message).await.unwrap();
    store.messaging.react(&ctx, message, Emoji::from_text("👍").unwrap()).await.unwrap();
    store.messaging.unreact(&ctx, message, Emoji::from_text("👍").unwrap()).await.unwrap();
    store.polls.vote(&ctx, poll, NewVote { options: vec![0] }).await.unwrap();
    store.polls.close(&ctx, poll).await.unwrap();
    for id in [message, poll] {
        store.messaging.delete(&ctx, id, None).await.unwrap();
    }
}

/// What somebody has missed since then, as far as it is about messages, by what they follow now.
async fn missed(node: &Store, who: &Person, from: &Positions) -> Vec<Recorded> {
    let to = node.journal.extent().await.unwrap().heads;
    let followed: Arc<[Following]> = node.journal.followed(who.id, to.clone()).await.unwrap().into();
    let mut replay = node.journal.replay(who.id, followed, from.clone(), to);
    let mut changes = Vec::new();
    while let Some(piece) = replay.next(Chunk::rows(7)).await.unwrap() {
        changes.extend(piece.changes);
    }
    let about = ["message.", "reaction.", "poll."];
    changes.retain(|change| about.iter().any(|kind| change.name.starts_with(kind)));
    changes
}

fn names(changes: &[Recorded]) -> Vec<&str> {
    changes.iter().map(|change| &*change.name).collect()
}

fn texts(changes: &[Recorded]) -> Vec<Option<String>> {
    let text = |change: &Recorded| serde_json::from_str::<Value>(change.data.get()).unwrap()["content"].clone();
    changes.iter().map(|change| text(change).as_str().map(str::to_owned)).collect()
}

on_both! {
    async fn what_is_about_a_message_before_them_is_not_theirs(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = make(&world, &ada, &[&bob]).await;
        let (early, poll) = (world.say(&ada, chat, "zqbefore").await, ask(&world, &ada, chat).await);
        add(&world, &ada, chat, &eve).await;
        let from = heads(&world).await;
        let topic = Topic::new(CHAT, chat);
        let followed = async |who: &Person| world.store.journal.followed(who.id, from.clone()).await.unwrap();
        assert_eq!(followed(&eve).await, [Following { topic, after: poll.seq }]);
        assert_eq!(followed(&bob).await, [Following { topic, after: 0 }]);
        happens(&world, &ada, early.id, poll.id).await;
        assert_eq!(names(&missed(&world.store, &bob, &from).await), SEVERAL);
        assert_eq!(names(&missed(&world.store, &eve, &from).await), [""; 0]);

        // What is said from then on is hers in full.
        let from = heads(&world).await;
        let (late, poll) = (world.say(&ada, chat, "later").await, ask(&world, &ada, chat).await);
        happens(&world, &ada, late.id, poll.id).await;
        for who in [&bob, &eve] {
            let told = missed(&world.store, who, &from).await;
            assert_eq!(names(&told)[..2], ["message.sent"; 2]);
            assert_eq!(names(&told)[2..], SEVERAL);
        }
        // Each change says which message it is about, and each entrance after which.
        let all = world.everything().await;
        let entered = all.iter().filter(|change| change.follow.is_some_and(|follow| follow.topic == topic));
        let after: Vec<_> = entered.filter_map(|change| Some((change.follow?.user, change.seq))).collect();
        assert!(after.contains(&(eve.id, Some(2))) && after.contains(&(bob.id, Some(0))), "{after:?}");
        for change in all.iter().filter(|change| change.topic == topic && SEVERAL.contains(&&*change.name)) {
            let said: Value = serde_json::from_str(change.data.get()).unwrap();
            assert_eq!(json!(change.seq), said["seq"], "{}", change.name);
        }
    }

    async fn whoever_comes_back_has_no_past(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        crate::friends::befriend(&world, &ada, &bob).await;
        let chat = make(&world, &ada, &[&bob]).await;
        let from = heads(&world).await;
        let first = world.say(&ada, chat, "first stay").await;
        let inside = heads(&world).await;
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        let between = world.say(&ada, chat, "between").await;
        let outside = heads(&world).await;
        add(&world, &ada, chat, &bob).await;
        for message in [&first, &between] {
            let patch = of::<MessagePatch>(json!({"content": "zqedited"}));
            world.store.messaging.edit(&world.ctx(&ada), message.id, None, patch).await.unwrap();
        }
        let last = world.say(&ada, chat, "second stay").await;
        for from in [&from, &inside, &outside] {
            let said = missed(&world.store, &bob, from).await;
            let said: Vec<_> = texts(&said).into_iter().flatten().filter(|text| !text.contains("added")).collect();
            assert_eq!(said, ["second stay"]);
        }
        // A node that is behind follows what he followed then as he follows it now.
        let topic = Topic::new(CHAT, chat);
        let followed = async |at: &Positions| world.store.journal.followed(bob.id, at.clone()).await.unwrap();
        let [then, now] = [followed(&inside).await, followed(&heads(&world).await).await];
        assert_eq!((&then, now.len()), (&now, 1));
        assert!(now[0].topic == topic && now[0].after >= between.seq && now[0].after < last.seq);
        assert_eq!(followed(&outside).await, []);
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        assert_eq!(followed(&inside).await, [Following { topic, after: i64::MAX }]);
    }

    async fn what_has_expired_is_replayed_without_its_text(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let from = heads(&world).await;
        let say = async |text: &str, lifetime: Value| {
            let new = of::<NewMessage>(json!({"content": text, "lifetime": lifetime}));
            world.store.messaging.send(&world.ctx(&ada), chat, new).await.unwrap().into_inner()
        };
        let goes = say("zqgoes", json!({"seconds": 10})).await;
        say("stays", json!({"seconds": 600})).await;
        let read = say("zqread", json!({"seconds": 10, "from": "read"})).await;
        let patch = of::<MessagePatch>(json!({"content": "zqgoes edited"}));
        world.store.messaging.edit(&world.ctx(&ada), goes.id, None, patch).await.unwrap();
        world.say(&ada, chat, "for ever").await;
        let replayed = async |node: &Store| {
            let told = missed(node, &bob, &from).await;
            let told: Vec<_> =
                told.into_iter().filter(|it| ["message.sent", "message.updated"].contains(&&*it.name)).collect();
            texts(&told)
        };
        let some = |text: &str| Some(text.to_owned());
        let all = ["zqgoes", "stays", "zqread", "zqgoes edited", "for ever"].map(some);
        assert_eq!(replayed(&world.store).await, all);
        // Its time begins when it has been read, and no change of the message itself says so.
        world.store.messaging.read(&world.ctx(&bob), chat, of::<NewRead>(json!({"seq": read.seq}))).await.unwrap();
        let nobody = clowder_core::Ctx::new(clowder_core::Actor::System, world.now(), "timers");
        while world.store.lifetimes.expire(&nobody).await.unwrap() > 0 {}
        assert_eq!(replayed(&world.store).await, all);
        // A node comes up after both have ended, and has not swept yet.
        world.wait(Duration::from_secs(11));
        assert_eq!(replayed(&world.another_node().await).await, [None, some("stays"), None, None, some("for ever")]);
    }
}
