//! What a search costs whose filters few messages fit: it is the index that knows of them, or few messages are looked at.

use std::time::Duration;

use clowder_accounts::profiles::ranking::{Sought, SuggestionKind};
use clowder_core::{Actor, Ctx, PageRequest};
use clowder_infra::DatabaseUrl;
use clowder_messaging::{
    Emoji, MessageType, NewMessage,
    search::{Has, Mentioned, Order, Search, Whom, query},
};
use serde_json::json;

use super::{domain::search, find, index};
use crate::{
    asked,
    media::{new, upload},
    stress::of,
    world::{Person, World, on_both},
};

async fn titled(world: &World, who: &Person, text: &str) -> Vec<String> {
    let page = world.store.search.search_chats(&world.ctx(who), text.to_owned(), PageRequest::default()).await.unwrap();
    page.items.into_iter().filter_map(|found| found.chat.title).collect()
}

on_both! {
    async fn titles_are_indexed_again(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let titles = ["東京都の会議", "สวัสดีชาวโลก", "Lunch"];
        for title in titles {
            let new = of(json!({"type": "group", "title": title, "visibility": "public"}));
            world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap();
        }
        index(&world).await;
        let looks = [("京都", titles[0]), ("会議", titles[0]), ("ชาว", titles[1]), ("lun", titles[2])];
        let spoil = || {
            // As a version left it that cut titles at spaces alone.
            world.meddle("DELETE FROM chat_words WHERE word NOT IN ('東京都の会議', 'สวัสดีชาวโลก')").unwrap();
            world.meddle("INSERT INTO chat_words (word, chat_id) SELECT 'former', id FROM chats WHERE title = 'Lunch'")
        };
        for by_command in [true, false] {
            spoil().unwrap();
            for person in [&ada, &bob] {
                assert_eq!(titled(&world, person, "京都").await, [""; 0]);
            }
            let ctx = Ctx::new(Actor::System, world.now(), "search");
            if by_command {
                let begun = world.store.search.rebuild_index(&ctx).await.unwrap();
                assert!(begun.running && begun.total >= 3, "{begun:?}");
            } else {
                // An upgrade from rules before.
                world.meddle("UPDATE search_index SET rules = rules - 1").unwrap();
            }
            let first = world.store.search.index_some(&ctx).await.unwrap();
            assert!(first.running && first.done == 3 && first.total >= 3, "titles count: {first:?}");
            index(&world).await;
            for (text, title) in looks {
                for person in [&ada, &bob] {
                    assert_eq!(titled(&world, person, text).await, [title], "{text}");
                }
            }
            assert_eq!(world.number("SELECT count(*) FROM chat_words WHERE word = 'former'"), 0);
        }
    }

    async fn the_index_knows_files(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut files = Vec::new();
        for n in 0..3 {
            files.push(upload(&world, &world.ctx(&ada), new("a"), format!("content {n}").as_bytes()).await.unwrap().id);
        }
        let with = async |text: &str, file: usize| {
            let new = of::<NewMessage>(json!({"content": text, "attachments": [files[file]]}));
            world.store.messaging.send(&world.ctx(&ada), chat, new).await.unwrap().into_inner()
        };
        let lunch_menu = with("lunch menu", 0).await;
        with("dinner menu", 1).await;
        with("", 2).await;
        world.say(&bob, chat, "lunch alone").await;
        index(&world).await;
        let has_file = |search: Search| Search { has: Some(Has::File), ..search };
        let any = || has_file(Search { sought: query::Sought::default(), ..search("x") });
        for (search, expected) in [
            (has_file(search("lunch")), &["lunch menu"] as &[_]),
            (has_file(search("menu -lunch")), &["dinner menu"]),
            (any(), &["", "dinner menu", "lunch menu"]),
            (Search { order: Order::Oldest, ..any() }, &["lunch menu", "dinner menu", ""]),
            (Search { order: Order::Relevance, ..any() }, &["", "dinner menu", "lunch menu"]),
            (Search { from: Some(Whom::Id(bob.id)), ..any() }, &[]),
            (Search { kind: Some(MessageType::File), ..any() }, &["", "dinner menu", "lunch menu"]),
            (Search { kind: Some(MessageType::Image), ..any() }, &[]),
        ] {
            assert_eq!(find(&world, &bob, search.clone()).await, expected, "{search:?}");
        }
        // Of messages that the index does not give for it, none is looked at: also not one that would fit.
        world.meddle("UPDATE messages SET attached = 1 WHERE content = 'lunch alone'").unwrap();
        assert_eq!(find(&world, &bob, has_file(search("lunch"))).await, ["lunch menu"]);
        world.meddle("UPDATE messages SET attached = 0 WHERE content = 'lunch alone'").unwrap();
        // An edit that takes the file away counts at once, and so does a deletion.
        let patch = of(json!({"content": "lunch menu", "attachments": []}));
        world.store.messaging.edit(&world.ctx(&ada), lunch_menu.id, None, patch).await.unwrap();
        assert_eq!(find(&world, &bob, any()).await, ["", "dinner menu"]);
        assert_eq!(find(&world, &bob, search("lunch")).await, ["lunch alone", "lunch menu"]);
        // Messages of before this was indexed are found once the index is made anew; those with it meanwhile, too.
        world.meddle("UPDATE search_index SET rules = 2").unwrap();
        assert_eq!(find(&world, &bob, any()).await, ["", "dinner menu"]);
        assert_eq!(find(&world, &bob, has_file(search("menu"))).await, ["dinner menu"]);
        index(&world).await;
        assert_eq!(find(&world, &bob, any()).await, ["", "dinner menu"]);
    }

    async fn the_index_knows_types_and_mentions(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        for text in ["lunch with @bob", "lunch for @all", "lunch alone"] {
            world.say(&ada, chat, text).await;
        }
        let poll = json!({"content": "lunch?", "type": "poll", "poll": {"options": ["soon", "late"]}});
        world.store.messaging.send(&world.ctx(&ada), chat, of::<NewMessage>(poll)).await.unwrap();
        index(&world).await;
        let to = |person: &Person| Some(Mentioned::Person(Whom::Id(person.id)));
        let lunch = || search("lunch");
        let bobs = Search { mentions: to(&bob), ..lunch() };
        let eves = Search { mentions: to(&eve), ..lunch() };
        let all = Search { mentions: Some(Mentioned::Everybody), ..lunch() };
        let any = Search { has: Some(Has::Mention), ..lunch() };
        let polls = Search { kind: Some(MessageType::Poll), ..lunch() };
        let (with_bob, for_all) = ("lunch with @bob", "lunch for @all");
        for (search, expected) in [
            (&bobs, &[with_bob] as &[_]), (&eves, &[]), (&all, &[for_all]), (&any, &[for_all, with_bob]), (&polls, &["lunch?"]),
        ] {
            assert_eq!(find(&world, &ada, search.clone()).await, expected, "{search:?}");
        }
        // Of messages that the index does not give for it, none is looked at: also not one that would fit.
        let alone = "(SELECT seq FROM messages WHERE content = 'lunch alone')";
        world.meddle(&format!(
            "INSERT INTO message_mentions (chat_id, seq, user_id, place, given, counted, sent_at) \
             SELECT n.chat_id, m.seq, n.user_id, 0, n.given, n.counted, m.created_at FROM message_mentions n \
             JOIN messages m ON m.chat_id = n.chat_id AND m.seq = {alone}",
        )).unwrap();
        world.meddle(&format!("UPDATE messages SET type = 'poll' WHERE seq = {alone}")).unwrap();
        assert_eq!(find(&world, &ada, bobs.clone()).await, [with_bob]);
        assert_eq!(find(&world, &ada, any.clone()).await, [for_all, with_bob]);
        assert_eq!(find(&world, &ada, polls.clone()).await, ["lunch?"]);
        // As long as not everything is indexed by these rules, each message is looked at.
        world.meddle(&format!("UPDATE messages SET type = 'text' WHERE seq = {alone}")).unwrap();
        world.meddle("UPDATE search_index SET rules = 1").unwrap();
        assert_eq!(find(&world, &ada, bobs.clone()).await, ["lunch alone", with_bob]);
        world.meddle(&format!("DELETE FROM message_mentions WHERE seq = {alone}")).unwrap();
        index(&world).await;
        assert_eq!(find(&world, &ada, bobs).await, [with_bob]);
        // An edit changes whom it mentions, at once.
        let edited = world.say(&ada, chat, "lunch again").await;
        index(&world).await;
        let patch = of(json!({"content": "lunch again with @eve"}));
        world.store.messaging.edit(&world.ctx(&ada), edited.id, None, patch).await.unwrap();
        assert_eq!(find(&world, &ada, eves).await, ["lunch again with @eve"]);
    }

    async fn pins_are_found_however_much_was_said(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&bob, &[]).await.id);
        for (who, chat, text) in [(&bob, chat, "lunch one"), (&ada, chat, "lunch two"), (&bob, other, "lunch three"), (&bob, chat, "dinner")] {
            let said = world.say(who, chat, text).await;
            let owner = if chat == other { &bob } else { &ada };
            world.store.keeping.pin(&world.ctx(owner), said.id).await.unwrap();
        }
        world.say(&ada, chat, "lunch four").await;
        index(&world).await;
        // They are not looked for in the index.
        world.meddle("DELETE FROM message_search").unwrap();
        let pins = |text: &str| Search { has: Some(Has::Pin), ..search(text) };
        assert_eq!(find(&world, &ada, pins("lunch")).await, ["lunch two", "lunch one"]);
        assert_eq!(find(&world, &bob, pins("lun")).await, ["lunch three", "lunch two", "lunch one"]);
        assert_eq!(find(&world, &bob, Search { order: Order::Oldest, ..pins("lunch") }).await, ["lunch one", "lunch two", "lunch three"]);
        assert_eq!(find(&world, &bob, pins("lunch -two")).await, ["lunch three", "lunch one"]);
        assert_eq!(find(&world, &bob, Search { chat: Some(chat), ..pins("\"lunch two\"") }).await, ["lunch two"]);
        assert_eq!(find(&world, &bob, Search { from: Some(Whom::Id(ada.id)), ..pins("lunch") }).await, ["lunch two"]);
        let (mut cursor, mut pages) = (None, Vec::new());
        loop {
            let page = PageRequest { limit: 1, cursor };
            let page = world.store.search.search_messages(&world.ctx(&bob), pins("lunch"), page).await.unwrap();
            pages.extend(page.items.into_iter().filter_map(|found| found.message.content));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, ["lunch three", "lunch two", "lunch one"]);
    }

    async fn among_reactions_all_messages_are_looked_through(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let liked = |text: &'static str| {
            let (world, ada) = (&world, &ada);
            async move {
                let said = world.say(ada, chat, text).await;
                let emoji = Emoji::from_text("👍").unwrap();
                world.store.messaging.react(&world.ctx(ada), said.id, emoji).await.unwrap();
            }
        };
        liked("lunch long ago").await;
        // A gap of several volumes.
        world.meddle("UPDATE chats SET last_seq = last_seq + 131072").unwrap();
        liked("lunch now").await;
        index(&world).await;
        let lunch = || search("lunch");
        let reacted = || Search { has: Some(Has::Reaction), ..lunch() };
        assert_eq!(find(&world, &ada, lunch()).await, ["lunch now", "lunch long ago"]);
        assert_eq!(find(&world, &ada, reacted()).await, ["lunch now", "lunch long ago"]);
        assert_eq!(find(&world, &ada, Search { order: Order::Oldest, ..reacted() }).await, ["lunch long ago", "lunch now"]);
        assert_eq!(find(&world, &ada, Search { from: Some(Whom::Id(ada.id)), ..reacted() }).await.len(), 2);
        let stranger = world.person("eve").await;
        assert_eq!(find(&world, &ada, Search { from: Some(Whom::Id(stranger.id)), ..reacted() }).await, [""; 0]);
        assert_eq!(find(&world, &stranger, reacted()).await, [""; 0]);
        assert_eq!(find(&world, &ada, Search { has: Some(Has::Reaction), ..search("dinner") }).await, [""; 0]);
    }

    /// Of 5,000 messages with a pin and a reaction three have the word: no page looks at all of them, and none is lost.
    async fn rare_hits_among_pins_and_reactions_are_all_found_page_by_page(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let [chat_id, ada_id] = [world.literal(chat), world.literal(ada.id)];
        let many = 5_000;
        let embedded = world.options.url.is_embedded();
        let (id, at, numbers) = if embedded {
            let numbers = format!("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {many})");
            ("randomblob(16)", "1790000100000000 + n", numbers)
        } else {
            let at = "to_timestamp(1790000100) + n * interval '1 microsecond'";
            ("gen_random_uuid()", at, format!("WITH n(n) AS (SELECT generate_series(1, {many}))"))
        };
        let pinned = if embedded { "1" } else { "true" };
        world.meddle(&format!(
            "{numbers} INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version, reaction_kinds, pinned) \
             SELECT {id}, {chat_id}, n, 'text', {ada_id}, CASE WHEN n IN (1, 2, 4500) THEN 'lunch' ELSE 'dinner' END, {at}, 1, 1, \
             {pinned} FROM n"
        )).unwrap();
        world.meddle(&format!(
            "INSERT INTO message_pins (chat_id, seq, rank, pinned_by, pinned_at) \
             SELECT chat_id, seq, seq, sender_id, created_at FROM messages WHERE chat_id = {chat_id}"
        )).unwrap();
        let end = if embedded { "1790000200000000" } else { "to_timestamp(1790000200)" };
        world.meddle(&format!("UPDATE chats SET last_seq = {many}, active_at = {end} WHERE id = {chat_id}")).unwrap();
        world.store.search.rebuild_index(&world.ctx(&ada)).await.unwrap();
        index(&world).await;
        for (has, order) in [Has::Pin, Has::Reaction]
            .into_iter()
            .flat_map(|has| [Order::Newest, Order::Oldest, Order::Relevance].map(|order| (has, order)))
        {
            let wanted = Search { has: Some(has), order, ..search("lunch") };
            let (mut cursor, mut seqs, mut pages) = (None, Vec::new(), Vec::new());
            loop {
                let page = PageRequest { limit: 50, cursor };
                let page = world.store.search.search_messages(&world.ctx(&ada), wanted.clone(), page).await.unwrap();
                pages.push(page.items.len());
                seqs.extend(page.items.into_iter().map(|found| found.message.seq));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            let expected = if order == Order::Oldest { vec![1, 2, 4_500] } else { vec![4_500, 2, 1] };
            assert_eq!(seqs, expected, "{has:?} {order:?}");
            assert!((3..=4).contains(&pages.len()) && pages.contains(&0), "{has:?} {order:?} {pages:?}: 2,000 at a time");
        }
        let none = Search { has: Some(Has::Reaction), ..search("breakfast") };
        let first = world.store.search.search_messages(&world.ctx(&ada), none, PageRequest::default()).await.unwrap();
        assert!(first.items.is_empty() && first.next_cursor.is_some());
    }

    async fn hashtags_are_found_behind_those_of_many_others(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let suggested = async |typed: &str| {
            let sought = Sought::of_all_kinds(Some(typed.to_owned()));
            let ctx = world.ctx(&bob);
            let asked = world.store.profiles.suggestions(&ctx, sought, PageRequest::default());
            // Whatever others have written, it is a moment's work.
            let found = tokio::time::timeout(Duration::from_secs(6), asked).await.expect("too much work").unwrap();
            let tags = found.items.into_iter().filter(|item| item.kind == SuggestionKind::Hashtag);
            tags.map(|item| item.text).collect::<Vec<_>>()
        };
        world.say(&ada, chat, "#lunch today").await;
        for _ in 0..250 {
            world.say(&ada, chat, "lunch is ready #food").await;
        }
        index(&world).await;
        assert_eq!(suggested("#lun").await, ["#lunch"]);
        for message in 0..200 {
            let tags: Vec<_> = (0..100).map(|tag| format!("#dinner{message}x{tag}")).collect();
            world.say(&ada, chat, &tags.join(" ")).await;
        }
        index(&world).await;
        assert_eq!(suggested("#din").await.len(), 10);
    }
}

/// On SQLite, where diesel can record statements; the queries are the same for both databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_large_chats_are_divided_is_asked_for_all_of_them_at_once() {
    let world = World::sqlite().await;
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    asked::record();
    let node = world.another_node().await;
    let [ada] = world.people(["ada"]).await;
    for _ in 0..4 {
        let chat = world.group(&ada, &[]).await.id;
        world.say(&ada, chat, "lunch").await;
    }
    index(&world).await;
    // As large as if so many messages had followed.
    world.meddle("UPDATE chats SET last_seq = last_seq + 20000").unwrap();
    asked::take(path);
    let page = node.search.search_messages(&world.ctx(&ada), search("lunch"), PageRequest::default()).await.unwrap();
    assert_eq!(page.items.len(), 4);
    let ends = "SELECT `messages`.`chat_id`, `messages`.`seq`, `messages`.`created_at` FROM `messages`";
    let asked = asked::take(path);
    assert_eq!(asked.iter().filter(|text| text.starts_with(ends)).count(), 1, "{asked:#?}");
}
