//! The guarantees of `MessageSearch`.

mod bounds;
pub mod domain;
mod indexing;
mod pages;
mod shown;

use std::time::Duration;

use clowder_core::{Actor, ChatId, Ctx, PageRequest, Result};
use clowder_messaging::{
    Emoji, MessagePatch, MessageType, NewMessage,
    chats::ChatPatch,
    participants::NewParticipants,
    search::{Found, Has, Mentioned, Order, Search, Whom},
};
use clowder_social::NewBlock;
use domain::search;
use serde_json::json;

use crate::{
    readers::read_all,
    stress::of,
    world::{Person, World, code, on_both},
};

/// What somebody finds, as a list of texts, the newest first.
pub async fn found(world: &World, who: &Person, text: &str) -> Vec<String> {
    find(world, who, search(text)).await
}

pub async fn find(world: &World, who: &Person, search: Search) -> Vec<String> {
    let page = PageRequest { limit: 200, cursor: None };
    let page = world.store.search.search_messages(&world.ctx(who), search, page).await.unwrap();
    page.items.into_iter().filter_map(|found| found.message.content).collect()
}

async fn one(world: &World, who: &Person, search: Search) -> Result<Vec<Found>> {
    Ok(world.store.search.search_messages(&world.ctx(who), search, PageRequest::default()).await?.items)
}

/// Until everything that was said is indexed.
pub async fn index(world: &World) {
    read_all(&world.store, world).await;
    let ctx = Ctx::new(Actor::System, world.now(), "search");
    while world.store.search.index_some(&ctx).await.unwrap().running {}
}

