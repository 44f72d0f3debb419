//! Searches for two words among a million messages, without HTTP: half of them in one chat, the others in 500 chats, all of one
//! person. Words are as frequent as in a language: the second half as often as the first, the third a third.
//!
//!     cargo bench -p clowder-infra --bench search -- URL [SECONDS]
//!
//! Prints one JSON line per figure, in the format that `bench/ratios.py` reads.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark may be blunt, and measures time")]

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use clowder_accounts::SignedIn;
use clowder_core::{Actor, ChatId, Ctx, PageRequest};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_messaging::search::{Order, Search, query::Sought};
use serde_json::json;

mod harness;

use harness::{by, chat, meddle, name, now, people, print};

const MESSAGES: i64 = 1_000_000;
const CHATS: i64 = 500;
/// How many messages each of the others has.
const OTHERS: i64 = MESSAGES / 2 / CHATS;
const WORDS: f64 = 20_000.0;
const SEARCHERS: u64 = 4;
/// How many messages one statement writes.
const ROWS: i64 = 5_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(url) = arguments.next() else { return println!("give me a database URL") };
    let seconds = arguments.next().map_or(15, |seconds| seconds.parse().unwrap());
    let url = DatabaseUrl::parse(&url).unwrap();
    Store::migrate(&url).unwrap();
    let mut options = Options::new(url.clone(), "a secret of thirty-two characters");
    options.hasher.cost = 4;
    let store = Store::open(options, now()).await.unwrap();
    let searcher = people(&store, 1).await.pop().unwrap();
    let long = chat(&store, &searcher, json!({"type": "group", "title": "Long"})).await;
    fill(&url, &searcher, long, 0, MESSAGES / 2);
    for n in 0..CHATS {
        let other = chat(&store, &searcher, json!({"type": "group", "title": format!("Chat {n}")})).await;
        fill(&url, &searcher, other, MESSAGES / 2 + n * OTHERS, OTHERS);
    }
    let (peer, begun) = (name(&url), Instant::now());
    let ctx = Ctx::new(Actor::System, now(), "bench");
    store.search.rebuild_index(&ctx).await.unwrap();
    let mut progress = store.search.index_some(&ctx).await.unwrap();
    while progress.running {
        progress = store.search.index_some(&ctx).await.unwrap();
    }
    print("index", peer, progress.done as f64 / begun.elapsed().as_secs_f64(), None);
    meddle(&url, &[("VACUUM ANALYZE", "ANALYZE")]);
    let bench = Arc::new(Bench { store, searcher, long });
    for (workload, order, is_in_one) in [
        ("search-two-words", Order::Relevance, false),
        ("search-two-words-newest", Order::Newest, false),
        ("search-two-words-in-chat", Order::Relevance, true),
    ] {
        measure(&bench, peer, workload, seconds, order, is_in_one).await;
    }
}

struct Bench {
    store: Store,
    searcher: SignedIn,
    long: ChatId,
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The words of the message with this number.
fn said(n: i64) -> Vec<String> {
    let mut dice = Dice(n.unsigned_abs() ^ 0x9e37_79b9_7f4a_7c15);
    dice.next();
    let length = 4 + (dice.next() * 16.0) as usize;
    (0..length).map(|_| word(WORDS.powf(dice.next()) as u64)).collect()
}

fn word(rank: u64) -> String {
    let (mut word, mut rest) = (String::new(), rank.wrapping_mul(7_919) % 1_000_003);
    for letters in ["bdfgklmnprstvz", "aeiou"].into_iter().cycle().take(5) {
        let place = rest % letters.len() as u64;
        word.push_str(&letters[place as usize..=place as usize]);
        rest /= letters.len() as u64;
    }
    let _ = write!(word, "{}", if rank.is_multiple_of(3) { "s" } else { "" });
    word
}

/// Writes `count` messages into a chat, the first with this number of all.
fn fill(url: &DatabaseUrl, sender: &SignedIn, chat: ChatId, first: i64, count: i64) {
    let (chat, sender) = (chat.uuid(), sender.user.id.uuid());
    let [chat_blob, sender_blob] = [chat, sender].map(|id| format!("x'{}'", id.simple()));
    let columns = "chat_id, seq, id, type, sender_id, created_at, version, content, reaction_kinds";
    for from in (0..count).step_by(usize::try_from(ROWS).unwrap()) {
        let [mut postgres, mut sqlite] = [(); 2].map(|()| format!("INSERT INTO messages ({columns}) VALUES "));
        for n in from..(from + ROWS).min(count) {
            let (comma, seq, text, ago) =
                (if n > from { "," } else { "" }, n + 1, said(first + n).join(" "), (count - n) * 60);
            let _ = write!(
                postgres,
                "{comma}('{chat}',{seq},gen_random_uuid(),'text','{sender}',now() - interval '{ago} seconds',1,'{text}',0)"
            );
            let _ = write!(
                sqlite,
                "{comma}({chat_blob},{seq},randomblob(16),'text',{sender_blob},(unixepoch() - {ago}) * 1000000,1,'{text}',0)"
            );
        }
        meddle(url, &[(&postgres, &sqlite)]);
    }
    let end = format!("UPDATE chats SET last_seq = {count} WHERE id = ");
    meddle(url, &[(&format!("{end}'{chat}'"), &format!("{end}{chat_blob}"))]);
}

/// Two words of one message, as they are typed.
fn typed(dice: &mut Dice) -> String {
    let words = said((dice.next() * MESSAGES as f64) as i64);
    let [one, other] = [(); 2].map(|()| words[(dice.next() * words.len() as f64) as usize].clone());
    format!("{one} {other}")
}

async fn measure(bench: &Arc<Bench>, peer: &str, workload: &str, seconds: u64, order: Order, is_in_one: bool) {
    let start = Instant::now();
    let searching: Vec<_> = (0..SEARCHERS)
        .map(|who| {
            let bench = Arc::clone(bench);
            tokio::spawn(async move {
                let (mut dice, mut took) = (Dice(who), Vec::new());
                while start.elapsed() < Duration::from_secs(seconds) {
                    let search = Search {
                        sought: Sought::parse(&typed(&mut dice)).unwrap(),
                        chat: is_in_one.then_some(bench.long),
                        from: None,
                        mentions: None,
                        has: None,
                        kind: None,
                        before: None,
                        after: None,
                        order,
                    };
                    let (ctx, begun) = (by(&bench.store, &bench.searcher), Instant::now());
                    bench.store.search.search_messages(&ctx, search, PageRequest::default()).await.unwrap();
                    took.push(begun.elapsed().as_secs_f64() * 1e3);
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for searching in searching {
        took.extend(searching.await.unwrap());
    }
    took.sort_by(f64::total_cmp);
    let at = |part: f64| (took[((took.len() - 1) as f64 * part) as usize] * 10.0).round() / 10.0;
    let rate = (took.len() as f64 / start.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    println!(
        "{}",
        json!({"peer": peer, "workload": workload, "ok_per_s": rate, "latency_ms": {"p50": at(0.5), "p99": at(0.99)}})
    );
}
