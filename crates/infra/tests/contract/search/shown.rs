//! What is found is what pages show, whatever becomes of messages, of chats and of the people in them.

use std::{collections::BTreeMap, time::Duration};

use clowder_core::{Actor, ChatId, Ctx, MessageId, PageRequest, UserId};
use clowder_messaging::{
    ChatFilter, Message, MessagePatch, MessageType, NewChat, NewMessage, Window,
    chats::ChatPatch,
    keeping::NewDeletion,
    moderation::{NewPurge, NewSanction, SanctionType},
    participants::NewParticipants,
    relations::NewForward,
};
use clowder_social::{
    NewBlock,
    reports::{NewReport, ReportPatch},
};
use serde_json::{Value, json};

use super::{domain::search, index};
use crate::{
    moderation::filters::{listed, set, verdict},
    privacy::{system, work},
    reports::domain::moderator,
    stress::of,
    world::{Person, World, code, on_both},
};

/// Which every message of these tests says.
const WORD: &str = "zqevery";

type Texts = BTreeMap<MessageId, String>;

/// What pages show somebody, of all their chats.
async fn shown(world: &World, who: &Person) -> Texts {
    let all = PageRequest { limit: 200, cursor: None };
    let chats = world.store.messaging.chats(&world.ctx(who), ChatFilter::default(), all).await.unwrap();
    let mut texts = Texts::new();
    for chat in chats.items {
        let (mut window, ctx) = (Window::After(0), world.ctx(who));
        loop {
            let page = world.store.messaging.messages(&ctx, chat.id, window, 200).await.unwrap();
            let last = page.items.last().map(|message| message.seq);
            let said = page.items.into_iter().filter(|message| !message.hidden && message.kind != MessageType::System);
            texts.extend(said.filter_map(|Message { id, content, .. }| Some((id, content?))));
            if page.next_cursor.is_none() {
                break;
            }
            window = Window::After(last.unwrap());
        }
    }
    texts
}

async fn found(world: &World, who: &Person, text: &str) -> Texts {
    let (mut texts, mut cursor) = (Texts::new(), None);
    loop {
        let page = PageRequest { limit: 7, cursor };
        let page = world.store.search.search_messages(&world.ctx(who), search(text), page).await.unwrap();
        texts.extend(page.items.into_iter().map(|found| (found.message.id, found.message.content.unwrap())));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return texts;
        }
    }
}

/// Nobody finds at any time what no page shows them; once everything is indexed, all of it is found, by each of its words.
async fn same(world: &World, people: &[&Person], after: &str) {
    for person in people {
        let (found, shown) = (found(world, person, WORD).await, shown(world, person).await);
        let wrong: Vec<_> = found.iter().filter(|(id, text)| shown.get(id) != Some(*text)).collect();
        assert!(wrong.is_empty(), "after {after}: found, but not shown: {wrong:?}");
    }
    index(world).await;
    for person in people {
        let shown = shown(world, person).await;
        assert_eq!(found(world, person, WORD).await, shown, "after {after}");
        for (id, text) in &shown {
            let by_all = found(world, person, &format!("\"{text}\"")).await;
            assert_eq!(by_all.get(id), Some(text), "after {after}, by {text}");
        }
    }
}

async fn send(world: &World, who: &Person, chat: ChatId, more: Value) -> clowder_core::Result<Message> {
    let mut new = json!({"content": format!("{WORD} {}", world.now().as_micros())});
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Ok(world.store.messaging.send(&world.ctx(who), chat, of::<NewMessage>(new)).await?.into_inner())
}

async fn say(world: &World, who: &Person, chat: ChatId) -> Message {
    send(world, who, chat, json!({})).await.unwrap()
}

async fn add(world: &World, by: &Person, chat: ChatId, user: UserId) {
    let new = of::<NewParticipants>(json!({"user_ids": [user]}));
    world.store.participants.add(&world.ctx(by), chat, new).await.unwrap();
}

async fn timers(world: &World) {
    let ctx = Ctx::new(Actor::System, world.now(), "timers");
    world.store.lifetimes.expire(&ctx).await.unwrap();
    world.store.scheduled.send_due(&ctx).await.unwrap();
}

