//! The guarantees of `Messaging` about reactions.

use clowder_core::{Input, MessageId, Page, PageRequest, Topic};
use clowder_messaging::{
    CHAT, Emoji, Message, NewChat, NewRead, Reacted, Reactor, Window, participants::NewParticipants,
};
use clowder_social::NewBlock;
use serde_json::json;

use crate::{
    privacy::{system, work},
    world::{Person, World, code, on_both},
};

fn emoji(text: &str) -> Emoji {
    Emoji::from_text(text).unwrap_or_else(|| panic!("{text} is no emoji"))
}

/// Twenty different ones, and one more.
fn many() -> Vec<Emoji> {
    ('😀'..).take(21).map(|one| emoji(&one.to_string())).collect()
}

async fn react(world: &World, who: &Person, message: MessageId, text: &str) -> i64 {
    world.store.messaging.react(&world.ctx(who), message, emoji(text)).await.unwrap().count
}

async fn seen(world: &World, who: &Person, message: MessageId) -> Message {
    world.store.messaging.message(&world.ctx(who), message).await.unwrap()
}

fn reacted(text: &str, count: i64, mine: bool) -> Reacted {
    Reacted { emoji: text.to_owned(), count, mine: Some(mine) }
}

async fn who(world: &World, viewer: &Person, message: MessageId, of: Option<&str>, page: PageRequest) -> Page<Reactor> {
    world.store.messaging.reactions(&world.ctx(viewer), message, of.map(emoji), page).await.unwrap()
}

