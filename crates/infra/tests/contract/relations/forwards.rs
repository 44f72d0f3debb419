//! Forwarding: what goes where, and what it says of where it comes from.

use std::{sync::Arc, time::Duration};

use clowder_core::{ChatId, Made, MessageId, PageRequest, Result};
use clowder_messaging::{
    NewChat, NewMessage, Window,
    chats::ChatPatch,
    participants::NewParticipants,
    relations::{ForwardedFrom, Forwards, NewForward},
};
use clowder_social::NewBlock;
use serde_json::{Value, json};

use super::{reply, seen, since_join, try_send};
use crate::{
    copies::once,
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn try_forward(world: &World, who: &Person, message: MessageId, chats: &[ChatId]) -> Result<Forwards> {
    let new = of::<NewForward>(json!({"chat_ids": chats}));
    world.store.relations.forward(&world.ctx(who), message, new).await.map(Made::into_inner)
}

/// Into one chat, where it is sent.
async fn forward(world: &World, who: &Person, message: MessageId, chat: ChatId) -> clowder_messaging::Message {
    let done = try_forward(world, who, message, &[chat]).await.unwrap();
    done.items.into_iter().next().unwrap().message.unwrap()
}

async fn public(world: &World, owner: &Person) -> ChatId {
    let new = of::<NewChat>(json!({"type": "group", "title": "Market", "visibility": "public"}));
    world.store.messaging.create_chat(&world.ctx(owner), new).await.unwrap().into_inner().id
}

fn of_nowhere(from: Option<Box<ForwardedFrom>>) -> bool {
    *from.unwrap() == ForwardedFrom { chat_id: None, sender: None }
}

on_both! {
    async fn a_forward_waits_for_whoever_changes_the_chat(world: World) {
        let ada = Arc::new(world.person("ada").await);
        let (source, chat) = (world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id);
        let said = world.say(&ada, source, "pass it on").await.id;
        let other = world.holding(chat);
        let (node, who) = (world.clone(), ada.clone());
        let forwarding = tokio::spawn(async move { try_forward(&node, &who, said, &[chat]).await });
        // Several times as long as one attempt waits for a chat.
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert!(!forwarding.is_finished());
        other.commit();
        assert!(forwarding.await.unwrap().unwrap().items[0].message.is_some());
    }

    async fn a_message_goes_where_its_forwarder_may_write(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let source = world.group(&ada, &[&bob]).await.id;
        let first = world.group(&bob, &[&eve]).await.id;
        let foreign = world.group(&eve, &[]).await.id;
        let pair = of::<NewChat>(json!({"type": "private", "participant_ids": [eve.id]}));
        let pair = world.store.messaging.create_chat(&world.ctx(&bob), pair).await.unwrap().into_inner().id;
        world.store.blocks.block(&world.ctx(&eve), bob.id, NewBlock::default()).await.unwrap();
        let before = world.say(&bob, source, "before").await.id;
        let said = reply(&world, &ada, source, "pass it on", before).await.id;
        world.changes().await;
        let done = try_forward(&world, &bob, said, &[pair, first, foreign]).await.unwrap();
        let what: Vec<_> = done
            .items
            .iter()
            .map(|one| (one.chat_id, one.message.is_some(), one.problem.as_ref().map(|problem| problem.code.as_str())))
            .collect();
        assert_eq!(what, [(pair, false, Some("chat.closed")), (first, true, None), (foreign, false, Some("chat.unknown"))]);
        let sent = done.items[1].message.clone().unwrap();
        assert_eq!((sent.sender.id, sent.content.as_deref(), sent.reply_to.clone()), (bob.id, Some("pass it on"), None));
        let told = world.changes().await;
        let [change] = told.as_slice() else { panic!("{told:?}") };
        let data: Value = serde_json::from_str(change.data.get()).unwrap();
        assert_eq!((&*change.name, &data["forwarded_from"]), ("message.sent", &json!({"chat_id": null, "sender": null})));
        let from = sent.forwarded_from.unwrap();
        assert_eq!((from.chat_id, from.sender.unwrap().id), (Some(source), ada.id), "who forwards sees where it comes from");
        assert!(of_nowhere(seen(&world, &eve, sent.id).await.forwarded_from), "others are not told of a private chat");
        assert_eq!(code(try_forward(&world, &eve, said, &[first]).await), "message.unknown");
        let page = world.store.messaging.messages(&world.ctx(&eve), first, Window::NEWEST, 9).await.unwrap();
        assert!(of_nowhere(page.items[0].forwarded_from.clone()));
    }

    async fn a_public_origin_is_named_and_the_first_one_stays(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let market = public(&world, &ada).await;
        let said = world.say(&ada, market, "for sale").await.id;
        let between = world.group(&ada, &[&bob]).await.id;
        let last = world.group(&bob, &[&eve]).await.id;
        let once = forward(&world, &ada, said, between).await.id;
        let twice = forward(&world, &bob, once, last).await.id;
        let from = seen(&world, &eve, twice).await.forwarded_from.unwrap();
        assert_eq!((from.chat_id, from.sender.unwrap().username.as_str()), (Some(market), "ada"));
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let from = seen(&world, &eve, twice).await.forwarded_from;
        assert!(from.is_some_and(|from| from.sender.is_none_or(|sender| sender.username != "ada")));
        world.gone(b"ada@example.org").await;
    }

    async fn a_chat_that_becomes_public_reveals_nothing_that_was_forwarded_before(world: World) {
        let [ada, bob, eve, kim] = world.people(["ada", "bob", "eve", "kim"]).await;
        let source = world.group(&ada, &[&bob]).await.id;
        let said = world.say(&ada, source, "between us").await.id;
        let (first, last) = (world.group(&bob, &[&eve]).await.id, world.group(&eve, &[&kim]).await.id);
        let once = forward(&world, &bob, said, first).await.id;
        world.store.blocks.block(&world.ctx(&ada), eve.id, NewBlock::default()).await.unwrap();
        let visible = async |word: &str| {
            let patch = of::<ChatPatch>(json!({ "visibility": word }));
            world.store.chats.edit_chat(&world.ctx(&ada), source, None, patch).await.unwrap();
        };
        visible("public").await;
        let twice = forward(&world, &eve, once, last).await.id;
        for (who, message) in [(&eve, once), (&eve, twice), (&kim, twice)] {
            assert!(of_nowhere(seen(&world, who, message).await.forwarded_from), "it was private when it was forwarded");
        }
        let chats = world.store.messaging.chats(&world.ctx(&kim), Default::default(), PageRequest::default()).await.unwrap();
        assert!(of_nowhere(chats.items[0].last_message.clone().unwrap().forwarded_from));
        let from = seen(&world, &bob, once).await.forwarded_from.unwrap();
        assert_eq!(from.chat_id, Some(source), "whoever is there still sees it");
        let now = forward(&world, &bob, said, first).await.id;
        let from = seen(&world, &eve, now).await.forwarded_from.unwrap();
        assert_eq!(from.chat_id, Some(source), "this one was public when it was forwarded");
        visible("private").await;
        assert!(of_nowhere(seen(&world, &eve, now).await.forwarded_from), "and is not any more");
    }

    async fn whoever_came_later_to_the_origin_is_not_told_of_it(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let source = since_join(&world, &ada, &[&bob]).await;
        let said = world.say(&bob, source, "early").await.id;
        let new = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), source, new).await.unwrap();
        let target = world.group(&ada, &[&eve]).await.id;
        let sent = forward(&world, &ada, said, target).await.id;
        assert!(of_nowhere(seen(&world, &eve, sent).await.forwarded_from));
        assert_eq!(code(try_forward(&world, &eve, said, &[target]).await), "message.unknown");
        world.store.chats.delete_chat(&world.ctx(&ada), source, None).await.unwrap();
        work(&world, &world.store).await;
        assert!(of_nowhere(seen(&world, &ada, sent).await.forwarded_from), "what is gone is nowhere");
    }

    async fn what_is_gone_or_goes_cannot_be_forwarded(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let brief = try_send(&world, &ada, chat, "brief", json!({"lifetime": {"seconds": 60}})).await.unwrap().id;
        let gone = world.say(&ada, chat, "gone").await.id;
        world.store.messaging.delete(&world.ctx(&ada), gone, None).await.unwrap();
        let title = of::<clowder_messaging::chats::ChatPatch>(json!({"title": "y"}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, title).await.unwrap();
        let system = world.store.messaging.messages(&world.ctx(&ada), chat, Window::NEWEST, 1).await.unwrap().items[0].id;
        for message in [brief, gone, system] {
            assert_eq!(code(try_forward(&world, &ada, message, &[chat]).await), "message.not_forwardable");
        }
        let sent = forward(&world, &ada, world.say(&ada, chat, "stays").await.id, chat).await;
        world.store.messaging.delete(&world.ctx(&ada), sent.id, None).await.unwrap();
        assert_eq!(seen(&world, &ada, sent.id).await.forwarded_from, None);
    }

    async fn a_repeated_call_sends_nothing_again(world: World) {
        let [ada, eve] = world.people(["ada", "eve"]).await;
        let (chat, other) = (world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id);
        let foreign = world.group(&eve, &[]).await.id;
        let said = world.say(&ada, chat, "once").await.id;
        let call = async |chats: &[ChatId]| {
            let new = of::<NewForward>(json!({"chat_ids": chats, "client_id": "c1"}));
            world.store.relations.forward(&world.ctx(&ada), said, new).await
        };
        let Made::New(first) = call(&[other, foreign]).await.unwrap() else { panic!("it is the first") };
        assert_eq!(call(&[other, foreign]).await.unwrap(), Made::Found(first));
        assert_eq!(code(call(&[other]).await), "idempotency.mismatch");
        let keyed = async || {
            let new = of::<NewForward>(json!({"chat_ids": [other]}));
            world.store.relations.forward(&once(world.ctx(&ada), "key"), said, new).await.unwrap()
        };
        assert_eq!(keyed().await, keyed().await, "with a key, the answer is the same in all");
        let page = world.store.messaging.messages(&world.ctx(&ada), other, Window::NEWEST, 9).await.unwrap();
        assert_eq!(page.items.len(), 2, "one for each key");
        let plain = of::<NewMessage>(json!({"content": "once"}));
        let plain = world.store.messaging.send(&world.ctx(&ada), other, plain).await.unwrap().into_inner();
        assert_eq!(plain.forwarded_from, None);
    }

    async fn a_repeated_call_costs_nothing(world: World) {
        let ada = world.person("ada").await;
        let (chat, other) = (world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id);
        let said = world.say(&ada, chat, "once").await.id;
        let node = world.node_with(|options| options.messaging.set_pace(1.0, 2.0)).await;
        let call = async |ctx, new: Value| node.relations.forward(&ctx, said, of::<NewForward>(new)).await.unwrap();
        let (by_client_id, by_key) = (json!({"chat_ids": [other], "client_id": "c1"}), json!({"chat_ids": [other]}));
        let first = call(world.ctx(&ada), by_client_id.clone()).await.into_inner();
        let second = call(once(world.ctx(&ada), "key"), by_key.clone()).await;
        for _ in 0..3 {
            assert_eq!(call(world.ctx(&ada), by_client_id.clone()).await, Made::Found(first.clone()));
            let ctx = once(world.ctx(&ada), "key");
            let key = ctx.idempotency_key.clone().unwrap();
            assert_eq!(call(ctx, by_key.clone()).await, second);
            assert!(key.was_replayed());
        }
        let third = call(world.ctx(&ada), by_key).await.into_inner();
        let problem = third.items[0].problem.as_ref().unwrap();
        assert_eq!((problem.code.as_str(), problem.until.is_some()), ("rate.limited", true), "it is a new one");
        let eve = world.person("eve").await;
        let foreign = world.group(&eve, &[]).await.id;
        for _ in 0..3 {
            let refused = call(world.ctx(&ada), json!({"chat_ids": [foreign]})).await.into_inner();
            let problem = refused.items[0].problem.as_ref().unwrap();
            assert_eq!((problem.code.as_str(), problem.until), ("chat.unknown", None), "what is not sent does not count");
        }
    }
}
