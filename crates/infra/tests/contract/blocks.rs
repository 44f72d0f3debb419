//! The guarantees of `Blocks`, and what a block does to everything else.

pub mod domain;
mod known;
mod replayed;

use std::time::Duration;

use clowder_accounts::model::SettingsPatch;
use clowder_core::{Error, Id, Input, PageRequest, UserId};
use clowder_messaging::{ChatFilter, MessagePatch, NewChat, Window};
use clowder_social::{NewBlock, NewMute, NewNote};
use serde_json::{Value, json};

use crate::{
    friends::befriend,
    world::{Person, World, code, on_both},
};

fn private(with: &Person) -> NewChat {
    NewChat::from_json(json!({"type": "private", "participant_ids": [with.id]})).unwrap()
}

fn note(text: &str) -> NewNote {
    NewNote::from_json(json!({"text": text})).unwrap()
}

/// The fields that were refused, with their codes.
fn wrong<T: std::fmt::Debug>(result: clowder_core::Result<T>) -> Vec<(String, String)> {
    match result {
        Err(Error::Invalid(errors)) => {
            errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect()
        }
        other => panic!("{other:?}"),
    }
}

async fn chats(world: &World, viewer: &Person) -> Vec<clowder_messaging::Chat> {
    let ctx = world.ctx(viewer);
    world.store.messaging.chats(&ctx, ChatFilter::default(), PageRequest::default()).await.unwrap().items
}

async fn choose(world: &World, person: &Person, messages_from: &str) {
    let patch = SettingsPatch::from_json(json!({"privacy": {"messages_from": messages_from}})).unwrap();
    world.store.preferences.edit_settings(&world.ctx(person), None, patch).await.unwrap();
}

