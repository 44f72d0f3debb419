//! What must not depend on sizes, without HTTP: many people who write in one chat beside many chats, the list of somebody in
//! 500 chats, and pages at both ends of a chat with a million messages.
//!
//!     cargo bench -p clowder-infra --bench sizes -- URL [SECONDS]
//!
//! Prints one JSON line per figure, in the format that `bench/ratios.py` reads. Everything is measured in turns.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark may be blunt, and measures time")]

use std::sync::Arc;

use clowder_accounts::SignedIn;
use clowder_core::{ChatId, PageRequest};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_messaging::{ChatFilter, Window};
use serde_json::json;

mod harness;

use harness::{TEXT, by, chat, measure, meddle, name, now, pairs, send};

const SENDERS: usize = 64;
const READERS: usize = 16;
const CHATS: usize = 500;
const LONG: i64 = 1_000_000;
const ROUNDS: usize = 3;

struct Bench {
    store: Store,
    members: Vec<(SignedIn, ChatId)>,
    /// The chat in which all of them are.
    hot: ChatId,
    /// The chat with very many messages, of the first of them.
    long: ChatId,
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(url) = arguments.next() else { return println!("give me a database URL") };
    let seconds = arguments.next().map_or(4, |seconds| seconds.parse().unwrap());
    let url = DatabaseUrl::parse(&url).unwrap();
    Store::migrate(&url).unwrap();
    let mut options = Options::new(url.clone(), "a secret of thirty-two characters");
    options.hasher.cost = 4;
    let bench = Bench::new(Store::open(options, now()).await.unwrap()).await;
    lengthen(&url, &bench);
    let peer = name(&url);
    for _ in 0..ROUNDS {
        measure(&bench, peer, "w4", SENDERS, seconds, Bench::send).await;
        measure(&bench, peer, "w4-hot", SENDERS, seconds, Bench::send_hot).await;
        measure(&bench, peer, "page-first", READERS, seconds, Bench::first).await;
        measure(&bench, peer, "page-last", READERS, seconds, Bench::last).await;
        measure(&bench, peer, "list-500", READERS, seconds, Bench::list).await;
    }
}

impl Bench {
    async fn new(store: Store) -> Arc<Self> {
        let members = pairs(&store, SENDERS).await;
        let first = &members[0].0;
        let others: Vec<_> = members[1..].iter().map(|(person, _)| person.user.id).collect();
        let hot = chat(&store, first, json!({"type": "group", "title": "Hot", "participant_ids": others})).await;
        let long = chat(&store, first, json!({"type": "group", "title": "Long"})).await;
        for n in members.len()..CHATS {
            let new = json!({"type": "group", "title": format!("Chat {n}"), "participant_ids": [members[1].0.user.id]});
            let chat = chat(&store, first, new).await;
            send(&store, first, chat).await;
        }
        Arc::new(Self { store, members, hot, long })
    }

    async fn send(self: Arc<Self>, who: usize) {
        let (person, chat) = &self.members[who];
        send(&self.store, person, *chat).await;
    }

    async fn send_hot(self: Arc<Self>, who: usize) {
        send(&self.store, &self.members[who].0, self.hot).await;
    }

    async fn page(&self, window: Window) {
        let ctx = by(&self.store, &self.members[0].0);
        let page = self.store.messaging.messages(&ctx, self.long, window, 50).await.unwrap();
        assert_eq!(page.items.len(), 50);
    }

    async fn first(self: Arc<Self>, _: usize) {
        self.page(Window::After(0)).await;
    }

    async fn last(self: Arc<Self>, _: usize) {
        self.page(Window::After(LONG - 50)).await;
    }

    async fn list(self: Arc<Self>, _: usize) {
        let page = PageRequest { limit: 50, cursor: None };
        let ctx = by(&self.store, &self.members[0].0);
        let page = self.store.messaging.chats(&ctx, ChatFilter::default(), page).await.unwrap();
        assert!(page.items.len() == 50 && page.next_cursor.is_some());
    }
}

/// Fills the long chat.
fn lengthen(url: &DatabaseUrl, bench: &Bench) {
    let (chat, sender) = (bench.long.uuid(), bench.members[0].0.user.id.uuid());
    let columns = "chat_id, seq, id, type, sender_id, created_at, version, content, reaction_kinds";
    let postgres = format!(
        "INSERT INTO messages ({columns}) SELECT '{chat}', n, gen_random_uuid(), 'text', '{sender}', now(), 1, '{TEXT}', 0 \
         FROM generate_series(1, {LONG}) n"
    );
    let [blob_of_chat, blob_of_sender] = [chat, sender].map(|id| format!("x'{}'", id.simple()));
    let sqlite = format!(
        "INSERT INTO messages ({columns}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {LONG}) \
         SELECT {blob_of_chat}, i, randomblob(16), 'text', {blob_of_sender}, unixepoch() * 1000000, 1, '{TEXT}', 0 FROM n"
    );
    let end = format!("UPDATE chats SET last_seq = {LONG} WHERE id = ");
    let ends = [format!("{end}'{chat}'"), format!("{end}{blob_of_chat}")];
    meddle(url, &[(&postgres, &sqlite), (&ends[0], &ends[1]), ("ANALYZE", "ANALYZE")]);
}
