//! What must not depend on sizes, without HTTP: many people who write in one chat beside many chats, the list of somebody in
//! 500 chats, pages at both ends of a chat with a million messages, and sends into a channel of 100,000 people beside a
//! group of 10, and members, details, joining and leaving of a group of 100,000 beside one of 10.
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

mod crowd;
mod harness;

use crowd::Groups;
use harness::{TEXT, by, chat, measure, meddle, name, now, pairs, send};

const SENDERS: usize = 64;
const READERS: usize = 16;
const CHATS: usize = 500;
const LONG: i64 = 1_000_000;
const SUBSCRIBERS: i64 = 100_000;
const ROUNDS: usize = 3;

struct Bench {
    store: Store,
    /// The name of the store in the rows.
    peer: &'static str,
    members: Vec<(SignedIn, ChatId)>,
    /// The chat in which all of them are.
    hot: ChatId,
    /// The chat with very many messages, of the first of them.
    long: ChatId,
    /// A group of 10 people, and a channel of very many, of the same.
    ten: ChatId,
    channel: ChatId,
    groups: Groups,
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
    let peer = name(&url);
    let bench = Bench::new(Store::open(options, now()).await.unwrap(), peer).await;
    lengthen(&url, &bench);
    subscribe(&url, &bench);
    bench.groups.fill(&url);
    for _ in 0..ROUNDS {
        measure(&bench, peer, "w4", SENDERS, seconds, Bench::send).await;
        measure(&bench, peer, "w4-hot", SENDERS, seconds, Bench::send_hot).await;
        measure(&bench, peer, "page-first", READERS, seconds, Bench::first).await;
        measure(&bench, peer, "page-last", READERS, seconds, Bench::last).await;
        measure(&bench, peer, "list-500", READERS, seconds, Bench::list).await;
        measure(&bench, peer, "w4-ten", SENDERS, seconds, Bench::send_ten).await;
        measure(&bench, peer, "w4-channel", SENDERS, seconds, Bench::send_channel).await;
        measure(&bench, peer, "members-ten", READERS, seconds, Bench::members_of_ten).await;
        measure(&bench, peer, "members-large", READERS, seconds, Bench::members_of_large).await;
        measure(&bench, peer, "group-ten", READERS, seconds, Bench::details_of_ten).await;
        measure(&bench, peer, "group-large", READERS, seconds, Bench::details_of_large).await;
        measure(&bench, peer, "join-leave-ten", READERS, seconds, Bench::turns_of_ten).await;
        measure(&bench, peer, "join-leave-large", READERS, seconds, Bench::turns_of_large).await;
    }
}

impl Bench {
    async fn new(store: Store, peer: &'static str) -> Arc<Self> {
        let (members, _) = pairs(&store, SENDERS).await;
        let first = &members[0].0;
        let others: Vec<_> = members[1..].iter().map(|(person, _)| person.user.id).collect();
        let hot = chat(&store, first, json!({"type": "group", "title": "Hot", "participant_ids": others})).await;
        let long = chat(&store, first, json!({"type": "group", "title": "Long"})).await;
        let ten = json!({"type": "group", "title": "Ten", "participant_ids": &others[..9]});
        let ten = chat(&store, first, ten).await;
        let channel = chat(&store, first, json!({"type": "channel", "title": "Channel"})).await;
        for n in members.len()..CHATS {
            let new = json!({"type": "group", "title": format!("Chat {n}"), "participant_ids": [members[1].0.user.id]});
            let chat = chat(&store, first, new).await;
            send(&store, first, chat).await;
        }
        let groups = Groups::new(&store, &members).await;
        Arc::new(Self { store, peer, members, hot, long, ten, channel, groups })
    }

    async fn send(self: Arc<Self>, who: usize) {
        let (person, chat) = &self.members[who];
        send(&self.store, person, *chat).await;
    }

    async fn send_hot(self: Arc<Self>, who: usize) {
        send(&self.store, &self.members[who].0, self.hot).await;
    }

    async fn send_ten(self: Arc<Self>, _: usize) {
        send(&self.store, &self.members[0].0, self.ten).await;
    }

    async fn send_channel(self: Arc<Self>, _: usize) {
        send(&self.store, &self.members[0].0, self.channel).await;
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

/// Adds very many people to the channel.
fn subscribe(url: &DatabaseUrl, bench: &Bench) {
    let chat = bench.channel.uuid();
    let users =
        "id, username, username_key, email, email_key, password, display_name, visibility, role, created_at, version";
    let seats = "chat_id, user_id, role, joined_at, read_seq, own_after_read";
    let user = "'sub' || n, 'sub' || n, 'x', 'sub' || n, 'x', 'x', 'public', 'user'";
    let people = [
        format!(
            "INSERT INTO users ({users}) SELECT gen_random_uuid(), {user}, now(), 1 FROM generate_series(1, {SUBSCRIBERS}) n"
        ),
        format!(
            "INSERT INTO users ({users}) WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {SUBSCRIBERS}) \
             SELECT randomblob(16), {user}, unixepoch() * 1000000, 1 FROM n"
        ),
    ];
    let [blob, count] = [format!("x'{}'", chat.simple()), format!("participant_count + {SUBSCRIBERS}")];
    let seat = |chat: &str, now: &str| {
        format!(
            "INSERT INTO participants ({seats}) SELECT {chat}, id, 'subscriber', {now}, 0, 0 FROM users \
             WHERE username LIKE 'sub%'"
        )
    };
    let seated = [seat(&format!("'{chat}'"), "now()"), seat(&blob, "unixepoch() * 1000000")];
    // Of so many people, nobody sees read marks.
    let marks = "lowest_reader_id = NULL, lowest_read_seq = NULL, second_lowest_read_seq = NULL";
    let counted = |chat: &str| format!("UPDATE chats SET participant_count = {count}, {marks} WHERE id = {chat}");
    let counted = [counted(&format!("'{chat}'")), counted(&blob)];
    meddle(
        url,
        &[(&people[0], &people[1]), (&seated[0], &seated[1]), (&counted[0], &counted[1]), ("ANALYZE", "ANALYZE")],
    );
}