on_both! {
    async fn a_block_closes_the_private_chat_for_both_until_neither_blocks(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (messaging, blocks) = (&world.store.messaging, &world.store.blocks);
        let chat = messaging.create_chat(&world.ctx(&ada), private(&bob)).await.unwrap().into_inner();
        assert!(chat.writable);
        let said = world.say(&bob, chat.id, "before").await;
        world.names().await;
        let ctx = world.ctx(&ada);
        let block = blocks.block(&ctx, bob.id, NewBlock::default()).await.unwrap();
        assert_eq!((block.user.id, block.hide_messages, block.since), (bob.id, false, ctx.now));
        let (updated, others): (Vec<_>, Vec<_>) =
            world.changes().await.into_iter().partition(|change| &*change.name == "chat.updated");
        let told: Vec<_> = others.iter().map(|change| (&*change.name, change.topic.as_user().unwrap())).collect();
        assert_eq!(told, [("block.added", ada.id)], "nobody else hears of it");
        let told: Vec<_> = updated.iter().map(|change| change.topic).collect();
        assert_eq!(told, [clowder_core::Topic::new(clowder_messaging::CHAT, chat.id)]);
        for change in &updated {
            let shown: Value = serde_json::from_str(change.data.get()).unwrap();
            assert_eq!((&shown["closed"], &shown["version"]), (&json!(true), &json!(2)));
            assert_eq!(shown.get("last_message"), None, "no text stays in the journal for its sake");
        }
        for person in [&ada, &bob] {
            assert_eq!(code(world.try_say(person, chat.id, "after", None).await), "chat.closed");
            let shown = chats(&world, person).await.remove(0);
            assert!(!shown.writable && shown.last_message.unwrap().id == said.id);
            let found = messaging.create_chat(&world.ctx(person), private(if person.id == ada.id { &bob } else { &ada })).await;
            assert_eq!(found.unwrap().into_inner().id, chat.id, "the chat that exists is found");
        }
        let patch = MessagePatch::from_json(json!({"content": "edited"})).unwrap();
        assert_eq!(code(messaging.edit(&world.ctx(&bob), said.id, None, patch).await), "chat.closed");
        assert!(world.names().await.is_empty());
        // The other one blocks, too: the chat stays closed until both have ended it. The two still know each other.
        blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        assert_eq!(world.names().await, ["block.added"]);
        blocks.unblock(&world.ctx(&ada), bob.id).await.unwrap();
        assert_eq!(world.names().await, ["block.removed"]);
        assert_eq!(code(world.try_say(&ada, chat.id, "after", None).await), "chat.closed");
        blocks.unblock(&world.ctx(&bob), ada.id).await.unwrap();
        // Of different streams, so in any order.
        let mut names = world.names().await;
        names.sort();
        assert_eq!(names, ["block.removed", "chat.updated"]);
        world.say(&ada, chat.id, "after").await;
        messaging.delete(&world.ctx(&bob), said.id, None).await.unwrap();
    }

    async fn nobody_is_told_of_read_marks_in_a_closed_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), private(&bob)).await.unwrap().into_inner();
        world.say(&bob, chat.id, "seen?").await;
        world.store.blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        world.names().await;
        let read = clowder_messaging::NewRead::from_json(json!({"seq": 1})).unwrap();
        world.store.messaging.read(&world.ctx(&ada), chat.id, read).await.unwrap();
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().map(|change| (&*change.name, change.topic.as_user())).collect();
        assert_eq!(told, [("message.read", Some(ada.id))]);
    }

    async fn who_blocks_is_gone_from_the_lists_of_the_blocked(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (blocks, ctx) = (&world.store.blocks, world.ctx(&bob));
        blocks.mute(&ctx, ada.id, NewMute::default()).await.unwrap();
        blocks.write_note(&ctx, ada.id, note("loud")).await.unwrap();
        blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        assert!(blocks.mutes(&ctx, PageRequest::default()).await.unwrap().items.is_empty());
        assert_eq!(code(blocks.mute(&ctx, ada.id, NewMute::default()).await), "user.unknown");
        assert_eq!(code(blocks.write_note(&ctx, ada.id, note("louder")).await), "user.unknown");
        let muted = async || world.store.friends.relationships(&ctx, vec![ada.id]).await.unwrap()[0].muted;
        assert!(!muted().await);
        assert_eq!(code(blocks.note(&ctx, ada.id).await), "note.unknown");
        // It is kept, and shows again.
        blocks.unblock(&world.ctx(&ada), bob.id).await.unwrap();
        assert_eq!(blocks.mutes(&ctx, PageRequest::default()).await.unwrap().items.len(), 1);
        assert!(muted().await);
        assert_eq!(blocks.note(&ctx, ada.id).await.unwrap().text, "loud");
        // So it does while one has blocked them oneself, whatever they do.
        blocks.block(&ctx, ada.id, NewBlock::default()).await.unwrap();
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'ada'").unwrap();
        assert!(muted().await);
        assert_eq!(blocks.note(&ctx, ada.id).await.unwrap().text, "loud");
    }

    async fn mutes_of_hidden_people_leave_no_holes_in_pages(world: World) {
        let [ada, hidden] = world.people(["ada", "hidden"]).await;
        let (blocks, mut expected) = (&world.store.blocks, Vec::new());
        for n in 0..5 {
            let person = world.person(&format!("user{n}")).await;
            blocks.mute(&world.ctx(&ada), person.id, NewMute::default()).await.unwrap();
            if n == 2 {
                blocks.mute(&world.ctx(&ada), hidden.id, NewMute::default()).await.unwrap();
            }
            expected.insert(0, person.id);
        }
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'hidden'").unwrap();
        let (mut found, mut cursor): (Vec<UserId>, _) = (Vec::new(), None);
        loop {
            let page = blocks.mutes(&world.ctx(&ada), PageRequest { limit: 2, cursor }).await.unwrap();
            assert!(page.items.len() == 2 || page.next_cursor.is_none());
            found.extend(page.items.iter().map(|mute| mute.user.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
    }

    async fn a_message_can_be_deleted_in_a_closed_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.store.messaging.create_chat(&world.ctx(&ada), private(&bob)).await.unwrap().into_inner();
        let said = world.say(&bob, chat.id, "regretted").await;
        world.store.blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        world.store.messaging.delete(&world.ctx(&bob), said.id, None).await.unwrap();
    }

    async fn a_block_ends_friendship_and_requests(world: World) {
        let [ada, bob, eve, dan] = world.people(["ada", "bob", "eve", "dan"]).await;
        befriend(&world, &ada, &bob).await;
        let friends = &world.store.friends;
        let ask = |to: &Person| Input::from_json(json!({"user_id": to.id})).unwrap();
        friends.request(&world.ctx(&ada), ask(&eve)).await.unwrap();
        friends.request(&world.ctx(&dan), ask(&ada)).await.unwrap();
        world.names().await;
        for other in [&bob, &eve, &dan] {
            world.store.blocks.block(&world.ctx(&ada), other.id, NewBlock::default()).await.unwrap();
        }
        let names = world.names().await;
        assert_eq!(names.iter().filter(|name| *name == "block.added").count(), 3);
        assert_eq!(names.iter().filter(|name| *name == "friend.removed").count(), 2, "both are told: {names:?}");
        for (one, other) in [(&ada, &bob), (&bob, &ada), (&ada, &eve), (&eve, &ada), (&dan, &ada)] {
            assert_eq!(code(friends.request(&world.ctx(one), ask(other)).await), "user.unknown");
        }
        let found = world.store.friends.list(&world.ctx(&bob), Default::default(), PageRequest::default()).await.unwrap();
        assert!(found.items.is_empty());
    }

    async fn blocking_says_nothing_about_who_exists(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let blocks = &world.store.blocks;
        let nobody: UserId = Id::new(world.now());
        blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        for user in [ada.id, nobody] {
            // Somebody who was blocked finds the other one as little as somebody who does not exist.
            assert_eq!(code(blocks.block(&world.ctx(&bob), user, NewBlock::default()).await), "user.unknown");
            assert_eq!(code(blocks.mute(&world.ctx(&bob), user, NewMute::default()).await), "user.unknown");
            assert_eq!(code(blocks.write_note(&world.ctx(&bob), user, note("x")).await), "user.unknown");
            blocks.unblock(&world.ctx(&bob), user).await.unwrap();
            blocks.unmute(&world.ctx(&bob), user).await.unwrap();
            blocks.remove_note(&world.ctx(&bob), user).await.unwrap();
            assert_eq!(code(blocks.note(&world.ctx(&bob), user).await), "note.unknown");
        }
        // With a chat in common they know of each other.
        world.group(&eve, &[&ada, &bob]).await;
        blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        for refused in [
            blocks.block(&world.ctx(&ada), ada.id, NewBlock::default()).await.map(drop),
            blocks.mute(&world.ctx(&ada), ada.id, NewMute::default()).await.map(drop),
            blocks.write_note(&world.ctx(&ada), ada.id, note("x")).await.map(drop),
        ] {
            assert_eq!(wrong(refused), [("{user_id}".to_owned(), "self".to_owned())]);
        }
    }

    async fn messages_of_the_blocked_are_hidden_in_common_groups_if_wanted(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&eve, &[&ada, &bob]).await.id;
        for (person, text) in [(&bob, "one"), (&eve, "two"), (&ada, "three")] {
            world.say(person, chat, text).await;
        }
        let blocks = &world.store.blocks;
        let hidden = async |viewer: &Person| {
            let page = world.store.messaging.messages(&world.ctx(viewer), chat, Window::After(0), 10).await.unwrap();
            page.items.iter().map(|message| message.hidden).collect::<Vec<_>>()
        };
        blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        assert_eq!(hidden(&ada).await, [false; 3]);
        let hiding = NewBlock { hide_messages: Some(true) };
        assert!(blocks.block(&world.ctx(&ada), bob.id, hiding).await.unwrap().hide_messages);
        assert!(blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap().hide_messages, "it stays");
        assert_eq!(hidden(&ada).await, [true, false, false]);
        // Wherever a message is shown.
        let last = world.say(&bob, chat, "four").await.id;
        let one = async |viewer: &Person| {
            let ctx = world.ctx(viewer);
            let messaging = &world.store.messaging;
            let listed = messaging.chats(&ctx, Default::default(), Default::default()).await.unwrap().items.remove(0);
            let [of_list, of_chat] =
                [listed, messaging.chat(&ctx, chat).await.unwrap()].map(|chat| chat.last_message.unwrap().hidden);
            [messaging.message(&ctx, last).await.unwrap().hidden, of_list, of_chat]
        };
        assert_eq!((one(&ada).await, one(&bob).await, one(&eve).await), ([true; 3], [false; 3], [false; 3]));
        assert_eq!(world.store.journal.others(ada.id).await.unwrap().hidden, [bob.id]);
        // What is written about it tells nobody else.
        world.store.messaging.delete(&world.ctx(&eve), last, None).await.unwrap();
        let told = world.everything().await;
        assert!(told.iter().all(|change| !change.data.get().contains("hidden")));
        for other in [&bob, &eve] {
            assert_eq!(hidden(other).await, [false; 4]);
        }
        blocks.unblock(&world.ctx(&ada), bob.id).await.unwrap();
        assert_eq!(hidden(&ada).await, [false; 4]);
    }

    async fn messages_of_the_muted_say_so_until_the_mute_is_over(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&eve, &[&ada, &bob]).await.id;
        let (messaging, blocks) = (&world.store.messaging, &world.store.blocks);
        world.say(&eve, chat, "one").await;
        let last = world.say(&bob, chat, "two").await.id;
        // Wherever a message is shown.
        let shown = async |viewer: &Person| {
            let ctx = world.ctx(viewer);
            let page = messaging.messages(&ctx, chat, Window::After(0), 10).await.unwrap();
            let listed = messaging.chats(&ctx, Default::default(), Default::default()).await.unwrap().items.remove(0);
            let mut shown: Vec<_> = page.items.iter().map(|message| message.muted).collect();
            shown.push(messaging.message(&ctx, last).await.unwrap().muted);
            shown.push(listed.last_message.unwrap().muted);
            shown.push(messaging.chat(&ctx, chat).await.unwrap().last_message.unwrap().muted);
            shown
        };
        assert_eq!(shown(&ada).await, [false; 5]);
        let until = world.now().plus(Duration::from_secs(3600));
        let new = NewMute::from_json(json!({"until": until})).unwrap();
        blocks.mute(&world.ctx(&ada), bob.id, new).await.unwrap();
        assert_eq!(shown(&ada).await, [false, true, true, true, true]);
        for other in [&bob, &eve] {
            assert_eq!(shown(other).await, [false; 5]);
        }
        // What is written about it tells nobody else.
        messaging.delete(&world.ctx(&eve), last, None).await.unwrap();
        assert!(world.everything().await.iter().all(|change| !change.data.get().contains("\"muted\":true")));
        world.wait(Duration::from_secs(3601));
        assert_eq!(shown(&ada).await, [false; 5]);
    }

    async fn blocks_and_mutes_are_listed_the_latest_first(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (blocks, ctx) = (&world.store.blocks, || world.ctx(&ada));
        for person in [&bob, &eve] {
            world.wait(Duration::from_secs(1));
            blocks.block(&ctx(), person.id, NewBlock::default()).await.unwrap();
            blocks.mute(&ctx(), person.id, NewMute::default()).await.unwrap();
        }
        let one = |cursor| PageRequest { limit: 1, cursor };
        let first = blocks.blocks(&ctx(), one(None)).await.unwrap();
        assert_eq!(first.items[0].user.id, eve.id);
        let second = blocks.blocks(&ctx(), one(first.next_cursor)).await.unwrap();
        assert_eq!((second.items[0].user.id, second.next_cursor), (bob.id, None));
        let first = blocks.mutes(&ctx(), one(None)).await.unwrap();
        assert_eq!(first.items[0].user.id, eve.id);
        let second = blocks.mutes(&ctx(), one(first.next_cursor)).await.unwrap();
        assert_eq!((second.items[0].user.id, second.next_cursor), (bob.id, None));
        for wrong_cursor in ["x", "1"] {
            assert_eq!(wrong(blocks.blocks(&ctx(), one(Some(wrong_cursor.to_owned()))).await)[0].1, "cursor");
        }
    }

    async fn a_mute_ends_by_itself_or_at_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (blocks, ctx) = (&world.store.blocks, || world.ctx(&ada));
        let count = async || blocks.mutes(&ctx(), PageRequest::default()).await.unwrap().items.len();
        let past = NewMute { until: Some(world.now()) };
        assert_eq!(wrong(blocks.mute(&ctx(), bob.id, past).await), [("/until".to_owned(), "past".to_owned())]);
        let until = world.now().plus(Duration::from_secs(60));
        let at = ctx();
        let mute = blocks.mute(&at, bob.id, NewMute { until: Some(until) }).await.unwrap();
        assert_eq!((mute.since, mute.until, count().await), (at.now, Some(until), 1));
        world.names().await;
        blocks.mute(&ctx(), bob.id, NewMute { until: Some(until) }).await.unwrap();
        assert!(world.names().await.is_empty(), "what changes nothing is no change");
        world.wait(Duration::from_secs(61));
        assert_eq!(count().await, 0);
        let at = ctx();
        let mute = blocks.mute(&at, bob.id, NewMute::default()).await.unwrap();
        assert_eq!((mute.since, mute.until, count().await), (at.now, None, 1), "it begins anew");
        blocks.unmute(&ctx(), bob.id).await.unwrap();
        assert_eq!((world.names().await, count().await), (vec!["mute.added".to_owned(), "mute.removed".to_owned()], 0));
    }

    async fn a_note_is_its_authors_alone_and_stored_encrypted(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let blocks = &world.store.blocks;
        for text in ["zqnote one", "zqnote two"] {
            let written = blocks.write_note(&world.ctx(&ada), bob.id, note(text)).await.unwrap();
            assert_eq!(blocks.note(&world.ctx(&ada), bob.id).await.unwrap(), written);
            assert_eq!((written.text.as_str(), written.user_id), (text, bob.id));
        }
        assert_eq!(code(blocks.note(&world.ctx(&bob), ada.id).await), "note.unknown");
        assert!(!world.holds(b"zqnote"));
        blocks.remove_note(&world.ctx(&ada), bob.id).await.unwrap();
        assert_eq!(code(blocks.note(&world.ctx(&ada), bob.id).await), "note.unknown");
        assert!(!world.names().await.iter().any(|name| name.contains("note")), "nobody is told");
    }

    async fn who_may_write_first_is_chosen_by_the_one_who_is_written_to(world: World) {
        let [ada, friend, far, staff] = world.people(["ada", "friend", "far", "warden"]).await;
        let stranger = world.person("stranger").await;
        befriend(&world, &ada, &friend).await;
        befriend(&world, &friend, &far).await;
        world.meddle("UPDATE users SET role = 'moderator' WHERE username = 'warden'").unwrap();
        let mut moderator = world.ctx(&staff);
        if let clowder_core::Actor::User { role, .. } = &mut moderator.actor {
            *role = clowder_core::Role::Moderator;
        }
        let everybody = [world.ctx(&friend), world.ctx(&far), world.ctx(&stranger), moderator];
        for (audience, may) in [
            ("nobody", [false, false, false, true]),
            ("friends", [true, false, false, true]),
            ("friends_of_friends", [true, true, false, true]),
            ("everyone", [true, true, true, true]),
        ] {
            choose(&world, &ada, audience).await;
            for (ctx, may) in everybody.iter().zip(may) {
                let group = NewChat::from_json(json!({"type": "group", "title": "x", "participant_ids": [ada.id]}));
                let made = world.store.messaging.create_chat(ctx, group.unwrap()).await;
                if may {
                    made.unwrap();
                } else {
                    assert_eq!(code(made), "chat.not_wanted", "{audience}");
                    assert_eq!(code(world.store.messaging.create_chat(ctx, private(&ada)).await), "chat.not_wanted");
                }
            }
        }
        // Friends in common count as their number says it.
        choose(&world, &ada, "friends_of_friends").await;
        let made = async || {
            let group = NewChat::from_json(json!({"type": "group", "title": "x", "participant_ids": [ada.id]}));
            world.store.messaging.create_chat(&world.ctx(&far), group.unwrap()).await
        };
        for (hidden, shown) in [
            ("UPDATE users SET visibility = 'private' WHERE username = 'friend'", "UPDATE users SET visibility = 'public' WHERE username = 'friend'"),
            ("UPDATE users SET suspension_reason = 'spam' WHERE username = 'friend'", "UPDATE users SET suspension_reason = NULL WHERE username = 'friend'"),
            ("UPDATE preferences SET see_friends = 'friends'", "UPDATE preferences SET see_friends = 'everyone'"),
        ] {
            world.meddle(hidden).unwrap();
            assert_eq!(code(made().await), "chat.not_wanted", "{hidden}");
            world.meddle(shown).unwrap();
            made().await.unwrap();
        }
        choose(&world, &ada, "everyone").await;
        // What exists is used as before.
        let chat = world.store.messaging.create_chat(&everybody[2], private(&ada)).await.unwrap().into_inner();
        choose(&world, &ada, "nobody").await;
        assert_eq!(world.store.messaging.create_chat(&everybody[2], private(&ada)).await.unwrap().into_inner().id, chat.id);
        world.say(&stranger, chat.id, "hello").await;
        world.store.messaging.create_chat(&world.ctx(&ada), private(&far)).await.unwrap();
    }

    async fn a_block_and_what_it_ends_at_the_same_time_leave_nothing_half(world: World) {
        for round in 0..8 {
            let [ada, bob] = world.people([&format!("ada{round}"), &format!("bob{round}")]).await;
            let chat = world.store.messaging.create_chat(&world.ctx(&ada), private(&bob)).await.unwrap().into_inner().id;
            let ask = |to: &Person| Input::from_json(json!({"user_id": to.id})).unwrap();
            world.store.friends.request(&world.ctx(&bob), ask(&ada)).await.unwrap();
            let other = world.another_node().await;
            let (ctx_a, ctx_b) = (world.ctx(&ada), world.ctx(&bob));
            let (blocked, back, accepted, said) = tokio::join!(
                world.store.blocks.block(&ctx_a, bob.id, NewBlock::default()),
                other.blocks.block(&ctx_b, ada.id, NewBlock::default()),
                other.friends.request(&ctx_a, ask(&bob)),
                world.try_say(&bob, chat, "at the same time", None),
            );
            blocked.unwrap();
            back.unwrap();
            if accepted.is_err() {
                assert_eq!(code(accepted), "user.unknown");
            }
            if said.is_err() {
                assert_eq!(code(said), "chat.closed");
            }
            let friends = world.store.friends.list(&ctx_a, Default::default(), PageRequest::default()).await.unwrap();
            assert!(friends.items.is_empty());
            assert_eq!(code(world.try_say(&ada, chat, "after", None).await), "chat.closed");
        }
    }
}
