//! Pages of what is found, in chats of any length.

use std::collections::HashSet;

use clowder_core::PageRequest;
use clowder_messaging::search::{Order, RANKED, Search, volumes::SIZE};

use super::{domain::search, index};
use crate::world::{Person, World, on_both};

/// All pages.
async fn walk(world: &World, who: &Person, search: &Search, limit: u32) -> Vec<i64> {
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let page = PageRequest { limit, cursor };
        let page = world.store.search.search_messages(&world.ctx(who), search.clone(), page).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        seen.extend(page.items.into_iter().map(|found| found.message.seq));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return seen;
        }
    }
}

on_both! {
    async fn pages_are_whole_in_every_order_while_others_write(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut said = Vec::new();
        for n in 0..25 {
            said.push(world.say(&bob, chat, &format!("page {}", "word ".repeat(n % 7))).await.seq);
        }
        index(&world).await;
        let newest: Vec<i64> = said.iter().rev().copied().collect();
        for limit in [1, 4, 25, 200] {
            assert_eq!(walk(&world, &ada, &search("page"), limit).await, newest);
            assert_eq!(walk(&world, &ada, &Search { order: Order::Oldest, ..search("page") }, limit).await, said);
            let ranked = walk(&world, &ada, &Search { order: Order::Relevance, ..search("page") }, limit).await;
            let mut sorted = ranked.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, said, "nothing twice, nothing missing");
        }
        // What comes meanwhile does not move the rest.
        let ranked = Search { order: Order::Relevance, ..search("page") };
        let first = PageRequest { limit: 5, cursor: None };
        let first = world.store.search.search_messages(&world.ctx(&ada), ranked.clone(), first).await.unwrap();
        let mut seen: Vec<i64> = first.items.iter().map(|found| found.message.seq).collect();
        let scores: Vec<f64> = first.items.iter().map(|found| found.score).collect();
        assert!(scores.is_sorted_by(|one, next| one >= next), "{scores:?}");
        world.say(&bob, chat, "page page page").await;
        index(&world).await;
        let rest = PageRequest { limit: 200, cursor: first.next_cursor };
        let rest = world.store.search.search_messages(&world.ctx(&ada), ranked.clone(), rest).await.unwrap();
        seen.extend(rest.items.iter().map(|found| found.message.seq));
        seen.sort_unstable();
        assert_eq!(seen, said);
        let wrong = PageRequest { limit: 5, cursor: Some("nonsense".into()) };
        assert!(world.store.search.search_messages(&world.ctx(&ada), ranked, wrong).await.is_err());
    }

    async fn long_chats_are_searched_volume_by_volume(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let [chat_id, bob_id] = [world.literal(chat), world.literal(bob.id)];
        let many = SIZE + 2_000;
        let embedded = world.options.url.is_embedded();
        let (id, at, numbers) = if embedded {
            let numbers = format!("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {many})");
            ("randomblob(16)", "1790000100000000 + n", numbers)
        } else {
            let at = "to_timestamp(1790000100) + n * interval '1 microsecond'";
            ("gen_random_uuid()", at, format!("WITH n(n) AS (SELECT generate_series(1, {many}))"))
        };
        // Every 300th is rare.
        world.meddle(&format!(
            "{numbers} INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version) \
             SELECT {id}, {chat_id}, n, 'text', {bob_id}, CASE WHEN n % 300 = 0 THEN 'rare common' ELSE 'common' END, {at}, 1 FROM n"
        )).unwrap();
        let end = if embedded { "1790000200000000" } else { "to_timestamp(1790000200)" };
        world.meddle(&format!("UPDATE chats SET last_seq = {many}, active_at = {end} WHERE id = {chat_id}")).unwrap();
        world.store.search.rebuild_index(&world.ctx(&ada)).await.unwrap();
        index(&world).await;
        let rare: Vec<i64> = (1..=many).filter(|n| n % 300 == 0).collect();
        let newest: Vec<i64> = rare.iter().rev().copied().collect();
        assert_eq!(walk(&world, &ada, &search("rare"), 50).await, newest);
        assert_eq!(walk(&world, &ada, &Search { order: Order::Oldest, ..search("\"rare common\"") }, 50).await, rare);
        let page = PageRequest { limit: 3, cursor: None };
        let common = world.store.search.search_messages(&world.ctx(&ada), search("common"), page).await.unwrap();
        assert_eq!(common.items.iter().map(|found| found.message.seq).collect::<Vec<_>>(), [many, many - 1, many - 2]);
        let ranked = Search { order: Order::Relevance, ..search("comm") };
        let ranked = walk(&world, &ada, &ranked, 200).await;
        let (best, older) = ranked.split_at(RANKED);
        assert!(best.iter().all(|seq| *seq > many - RANKED as i64), "of the newest");
        assert_eq!(best.iter().collect::<HashSet<_>>().len(), RANKED, "each once");
        let expected: Vec<i64> = (1..=many - RANKED as i64).rev().collect();
        assert_eq!(older, expected, "then all the others by their time");
    }
}