on_both! {
    async fn a_reaction_is_one_per_person_and_emoji(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let message = world.say(&ada, chat, "hello").await;
        world.changes().await;
        assert_eq!(react(&world, &bob, message.id, "👍").await, 1);
        let told = world.changes().await;
        let [added] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&*added.name, added.topic, added.actor), ("reaction.added", Topic::new(CHAT, chat), Some(bob.id)));
        let data: serde_json::Value = serde_json::from_str(added.data.get()).unwrap();
        let expected = json!({
            "chat_id": chat, "message_id": message.id, "seq": 1, "user_id": bob.id, "emoji": "👍", "count": 1,
        });
        assert_eq!(data, expected);
        assert_eq!(react(&world, &bob, message.id, "👍\u{fe0f}").await, 1, "the same, written differently");
        assert!(world.names().await.is_empty(), "nothing is written");
        world.wait(std::time::Duration::from_secs(1));
        assert_eq!(react(&world, &eve, message.id, "❤").await, 1);
        assert_eq!(react(&world, &eve, message.id, "👍").await, 2);
        assert_eq!(world.names().await, ["reaction.added", "reaction.added"]);
        let hearts = "❤\u{fe0f}";
        assert_eq!(seen(&world, &bob, message.id).await.reactions, [reacted("👍", 2, true), reacted(hearts, 1, false)]);
        assert_eq!(seen(&world, &ada, message.id).await.reactions, [reacted("👍", 2, false), reacted(hearts, 1, false)]);

        let messaging = &world.store.messaging;
        let removed = messaging.unreact(&world.ctx(&bob), message.id, emoji("👍")).await.unwrap();
        assert_eq!(removed.count, 1);
        assert_eq!(world.names().await, ["reaction.removed"]);
        assert_eq!(messaging.unreact(&world.ctx(&bob), message.id, emoji("👍")).await.unwrap(), removed, "twice is fine");
        assert_eq!(messaging.unreact(&world.ctx(&ada), message.id, emoji("🍕")).await.unwrap().count, 0);
        assert!(world.names().await.is_empty());
        messaging.unreact(&world.ctx(&eve), message.id, emoji("👍")).await.unwrap();
        messaging.unreact(&world.ctx(&eve), message.id, emoji("❤")).await.unwrap();
        assert!(seen(&world, &bob, message.id).await.reactions.is_empty());
        let page = messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 9).await.unwrap();
        assert!(page.items[0].reactions.is_empty());
    }

    async fn in_a_channel_only_the_reactor_is_named(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        world.meddle("UPDATE chats SET type = 'channel'").unwrap();
        let message = world.say(&ada, chat, "hello").await;
        world.changes().await;
        react(&world, &bob, message.id, "👍").await;
        world.store.messaging.unreact(&world.ctx(&bob), message.id, emoji("👍")).await.unwrap();
        let told = world.changes().await;
        let told = |name: &str, topic| {
            let one = told.iter().find(|change| *change.name == *name && change.topic == topic).unwrap();
            serde_json::from_str::<serde_json::Value>(one.data.get()).unwrap()["user_id"].clone()
        };
        for name in ["reaction.added", "reaction.removed"] {
            assert_eq!(told(name, Topic::new(CHAT, chat)), json!(null));
            assert_eq!(told(name, Topic::user(bob.id)), json!(bob.id));
        }
    }

    async fn pages_lists_and_edits_show_reactions(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut said = Vec::new();
        for n in 1..=4 {
            said.push(world.say(&ada, chat, &format!("message {n}")).await.id);
        }
        react(&world, &bob, said[1], "👍").await;
        react(&world, &ada, said[3], "👍").await;
        react(&world, &bob, said[3], "👍").await;
        let messaging = &world.store.messaging;
        let page = messaging.messages(&world.ctx(&bob), chat, Window::After(0), 9).await.unwrap();
        let counts: Vec<Vec<_>> = page.items.iter().map(|m| m.reactions.iter().map(|r| (r.count, r.mine)).collect()).collect();
        assert_eq!(counts, [vec![], vec![(1, Some(true))], vec![], vec![(2, Some(true))]]);
        let last = messaging.chat(&world.ctx(&bob), chat).await.unwrap().last_message.unwrap();
        assert_eq!(last.reactions, [reacted("👍", 2, true)]);
        messaging.unreact(&world.ctx(&bob), said[3], emoji("👍")).await.unwrap();
        let last = messaging.chat(&world.ctx(&bob), chat).await.unwrap().last_message.unwrap();
        assert_eq!(last.reactions, [reacted("👍", 1, false)], "also from the cache of what chats show");
        messaging.unreact(&world.ctx(&ada), said[3], emoji("👍")).await.unwrap();
        let last = messaging.chat(&world.ctx(&bob), chat).await.unwrap().last_message.unwrap();
        assert!(last.reactions.is_empty());

        react(&world, &ada, said[1], "🍕").await;
        world.changes().await;
        let patch = clowder_messaging::MessagePatch::from_json(json!({"content": "edited"})).unwrap();
        let edited = messaging.edit(&world.ctx(&ada), said[1], None, patch).await.unwrap();
        assert_eq!(edited.reactions, [reacted("👍", 1, false), reacted("🍕", 1, true)]);
        let told = world.changes().await;
        let data: serde_json::Value = serde_json::from_str(told[0].data.get()).unwrap();
        assert_eq!(data["reactions"], json!([{"emoji": "👍", "count": 1}, {"emoji": "🍕", "count": 1}]), "for everybody");
    }

    async fn who_reacted_is_paged(world: World) {
        let people = world.people(["ada", "bob", "eve", "dan"]).await;
        let others: Vec<_> = people[1..].iter().collect();
        let chat = world.group(&people[0], &others).await.id;
        let message = world.say(&people[0], chat, "hello").await.id;
        for person in &people {
            react(&world, person, message, "👍").await;
        }
        react(&world, &people[2], message, "🍕").await;
        let mut expected: Vec<_> = people.iter().map(|person| ("👍".to_owned(), person.id)).collect();
        expected.push(("🍕".to_owned(), people[2].id));
        expected.sort_unstable();
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = who(&world, &people[1], message, None, PageRequest { limit: 2, cursor }).await;
            found.extend(page.items.into_iter().map(|one| (one.emoji, one.user.id)));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
        let pizza = who(&world, &people[1], message, Some("🍕"), PageRequest::default()).await.items;
        assert_eq!(pizza.iter().map(|one| one.user.username.as_str()).collect::<Vec<_>>(), ["eve"]);
        let wrong = PageRequest { limit: 2, cursor: Some("x".into()) };
        let wrong = world.store.messaging.reactions(&world.ctx(&people[1]), message, None, wrong).await;
        assert!(matches!(wrong, Err(clowder_core::Error::Invalid(_))));
    }

    async fn a_message_has_twenty_kinds_however_many_react_at_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        let all = many().into_iter().map(|one| {
            let (world, ctx) = (world.clone(), world.ctx(&bob));
            tokio::spawn(async move { code_of(world.store.messaging.react(&ctx, message, one).await) })
        });
        let all: Vec<_> = all.collect();
        let mut codes = Vec::new();
        for one in all {
            codes.push(one.await.unwrap());
        }
        codes.sort_unstable();
        assert_eq!((codes[0], codes.last().copied()), ("", Some("reaction.kinds")));
        assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 20);
        let shown = seen(&world, &ada, message).await.reactions;
        assert_eq!(shown.len(), 20);
        assert_eq!(react(&world, &ada, message, &shown[7].emoji).await, 2, "those that are there are open to all");
        world.store.messaging.unreact(&world.ctx(&bob), message, emoji(&shown[3].emoji)).await.unwrap();
        assert_eq!(react(&world, &ada, message, "🍕").await, 1, "one has become free");
        assert_eq!(code(world.store.messaging.react(&world.ctx(&ada), message, emoji("🍌")).await), "reaction.kinds");
    }

    async fn many_people_react_at_once_on_two_nodes(world: World) {
        let names: Vec<_> = (0..12).map(|n| format!("person{n}")).collect();
        let mut people = Vec::new();
        for name in &names {
            people.push(world.person(name).await);
        }
        let others: Vec<_> = people[1..].iter().collect();
        let chat = world.group(&people[0], &others).await.id;
        let message = world.say(&people[0], chat, "hello").await.id;
        let other = std::sync::Arc::new(world.another_node().await);
        let mut tasks = Vec::new();
        for (n, person) in people.iter().enumerate() {
            for (sign, on) in [("👍", true), ("🍕", true), ("🍕", false)] {
                let (world, other, ctx) = (world.clone(), other.clone(), world.ctx(person));
                tasks.push(tokio::spawn(async move {
                    let messaging = if n % 2 == 0 { &world.store.messaging } else { &other.messaging };
                    match on {
                        true => messaging.react(&ctx, message, emoji(sign)).await.map(drop),
                        false => messaging.unreact(&ctx, message, emoji(sign)).await.map(drop),
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let shown = seen(&world, &people[0], message).await.reactions;
        let all = who(&world, &people[0], message, None, PageRequest { limit: 99, cursor: None }).await.items;
        assert_eq!(shown.iter().find(|one| one.emoji == "👍").map(|one| one.count), Some(12));
        for one in &shown {
            assert_eq!(one.count, all.iter().filter(|who| who.emoji == one.emoji).count() as i64, "{one:?}");
        }
        assert_eq!(all.len() as i64, shown.iter().map(|one| one.count).sum::<i64>());
    }

    async fn nobody_reacts_where_they_must_not(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        let messaging = &world.store.messaging;
        let mine = world.say(&bob, chat, "mine").await.id;
        react(&world, &bob, message, "👍").await;
        world.changes().await;
        let stranger = world.ctx(&eve);
        assert_eq!(code(messaging.react(&stranger, message, emoji("👍")).await), "message.unknown");
        assert_eq!(code(messaging.unreact(&stranger, message, emoji("👍")).await), "message.unknown");
        assert_eq!(code(messaging.reactions(&stranger, message, None, PageRequest::default()).await), "message.unknown");
        assert_eq!(code(messaging.react(&stranger, MessageId::new(world.now()), emoji("👍")).await), "message.unknown");
        assert!(world.names().await.is_empty());

        world.store.blocks.block(&world.ctx(&ada), bob.id, NewBlock::default()).await.unwrap();
        world.changes().await;
        assert_eq!(react(&world, &ada, mine, "🍕").await, 1, "who blocks still reacts");
        assert_eq!(react(&world, &bob, mine, "🍕").await, 2);
        let back = messaging.unreact(&world.ctx(&bob), message, emoji("👍")).await.unwrap();
        assert_eq!(back.count, 0, "what was said before can be taken back");
        world.store.blocks.unblock(&world.ctx(&ada), bob.id).await.unwrap();

        let new = clowder_messaging::NewChat::from_json(json!({"type": "private", "participant_ids": [bob.id]})).unwrap();
        let pair = messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let private = world.say(&ada, pair, "between us").await.id;
        react(&world, &bob, private, "👍").await;
        world.store.blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        assert_eq!(code(messaging.react(&world.ctx(&bob), private, emoji("🍕")).await), "chat.closed");
        assert_eq!(code(messaging.react(&world.ctx(&ada), private, emoji("🍕")).await), "chat.closed");
        assert_eq!(messaging.unreact(&world.ctx(&bob), private, emoji("👍")).await.unwrap().count, 0);
    }

    async fn who_is_blocked_reacts_as_everybody_does_and_whoever_blocks_does_not_see_it(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let (message, other) = (world.say(&ada, chat, "hello").await.id, world.say(&eve, chat, "hi").await.id);
        let block = async |who: &Person, whom: &Person| {
            world.store.blocks.block(&world.ctx(who), whom.id, NewBlock::default()).await.unwrap();
        };
        block(&ada, &bob).await;
        world.changes().await;
        assert_eq!(react(&world, &eve, message, "👍").await, 1);
        // The same answers and the same changes as without a block.
        assert_eq!(react(&world, &bob, message, "👍").await, 2);
        assert_eq!(react(&world, &bob, message, "🍕").await, 1);
        assert_eq!(react(&world, &bob, other, "🍕").await, 1);
        assert_eq!(world.names().await, ["reaction.added"; 4]);
        let shown = async |who: &Person, message: MessageId| {
            let reactions = seen(&world, who, message).await.reactions;
            let pairs: Vec<_> = reactions.iter().map(|one| (one.emoji.clone(), one.count, one.mine)).collect();
            let page = PageRequest::default();
            let people = world.store.messaging.reactions(&world.ctx(who), message, None, page).await.unwrap().items;
            let list = world.store.messaging.chats(&world.ctx(who), Default::default(), PageRequest::default()).await;
            let last = list.unwrap().items.remove(0).last_message.unwrap();
            if last.id == message {
                assert_eq!(last.reactions, reactions, "as the last message of the chat, too");
            }
            assert_eq!(people.len() as i64, reactions.iter().map(|one| one.count).sum::<i64>());
            pairs
        };
        let pair = |emoji: &str, count, mine| (emoji.to_owned(), count, Some(mine));
        assert_eq!(shown(&bob, message).await, [pair("👍", 2, true), pair("🍕", 1, true)]);
        assert_eq!(shown(&eve, message).await, [pair("👍", 2, true), pair("🍕", 1, false)]);
        assert_eq!(shown(&ada, message).await, [pair("👍", 1, false)], "only she does not see his");
        assert_eq!(shown(&ada, other).await, [pair("🍕", 1, false)], "to messages of others she does");
        block(&eve, &bob).await;
        assert!(shown(&eve, other).await.is_empty());
        world.store.blocks.unblock(&world.ctx(&ada), bob.id).await.unwrap();
        assert_eq!(shown(&ada, message).await, [pair("👍", 2, false), pair("🍕", 1, false)]);
    }

    async fn what_was_said_before_somebody_came_has_no_reactions_of_theirs(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let new = json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"});
        let new = NewChat::from_json(new).unwrap();
        let messaging = &world.store.messaging;
        let chat = messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let before = world.say(&ada, chat, "before").await.id;
        react(&world, &bob, before, "👍").await;
        let new = NewParticipants::from_json(json!({"user_ids": [eve.id]})).unwrap();
        world.store.participants.add(&world.ctx(&ada), chat, new).await.unwrap();
        let since = world.say(&ada, chat, "since").await;
        let hers = world.ctx(&eve);
        world.changes().await;
        assert_eq!(code(messaging.react(&hers, before, emoji("👍")).await), "message.unknown");
        assert_eq!(code(messaging.unreact(&hers, before, emoji("👍")).await), "message.unknown");
        assert_eq!(code(messaging.reactions(&hers, before, None, PageRequest::default()).await), "message.unknown");
        assert_eq!(code(messaging.receipts(&hers, before, PageRequest::default()).await), "message.unknown");
        assert!(world.names().await.is_empty());
        assert_eq!(react(&world, &eve, since.id, "👍").await, 1);
        assert_eq!(react(&world, &ada, before, "👍").await, 2);
        assert_eq!(messaging.delivered(&hers, chat, NewRead { seq: since.seq }).await.unwrap().seq, since.seq);
        assert_eq!(messaging.receipts(&world.ctx(&ada), before, PageRequest::default()).await.unwrap().items.len(), 1);
    }

    async fn nobody_reacts_in_a_deleted_chat(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        react(&world, &bob, message, "👍").await;
        let messaging = &world.store.messaging;
        messaging.read(&world.ctx(&bob), chat, NewRead { seq: 1 }).await.unwrap();
        // As if it were being deleted.
        world.batch("UPDATE chats SET deleted_at = created_at");
        world.changes().await;
        let his = world.ctx(&bob);
        assert_eq!(code(messaging.react(&his, message, emoji("🍕")).await), "message.unknown");
        assert_eq!(code(messaging.reactions(&his, message, None, PageRequest::default()).await), "message.unknown");
        assert_eq!(code(messaging.receipts(&his, message, PageRequest::default()).await), "message.unknown");
        assert_eq!(code(messaging.delivered(&his, chat, NewRead { seq: 1 }).await), "chat.unknown");
        assert!(world.names().await.is_empty());
        world.batch("UPDATE chats SET deleted_at = NULL");
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        work(&world, &world.store).await;
        for table in ["message_reactions", "message_reaction_counts", "receipts", "chats"] {
            assert_eq!(world.meddle(&format!("DELETE FROM {table}")).unwrap(), 0, "{table}");
        }
    }

    async fn a_deleted_message_has_no_reactions(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        react(&world, &bob, message, "👍").await;
        react(&world, &ada, message, "🍕").await;
        world.changes().await;
        let messaging = &world.store.messaging;
        messaging.delete(&world.ctx(&ada), message, None).await.unwrap();
        assert_eq!(world.names().await, ["message.deleted"]);
        assert!(seen(&world, &bob, message).await.reactions.is_empty());
        assert!(who(&world, &bob, message, None, PageRequest::default()).await.items.is_empty());
        assert_eq!(code(messaging.react(&world.ctx(&bob), message, emoji("👍")).await), "message.deleted");
        assert_eq!(messaging.unreact(&world.ctx(&bob), message, emoji("👍")).await.unwrap().count, 0);
        assert!(world.names().await.is_empty());
        assert_eq!(world.meddle("DELETE FROM message_reactions").unwrap(), 0, "none is left");
    }

    async fn of_very_many_reactions_to_a_deleted_message_some_go_later(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        react(&world, &bob, message, "👍").await;
        // More than one person could have given.
        let series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1200) ";
        let text = if world.is_postgres() { "n::text" } else { "CAST(n AS TEXT)" };
        world.batch(&format!(
            "INSERT INTO message_reactions (chat_id, seq, emoji, user_id, reacted_at) \
             {series} SELECT r.chat_id, r.seq, {text}, r.user_id, r.reacted_at FROM message_reactions r, s"
        ));
        let messaging = &world.store.messaging;
        messaging.delete(&world.ctx(&ada), message, None).await.unwrap();
        assert!(who(&world, &bob, message, None, PageRequest::default()).await.items.is_empty(), "nobody sees them");
        assert_eq!(code(messaging.react(&world.ctx(&bob), message, emoji("👍")).await), "message.deleted");
        let left = world.meddle("UPDATE messages SET version = version WHERE reactions_left").unwrap();
        assert_eq!(left, 1);
        world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap();
        assert_eq!(world.meddle("DELETE FROM message_reactions").unwrap(), 0);
        assert_eq!(world.meddle("UPDATE messages SET version = version WHERE reactions_left OR reaction_kinds <> 0").unwrap(), 0);
    }

    async fn reactions_go_with_whoever_is_erased(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let message = world.say(&ada, chat, "hello").await.id;
        for (who, sign) in [(&bob, "👍"), (&bob, "🍕"), (&eve, "👍")] {
            react(&world, who, message, sign).await;
        }
        world.changes().await;
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(world.names().await.iter().filter(|name| *name == "reaction.removed").count(), 2);
        assert_eq!(seen(&world, &eve, message).await.reactions, [reacted("👍", 1, true)]);
    }
}

fn code_of<T: std::fmt::Debug>(result: clowder_core::Result<T>) -> &'static str {
    if result.is_ok() { "" } else { code(result) }
}
