//! Replies, and what they show of the message that they reply to.

use std::time::Duration;

use clowder_core::{Made, MessageId, PageRequest};
use clowder_messaging::{
    ChatFilter, Edit, MessagePatch, NewMessage, Window, participants::NewParticipants, scheduled::ScheduledStatus,
};
use clowder_social::NewBlock;
use serde_json::{Value, json};

use super::{reply, seen, since_join, try_send, wrong};
use crate::{
    privacy::{system, work},
    stress::of,
    world::{World, code, on_both},
};

on_both! {
    async fn a_quote_shows_a_message_as_it_is_now(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let first = world.say(&ada, chat, "first wording").await;
        world.changes().await;
        let said = reply(&world, &bob, chat, "I think so", first.id).await;
        let quote = said.reply_to.clone().unwrap();
        assert_eq!((quote.id, quote.seq, quote.deleted, quote.hidden), (first.id, 1, false, false));
        assert_eq!((quote.sender.unwrap().username.as_str(), quote.excerpt.as_deref()), ("ada", Some("first wording")));
        // What everybody is told has no copy of the text.
        let told = world.changes().await;
        let [sent] = told.as_slice() else { panic!("{told:?}") };
        let data: Value = serde_json::from_str(sent.data.get()).unwrap();
        let bare = json!({"id": first.id, "seq": 1, "sender": null, "excerpt": null, "deleted": false});
        assert_eq!((&*sent.name, &data["reply_to"], &data["thread"]), ("message.sent", &bare, &json!(null)));

        let messaging = &world.store.messaging;
        let patch = of::<MessagePatch>(json!({"content": "second wording"}));
        messaging.edit(&world.ctx(&ada), first.id, None, patch).await.unwrap();
        let edited = messaging.edit(&world.ctx(&bob), said.id, None, of::<MessagePatch>(json!({"content": "No"}))).await;
        assert_eq!(edited.unwrap().reply_to.unwrap().excerpt.as_deref(), Some("second wording"));
        let told = world.changes().await;
        let data: Value = serde_json::from_str(told.last().unwrap().data.get()).unwrap();
        assert_eq!((&*told.last().unwrap().name, &data["reply_to"]), ("message.updated", &bare));
        let page = messaging.messages(&world.ctx(&ada), chat, Window::NEWEST, 9).await.unwrap();
        let chats = messaging.chats(&world.ctx(&ada), ChatFilter::default(), PageRequest::default()).await.unwrap();
        for shown in [&page.items[0], chats.items[0].last_message.as_ref().unwrap(), &seen(&world, &bob, said.id).await] {
            assert_eq!(shown.reply_to.as_ref().unwrap().excerpt.as_deref(), Some("second wording"));
        }

        messaging.delete(&world.ctx(&ada), first.id, None).await.unwrap();
        world.gone(b"wording").await;
        let page = messaging.messages(&world.ctx(&ada), chat, Window::NEWEST, 9).await.unwrap();
        let last = messaging.chat(&world.ctx(&ada), chat).await.unwrap().last_message.unwrap();
        for shown in [&page.items[0], &last, &seen(&world, &bob, said.id).await] {
            let quote = shown.reply_to.as_ref().unwrap();
            assert_eq!((quote.id, quote.excerpt.as_deref(), quote.deleted), (first.id, None, true));
            assert_eq!(quote.sender.as_ref().unwrap().username, "ada");
        }
        let gone = try_send(&world, &bob, chat, "again", json!({"reply_to": first.id})).await;
        assert_eq!(wrong(gone), ["/reply_to no_message"]);
        messaging.delete(&world.ctx(&bob), said.id, None).await.unwrap();
        assert_eq!(seen(&world, &ada, said.id).await.reply_to, None, "a deleted message quotes nothing");
    }

    async fn only_what_the_sender_sees_in_the_chat_can_be_quoted(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = since_join(&world, &ada, &[&bob]).await;
        let before = world.say(&ada, chat, "before").await;
        let elsewhere = world.group(&ada, &[]).await.id;
        let other = world.say(&ada, elsewhere, "elsewhere").await;
        let title = of::<clowder_messaging::chats::ChatPatch>(json!({"title": "y"}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, title).await.unwrap();
        let system = world.store.messaging.messages(&world.ctx(&ada), chat, Window::NEWEST, 1).await.unwrap().items[0].id;
        for unseen in [other.id, system, MessageId::new(world.now())] {
            for member in ["reply_to", "thread_of"] {
                let flaw = if member == "reply_to" { "/reply_to no_message" } else { "/thread_of no_root" };
                assert_eq!(wrong(try_send(&world, &ada, chat, "x", json!({member: unseen})).await), [flaw]);
            }
        }
        let both = try_send(&world, &ada, chat, "x", json!({"reply_to": other.id, "thread_of": other.id})).await;
        assert_eq!(wrong(both), ["/reply_to no_message", "/thread_of no_root"]);
        assert_eq!(code(try_send(&world, &eve, chat, "x", json!({"reply_to": before.id})).await), "chat.unknown");

        let quoting = reply(&world, &bob, chat, "quoting", before.id).await;
        let new = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        assert_eq!(wrong(try_send(&world, &eve, chat, "x", json!({"reply_to": before.id})).await), ["/reply_to no_message"]);
        let since = reply(&world, &bob, chat, "since", before.id).await;
        let page = world.store.messaging.messages(&world.ctx(&eve), chat, Window::NEWEST, 9).await.unwrap().items;
        assert!(page.iter().all(|message| message.id != quoting.id));
        let quote = page.iter().find(|message| message.id == since.id).unwrap().reply_to.clone().unwrap();
        assert_eq!((quote.id, quote.sender, quote.excerpt, quote.deleted), (before.id, None, None, false));
        assert!(seen(&world, &ada, since.id).await.reply_to.unwrap().excerpt.is_some());
    }

    async fn blocked_and_erased_people_are_quoted_as_they_are_shown(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let first = world.say(&bob, chat, "hello").await;
        let said = reply(&world, &eve, chat, "hello yourself", first.id).await;
        let hide = of::<NewBlock>(json!({"hide_messages": true}));
        world.store.blocks.block(&world.ctx(&ada), bob.id, hide).await.unwrap();
        assert!(seen(&world, &ada, said.id).await.reply_to.unwrap().hidden);
        assert!(!seen(&world, &eve, said.id).await.reply_to.unwrap().hidden);
        assert!(reply(&world, &ada, chat, "still", first.id).await.reply_to.unwrap().hidden);
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        let quote = seen(&world, &eve, said.id).await.reply_to.unwrap();
        assert_eq!(quote.sender.unwrap(), clowder_accounts::privacy::tombstone(bob.id));
        world.gone(b"bob@example.org").await;
    }

    async fn a_quote_disappears_with_its_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let brief = try_send(&world, &ada, chat, "for a moment", json!({"lifetime": {"seconds": 60}})).await.unwrap();
        let said = reply(&world, &bob, chat, "read it", brief.id).await;
        assert_eq!(said.reply_to.unwrap().excerpt.as_deref(), Some("for a moment"));
        world.wait(Duration::from_secs(61));
        // Nobody has deleted it yet.
        let quote = seen(&world, &bob, said.id).await.reply_to.unwrap();
        assert_eq!((quote.excerpt, quote.deleted), (None, true));
        let late = try_send(&world, &bob, chat, "late", json!({"reply_to": brief.id})).await;
        assert_eq!(wrong(late), ["/reply_to no_message"]);
        let ctx = clowder_core::Ctx::new(clowder_core::Actor::System, world.now(), "timers");
        assert_eq!(world.store.lifetimes.expire(&ctx).await.unwrap(), 1);
        assert!(seen(&world, &bob, said.id).await.reply_to.unwrap().deleted);
        world.gone(b"for a moment").await;
    }

    async fn a_client_id_is_compared_with_what_was_named(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let (one, two) = (world.say(&ada, chat, "one").await.id, world.say(&ada, chat, "two").await.id);
        let send = async |more: Value| {
            let mut new = json!({"content": "hello", "client_id": "c1"});
            new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            world.store.messaging.send(&world.ctx(&ada), chat, of::<NewMessage>(new)).await
        };
        let said = send(json!({"reply_to": one})).await.unwrap().into_inner();
        let Made::Found(again) = send(json!({"reply_to": one})).await.unwrap() else { panic!("it is the same") };
        assert_eq!((again.id, again.reply_to.unwrap().excerpt.as_deref()), (said.id, Some("one")));
        for other in [json!({}), json!({"reply_to": two}), json!({"thread_of": one}), json!({"reply_to": one, "thread_of": one})] {
            assert_eq!(code(send(other).await), "client_id.mismatch");
        }
        world.store.messaging.delete(&world.ctx(&ada), one, None).await.unwrap();
        assert!(matches!(send(json!({"reply_to": one})).await, Ok(Made::Found(_))), "it was sent before");
    }

    async fn a_reply_comes_before_or_after_a_deletion(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        for round in 0..8 {
            let first = world.say(&ada, chat, &format!("round {round}")).await.id;
            let (one, two) = (world.clone(), world.clone());
            let (his, hers) = (world.ctx(&bob), world.ctx(&ada));
            let new = of::<NewMessage>(json!({"content": "quick", "reply_to": first, "thread_of": first}));
            let sent = tokio::spawn(async move { one.store.messaging.send(&his, chat, new).await });
            let deleted = tokio::spawn(async move { two.store.messaging.delete(&hers, first, None).await });
            deleted.await.unwrap().unwrap();
            match sent.await.unwrap() {
                Ok(sent) => {
                    let quote = seen(&world, &bob, sent.into_inner().id).await.reply_to.unwrap();
                    assert_eq!((quote.excerpt, quote.deleted), (None, true));
                    assert_eq!(seen(&world, &ada, first).await.thread.unwrap().count, 1);
                }
                refused => assert_eq!(wrong(refused), ["/reply_to no_message", "/thread_of no_root"]),
            }
        }
        world.gone(b"round").await;
    }

    async fn a_scheduled_message_names_others_too(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (one, two) = (world.say(&bob, chat, "one").await.id, world.say(&bob, chat, "two").await.id);
        let schedule = async |names: Value| {
            let mut new = json!({"content": "later", "send_at": world.now().plus(Duration::from_secs(60))});
            new.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
            world.store.scheduled.schedule(&world.ctx(&ada), chat, of::<NewMessage>(new)).await
        };
        let nothing = MessageId::new(world.now());
        assert_eq!(wrong(schedule(json!({"reply_to": nothing})).await), ["/reply_to no_message"]);
        let whole = schedule(json!({"reply_to": one, "thread_of": two})).await.unwrap();
        assert_eq!((whole.reply_to, whole.thread_of), (Some(one), Some(two)));
        let three = world.say(&bob, chat, "three").await.id;
        let quoting = schedule(json!({"reply_to": three})).await.unwrap();
        let threaded = schedule(json!({"thread_of": three})).await.unwrap();
        world.store.messaging.delete(&world.ctx(&bob), three, None).await.unwrap();
        world.wait(Duration::from_secs(120));
        let ctx = clowder_core::Ctx::new(clowder_core::Actor::System, world.now(), "timers");
        assert_eq!(world.store.scheduled.send_due(&ctx).await.unwrap(), 3);
        let became = async |id| world.store.scheduled.scheduled_message(&world.ctx(&ada), id).await.unwrap();
        let sent = seen(&world, &bob, became(whole.id).await.message_id.unwrap()).await;
        assert_eq!((sent.reply_to.map(|quote| quote.id), sent.thread_of), (Some(one), Some(two)));
        let sent = seen(&world, &bob, became(quoting.id).await.message_id.unwrap()).await;
        assert_eq!((sent.content.as_deref(), sent.reply_to), (Some("later"), None), "it is sent without the quote");
        let refused = became(threaded.id).await;
        assert_eq!((refused.status, refused.problem.unwrap().code.as_str()), (ScheduledStatus::Refused, "scheduled.thread"));
    }

    async fn the_history_of_a_reply_is_its_own(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let first = world.say(&ada, chat, "one").await.id;
        let said = reply(&world, &ada, chat, "two", first).await.id;
        let history = world.store.messaging.history(&world.ctx(&ada), said, PageRequest::default()).await.unwrap();
        let texts: Vec<Edit> = history.items;
        assert_eq!(texts.iter().map(|edit| edit.content.as_str()).collect::<Vec<_>>(), ["two"]);
    }
}