on_both! {
    async fn what_is_found_is_what_pages_show_whatever_becomes_of_messages(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let boss = moderator(&world, "boss").await;
        let (chat, other) = (world.group(&ada, &[&bob, &eve]).await.id, world.group(&ada, &[&bob]).await.id);
        let all = [&ada, &bob, &eve, &boss];
        let (messaging, moderation) = (&world.store.messaging, &world.store.moderation);
        for person in [&ada, &bob, &eve, &bob, &eve, &bob] {
            say(&world, person, chat).await;
        }
        let first = say(&world, &bob, other).await;
        same(&world, &all, "messages").await;
        let answer = send(&world, &eve, chat, json!({"thread_of": say(&world, &ada, chat).await.id})).await.unwrap();
        send(&world, &bob, chat, json!({"reply_to": answer.id})).await.unwrap();
        same(&world, &all, "answers").await;
        let poll = json!({"type": "poll", "poll": {"options": ["zqnoodles", "rice & more"]}});
        let poll = send(&world, &eve, chat, poll).await.unwrap();
        same(&world, &all, "a poll").await;
        assert!(found(&world, &ada, "zqnoodles").await.contains_key(&poll.id));
        world.store.messaging.delete(&world.ctx(&eve), poll.id, None).await.unwrap();
        assert!(found(&world, &ada, "zqnoodles").await.is_empty());
        same(&world, &all, "its end").await;
        let to_other = of::<NewForward>(json!({"chat_ids": [other]}));
        world.store.relations.forward(&world.ctx(&ada), answer.id, to_other).await.unwrap();
        same(&world, &all, "forwarding").await;
        let edit = async |message: &Message, text: &str| {
            let patch = of::<MessagePatch>(json!({"content": format!("{WORD} {text}")}));
            messaging.edit(&world.ctx(&bob), message.id, None, patch).await.unwrap();
        };
        edit(&first, "another").await;
        assert!(found(&world, &ada, "another").await.contains_key(&first.id), "at once");
        same(&world, &all, "an edit").await;
        let fresh = say(&world, &bob, chat).await;
        edit(&fresh, "before it is indexed").await;
        same(&world, &all, "an edit of a new message").await;
        messaging.delete(&world.ctx(&bob), first.id, None).await.unwrap();
        messaging.delete(&world.ctx(&ada), answer.id, None).await.unwrap();
        same(&world, &all, "deletions").await;
        let gone = [say(&world, &bob, chat).await.id, fresh.id];
        let deletion = of::<NewDeletion>(json!({"message_ids": gone, "reason": "Advertising"}));
        world.store.keeping.delete_messages(&world.ctx(&ada), chat, deletion).await.unwrap();
        same(&world, &all, "deleting many").await;

        set(&world, &ada, chat, &["zqcasino"], "hold").await;
        for decision in ["reject", "approve"] {
            let held = send(&world, &bob, chat, json!({"content": format!("{WORD} zqcasino {decision}")})).await;
            assert_eq!(code(held), "message.held");
            same(&world, &all, "holding").await;
            let review = listed(&world, &ada, Some(chat)).await.remove(0).id;
            moderation.decide_review(&world.ctx(&ada), Some(chat), review, None, verdict(decision)).await.unwrap();
            same(&world, &all, decision).await;
        }
        set(&world, &ada, chat, &["zqcasino"], "flag").await;
        send(&world, &bob, chat, json!({"content": format!("{WORD} zqcasino flagged")})).await.unwrap();
        same(&world, &all, "flagging").await;
        let review = listed(&world, &ada, Some(chat)).await.remove(0).id;
        moderation.decide_review(&world.ctx(&ada), Some(chat), review, None, verdict("reject")).await.unwrap();
        same(&world, &all, "rejecting what was flagged").await;
        let bad = say(&world, &eve, chat).await;
        index(&world).await;
        let report = of::<NewReport>(json!({"target": {"type": "message", "id": bad.id}, "category": "abuse"}));
        let report = world.store.reports.report(&world.ctx(&ada), report).await.unwrap().id;
        let decision = json!({"status": "resolved", "action": "remove_content", "reason": "against the rules"});
        let reports = &world.store.reports;
        reports.handle(&world.ctx(&boss), report, None, of::<ReportPatch>(decision)).await.unwrap();
        assert!(!shown(&world, &eve).await.contains_key(&bad.id));
        same(&world, &all, "a moderator's decision").await;

        let lasting = json!({"lifetime": {"seconds": 60}});
        send(&world, &eve, chat, lasting.clone()).await.unwrap();
        same(&world, &all, "a message that will disappear").await;
        world.wait(Duration::from_secs(61));
        same(&world, &all, "its end").await;
        send(&world, &eve, chat, lasting).await.unwrap();
        world.wait(Duration::from_secs(61));
        timers(&world).await;
        same(&world, &all, "their deletion").await;
        let later = world.now().plus(Duration::from_secs(3_600));
        let scheduled = of::<NewMessage>(json!({"content": format!("{WORD} later"), "send_at": later}));
        world.store.scheduled.schedule(&world.ctx(&bob), chat, scheduled).await.unwrap();
        same(&world, &all, "scheduling").await;
        world.wait(Duration::from_secs(3_601));
        timers(&world).await;
        assert_eq!(found(&world, &ada, "later").await.len(), 0, "not indexed yet");
        same(&world, &all, "sending what was scheduled").await;
        assert_eq!(found(&world, &ada, "later").await.len(), 1);

        let keeping = &world.store.keeping;
        let removed = say(&world, &bob, chat).await.id;
        keeping.remove(&world.ctx(&ada), removed, None).await.unwrap();
        same(&world, &all, "removing a message for oneself").await;
        assert!(!shown(&world, &ada).await.contains_key(&removed) && shown(&world, &bob).await.contains_key(&removed));
        keeping.clear_chat(&world.ctx(&bob), chat).await.unwrap();
        say(&world, &ada, chat).await;
        same(&world, &all, "clearing a chat for oneself").await;
        let left = shown(&world, &bob).await;
        assert!(!left.contains_key(&removed) && !left.is_empty());

        let purge = of::<NewPurge>(json!({"user_id": eve.id, "reason": "advertising"}));
        moderation.purge(&world.ctx(&ada), chat, purge).await.unwrap();
        same(&world, &all, "beginning a purge").await;
        work(&world, &world.store).await;
        same(&world, &all, "a purge").await;
        assert!(!shown(&world, &bob).await.is_empty());
        world.store.chats.delete_chat(&world.ctx(&ada), other, None).await.unwrap();
        same(&world, &all, "deleting a chat").await;
        work(&world, &world.store).await;
        same(&world, &all, "clearing it").await;
        world.changes().await;
    }

    async fn what_is_found_is_what_pages_show_whatever_becomes_of_people(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        crate::friends::befriend(&world, &ada, &eve).await;
        let all = [&ada, &bob, &eve];
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let new = of::<NewChat>(json!({"type": "private", "participant_ids": [bob.id]}));
        let private = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let talk = async || {
            for person in &all {
                for place in [chat, private] {
                    let _ = send(&world, person, place, json!({})).await;
                }
            }
        };
        talk().await;
        same(&world, &all, "talking").await;
        world.store.participants.remove(&world.ctx(&eve), chat, eve.id).await.unwrap();
        same(&world, &all, "leaving").await;
        talk().await;
        add(&world, &ada, chat, eve.id).await;
        same(&world, &all, "coming back").await;
        let patch = of::<ChatPatch>(json!({"history": "since_join"}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch).await.unwrap();
        same(&world, &all, "hiding the history from those who come").await;
        world.store.participants.remove(&world.ctx(&ada), chat, eve.id).await.unwrap();
        talk().await;
        add(&world, &ada, chat, eve.id).await;
        talk().await;
        same(&world, &all, "coming back to no history").await;
        assert!(shown(&world, &eve).await.len() < shown(&world, &ada).await.len());
        world.store.blocks.block(&world.ctx(&eve), bob.id, of::<NewBlock>(json!({"hide_messages": true}))).await.unwrap();
        same(&world, &all, "hiding somebody's messages").await;
        world.store.blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        talk().await;
        same(&world, &all, "blocking, which closes the private chat").await;
        world.store.blocks.unblock(&world.ctx(&eve), bob.id).await.unwrap();
        same(&world, &all, "showing them again").await;
        let ban = of::<NewSanction>(json!({"user_id": eve.id, "reason": "a test"}));
        world.store.moderation.sanction(&world.ctx(&ada), chat, SanctionType::Ban, ban).await.unwrap();
        same(&world, &all, "a ban").await;
        // One who leaves the messages, and one who takes them back.
        add(&world, &ada, chat, world.person("cem").await.id).await;
        world.store.privacy.erase_user(&system(&world), eve.id, Some(clowder_accounts::model::Fate::Keep)).await.unwrap();
        work(&world, &world.store).await;
        same(&world, &[&ada, &bob], "an erasure that keeps messages").await;
        let before = shown(&world, &ada).await.len();
        world.store.privacy.erase_user(&system(&world), bob.id, Some(clowder_accounts::model::Fate::Delete)).await.unwrap();
        work(&world, &world.store).await;
        same(&world, &[&ada], "an erasure that deletes them").await;
        assert!(shown(&world, &ada).await.len() < before);
        world.changes().await;
    }
}