on_both! {
    async fn what_was_said_is_found_in_any_language(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let said = [
            "Wir treffen uns im Café, don't be late", "東京都に行く", "กินข้าวกันไหม", "한국어 공부", "שָׁלוֹם עולם", "مُحَمَّد هنا",
            "Привет, Ёлка!", "see https://www.example.com/a-b", "party 👍🏽🎉", "1,000 reasons", "हिन्दी भाषा",
        ];
        for text in said {
            world.say(&bob, chat, text).await;
        }
        index(&world).await;
        for (query, text) in [
            ("cafe", 0), ("CAFÉ", 0), ("\"im cafe\"", 0), ("treff", 0), ("dont", 0), ("don’t", 0), ("cafe -paris", 0),
            ("東京", 1), ("京都", 1), ("東京都", 1), ("行", 1), ("ข้าว", 2), ("าว", 2), ("국어", 3), ("한국어", 3), ("שלום", 4), ("محمد", 5),
            ("ёлка", 6), ("елка", 6), ("прив", 6), ("example.com", 7), ("example", 7), ("👍", 8), ("👍🏽", 8), ("🎉", 8),
            ("1000", 9), ("1,000", 9), ("हिन्दी", 10), ("reasons 1000", 9),
        ] {
            assert_eq!(found(&world, &ada, query).await, [said[text]], "{query}");
        }
        for nothing in ["afe", "\"cafe im\"", "cafe -late", "京東", "kaffee", "\"caf\"", "👍🏻", "' OR 1=1 --", "b:a", "\"*\" NEAR(x)"] {
            assert_eq!(found(&world, &ada, nothing).await, [""; 0], "{nothing}");
        }
        let page = one(&world, &ada, search("cafe late")).await.unwrap();
        assert_eq!(page[0].highlight, "Wir treffen uns im <mark>Café</mark>, don&#39;t be <mark>late</mark>");
        assert!(page[0].score > 0.0 && page[0].score <= 1.0);
    }

    async fn only_what_somebody_sees_now_is_found(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let patch = of::<ChatPatch>(json!({"history": "since_join"}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch).await.unwrap();
        world.say(&ada, chat, "a zebra before").await;
        let adding = of::<NewParticipants>(json!({"user_ids": [eve.id]}));
        world.store.participants.add(&world.ctx(&ada), chat, adding).await.unwrap();
        world.say(&bob, chat, "a zebra after").await;
        let other = world.group(&ada, &[]).await.id;
        world.say(&ada, other, "a zebra alone").await;
        index(&world).await;
        assert_eq!(found(&world, &ada, "zebra").await, ["a zebra alone", "a zebra after", "a zebra before"]);
        assert_eq!(found(&world, &bob, "zebra").await, ["a zebra after", "a zebra before"]);
        assert_eq!(found(&world, &eve, "zebra").await, ["a zebra after"], "what came before her is not hers");
        let strange = one(&world, &bob, Search { chat: Some(other), ..search("zebra") }).await;
        assert_eq!(code(strange), "chat.unknown");
        // Messages of somebody whose messages are hidden.
        world.store.blocks.block(&world.ctx(&eve), bob.id, of::<NewBlock>(json!({"hide_messages": true}))).await.unwrap();
        assert_eq!(found(&world, &eve, "zebra").await, [""; 0]);
        world.store.participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        assert_eq!(found(&world, &bob, "zebra").await, [""; 0], "he has left");
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        assert_eq!(found(&world, &ada, "zebra").await, ["a zebra alone"]);
        world.changes().await;
    }

    async fn filters_narrow_a_search(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&ada, &[&bob]).await.id);
        let first = world.say(&ada, chat, "lunch one").await;
        let second = world.say(&bob, chat, "lunch two https://example.com").await;
        let third = world.say(&bob, other, "lunch three").await;
        let emoji = Emoji::from_text("👍").unwrap();
        world.store.messaging.react(&world.ctx(&ada), first.id, emoji).await.unwrap();
        world.store.keeping.pin(&world.ctx(&ada), third.id).await.unwrap();
        let named = of::<NewMessage>(json!({"content": "dinner @bob", "mentions": [ada.id]}));
        world.store.messaging.send(&world.ctx(&ada), chat, named).await.unwrap();
        world.say(&ada, other, "dinner @all").await;
        world.say(&ada, other, "dinner @nobody").await;
        index(&world).await;
        let lunch = || search("lunch");
        let by_id = |id| Mentioned::Person(Whom::Id(id));
        let by_name = |name: &str| Mentioned::Person(Whom::Username(name.to_owned()));
        let (one, two, three) = ("lunch one", "lunch two https://example.com", "lunch three");
        for (search, expected) in [
            (lunch(), &[three, two, one] as &[_]),
            (Search { order: Order::Oldest, ..lunch() }, &[one, two, three]),
            (Search { chat: Some(chat), ..lunch() }, &[two, one]),
            (Search { from: Some(Whom::Id(bob.id)), ..lunch() }, &[three, two]),
            (Search { from: Some(Whom::Username("BOB".into())), ..lunch() }, &[three, two]),
            (Search { from: Some(Whom::Username("nobody".into())), ..lunch() }, &[]),
            (Search { from: Some(Whom::Username("no name!".into())), ..lunch() }, &[]),
            (Search { has: Some(Has::Link), ..lunch() }, &[two]),
            (Search { has: Some(Has::Reaction), ..lunch() }, &[one]),
            (Search { has: Some(Has::Pin), ..lunch() }, &[three]),
            (Search { has: Some(Has::Mention), ..lunch() }, &[]),
            (Search { has: Some(Has::Mention), ..search("dinner") }, &["dinner @all", "dinner @bob"]),
            (Search { mentions: Some(by_id(ada.id)), ..search("dinner") }, &["dinner @bob"]),
            (Search { mentions: Some(by_name("bob")), ..search("dinner") }, &["dinner @bob"]),
            (Search { mentions: Some(by_name("eve")), ..search("dinner") }, &[]),
            (Search { mentions: Some(Mentioned::Everybody), ..search("dinner") }, &["dinner @all"]),
            (Search { mentions: Some(by_id(ada.id)), chat: Some(other), ..search("dinner") }, &[]),
            (Search { kind: Some(MessageType::Text), ..lunch() }, &[three, two, one]),
            (Search { kind: Some(MessageType::System), ..lunch() }, &[]),
            (Search { before: Some(second.created_at), ..lunch() }, &[one]),
            (Search { after: Some(second.created_at), ..lunch() }, &[three, two]),
            (Search { after: Some(second.created_at), before: Some(third.created_at), from: Some(Whom::Id(bob.id)), has: Some(Has::Link), chat: Some(chat), ..lunch() }, &[two]),
        ] {
            assert_eq!(find(&world, &ada, search.clone()).await, expected, "{search:?}");
            let mut ranked = find(&world, &ada, Search { order: Order::Relevance, ..search.clone() }).await;
            ranked.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(ranked, expected, "{search:?}, ranked");
        }
    }

    async fn what_fits_best_comes_first(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        for text in ["late for lunch", "a late lunch", "lunch, but we will not be late, or only a little", "luncheon is late"] {
            world.say(&ada, chat, text).await;
        }
        index(&world).await;
        let ranked = find(&world, &ada, Search { order: Order::Relevance, ..search("late lunch") }).await;
        assert_eq!(ranked[0], "a late lunch");
        assert_eq!(ranked.len(), 4);
        assert_eq!(ranked[3], "lunch, but we will not be late, or only a little");
    }

    async fn an_edited_text_is_found_and_the_earlier_one_is_not(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let (early, late) = (world.say(&ada, chat, "zqearly one").await, world.say(&ada, chat, "zqlate one").await);
        let edit = async |message: &clowder_messaging::Message, text: &str| {
            let patch = of::<MessagePatch>(json!({"content": text}));
            world.store.messaging.edit(&world.ctx(&ada), message.id, None, patch).await.unwrap();
        };
        // Before and after it is indexed.
        edit(&early, "another one").await;
        assert_eq!(found(&world, &ada, "another").await, ["another one"], "at once");
        index(&world).await;
        assert_eq!(found(&world, &ada, "zqlate").await, ["zqlate one"]);
        edit(&late, "a later one").await;
        index(&world).await;
        assert_eq!(found(&world, &ada, "zqearly").await, [""; 0]);
        assert_eq!(found(&world, &ada, "zqlate").await, [""; 0]);
        assert_eq!(found(&world, &ada, "one").await, ["a later one", "another one"]);
    }

    async fn what_disappears_is_not_found_from_its_end_on(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let new = of::<NewMessage>(json!({"content": "zqmoment", "lifetime": {"seconds": 10}}));
        world.store.messaging.send(&world.ctx(&ada), chat, new).await.unwrap();
        index(&world).await;
        assert_eq!(found(&world, &ada, "zqmoment").await, ["zqmoment"]);
        world.wait(Duration::from_secs(11));
        assert_eq!(found(&world, &ada, "zqmoment").await, [""; 0], "before anybody has deleted it");
        world.store.lifetimes.expire(&Ctx::new(Actor::System, world.now(), "timers")).await.unwrap();
        world.changes().await;
        world.gone(b"zqmoment").await;
        index(&world).await;
        world.gone(b"zqmoment").await;
    }

    async fn chats_are_found_by_their_titles(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mut chats: Vec<ChatId> = Vec::new();
        for (who, title, visibility) in [
            (&ada, "Gärtner im Norden", "private"), (&ada, "Norden heute", "public"), (&bob, "Nordlichter & <mehr>", "public"),
            (&bob, "Norden geheim", "private"), (&bob, "Süden", "public"),
        ] {
            let new = json!({"type": "group", "title": title, "visibility": visibility});
            let new = of::<clowder_messaging::NewChat>(new);
            chats.push(world.store.messaging.create_chat(&world.ctx(who), new).await.unwrap().into_inner().id);
        }
        world.changes().await;
        let mut cursor = None;
        let mut seen = Vec::new();
        loop {
            let page = PageRequest { limit: 1, cursor };
            let page = world.store.search.search_chats(&world.ctx(&ada), "nord".into(), page).await.unwrap();
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let ids: Vec<ChatId> = seen.iter().map(|found| found.chat.id).collect();
        assert_eq!(ids, [chats[1], chats[0], chats[2]], "her own first, the most recently active first");
        assert_eq!(seen[2].highlight, "<mark>Nordlichter</mark> &amp; &lt;mehr&gt;");
        assert!(seen[0].chat.joined && !seen[2].chat.joined && seen[0].score > seen[2].score);
        let none = world.store.search.search_chats(&world.ctx(&ada), "geheim".into(), PageRequest::default()).await.unwrap();
        assert!(none.items.is_empty());
    }

    async fn ones_own_chats_are_found_by_people_and_by_ones_own_titles(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let named = of(json!({"display_name": "Robert & Söhne"}));
        world.store.accounts.edit_me(&world.ctx(&bob), None, named).await.unwrap();
        let new = of::<clowder_messaging::NewChat>(json!({"type": "private", "participant_ids": [bob.id]}));
        let pair = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let group = world.group(&ada, &[&eve]).await.id;
        for (chat, title) in [(pair, "Quokka talk"), (group, "Quokkas")] {
            let title = of(json!({"title": title}));
            world.store.chats.set_preferences(&world.ctx(&ada), chat, title).await.unwrap();
        }
        world.changes().await;
        let found = async |who: &Person, text: &str| {
            let (mut cursor, mut seen) = (None, Vec::new());
            loop {
                let page = PageRequest { limit: 1, cursor };
                let page = world.store.search.search_chats(&world.ctx(who), text.into(), page).await.unwrap();
                seen.extend(page.items);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return seen;
                }
            }
        };
        for (text, highlight) in [("rob", "<mark>Robert</mark> &amp; Söhne"), ("sohne", "Robert &amp; <mark>Söhne</mark>"), ("bob", "<mark>bob</mark>")] {
            let [one] = &found(&ada, text).await[..] else { panic!("{text}") };
            assert_eq!((one.chat.id, one.highlight.as_str(), one.chat.joined), (pair, highlight, true), "{text}");
            assert_eq!((one.peer.as_ref().unwrap().id, one.own_title.as_deref()), (bob.id, Some("Quokka talk")));
            assert!(one.score > 0.5 && one.chat.title.is_none());
            // Nobody else finds their chats by these names.
            assert!(found(&eve, text).await.is_empty());
        }
        let mut ids: Vec<ChatId> = found(&ada, "quokka").await.iter().map(|one| one.chat.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [pair, group]);
        assert!(found(&bob, "quokka").await.is_empty() && found(&eve, "quokka").await.is_empty(), "titles of one's own");
        let [one] = &found(&bob, "ada").await[..] else { panic!() };
        assert_eq!((one.chat.id, one.own_title.as_deref()), (pair, None));
    }
}
