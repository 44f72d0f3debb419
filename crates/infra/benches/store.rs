//! The store without HTTP: durable sends with and without group commit, with an `Idempotency-Key`, as replies and in threads, pages of 50, marks of
//! what was read and has arrived, reactions, and on PostgreSQL the effect of a locked chat on everybody else.
//!
//!     cargo bench -p clowder-infra --bench store -- URL [SECONDS]
//!
//! Prints one JSON line per figure, in the format that `bench/ratios.py` reads.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark may be blunt, and measures time")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_accounts::SignedIn;
use clowder_core::{ChatId, Ctx, IdempotencyKey, Input, MessageId, PageRequest};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_messaging::{ChatFilter, Emoji, NewMessage, NewRead, Window};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use serde_json::json;
use tokio::sync::OnceCell;

mod harness;

use harness::{TEXT, by, measure, meddle, name, now, pairs, people, print, send};

const SENDERS: usize = 64;
const READERS: usize = 16;
/// How many people somebody has blocked.
const BLOCKS: usize = 1_000;
/// How long a chat is locked.
const HELD: u64 = 5;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(url) = arguments.next() else { return println!("give me a database URL") };
    let seconds = arguments.next().map_or(4, |seconds| seconds.parse().unwrap());
    let url = DatabaseUrl::parse(&url).unwrap();
    Store::migrate(&url).unwrap();
    hash(&url, seconds);
    for (workload, batch) in [("w4", 256), ("w4-unbatched", 1)] {
        let mut options = Options::new(url.clone(), "a secret of thirty-two characters");
        options.hasher.cost = 4;
        options.database.batch = batch;
        let bench = Bench::new(Store::open(options, now()).await.unwrap(), &url).await;
        bench.measure(workload, SENDERS, seconds, Bench::send).await;
        if batch > 1 {
            // In turns, because a single rate says little on a shared machine.
            for _ in 0..2 {
                bench.measure("w4-keyed", SENDERS, seconds, Bench::send_keyed).await;
                bench.measure("w4", SENDERS, seconds, Bench::send).await;
            }
            bench.fill().await;
            for _ in 0..2 {
                bench.measure("replies", SENDERS, seconds, Bench::reply).await;
                bench.measure("answers", SENDERS, seconds, Bench::answer).await;
                bench.measure("mentions", SENDERS, seconds, Bench::mention).await;
                bench.measure("w4", SENDERS, seconds, Bench::send).await;
            }
            bench.measure("w3", READERS, seconds, Bench::page).await;
            bench.block(&url).await;
            // In turns, half of the people each: those without blocks, and those with a thousand.
            for _ in 0..4 {
                bench.measure("sends-free", SENDERS / 2, seconds, Bench::send).await;
                bench.measure("sends-blocking", SENDERS / 2, seconds, Bench::send_blocking).await;
            }
            if let DatabaseUrl::Postgres(url) = &url {
                bench.beside_a_held_chat(url).await;
            }
        }
        lengthen(&url);
        if batch > 1 {
            // In turns, too: what shares commits with sends is compared with them.
            for _ in 0..3 {
                bench.measure("w4", SENDERS, seconds, Bench::send).await;
                bench.measure("reactions", SENDERS, seconds, Bench::react).await;
                bench.measure("marks", SENDERS, seconds, Bench::mark).await;
                bench.measure("deliveries", SENDERS, seconds, Bench::deliver).await;
            }
        } else {
            bench.measure("marks-unbatched", SENDERS, seconds, Bench::mark).await;
        }
    }
}

/// bcrypt alone, at the usual cost, on all cores.
fn hash(url: &DatabaseUrl, seconds: u64) {
    let (threads, start) = (std::thread::available_parallelism().unwrap().get(), Instant::now());
    let hashing: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                let mut done = 0_u32;
                while start.elapsed() < Duration::from_secs(seconds) {
                    bcrypt::non_truncating_hash("correct horse battery", 12).unwrap();
                    done += 1;
                }
                f64::from(done) / start.elapsed().as_secs_f64()
            })
        })
        .collect();
    let rate: f64 = hashing.into_iter().map(|hashing| hashing.join().unwrap()).sum();
    print("hash", name(url), rate, None);
}

/// Pretends that all chats have very many messages, so that marks can move.
fn lengthen(url: &DatabaseUrl) {
    let statement = "UPDATE chats SET last_seq = 1000000000 WHERE last_seq < 1000000000";
    meddle(url, &[(statement, statement)]);
}

struct Bench {
    store: Store,
    name: &'static str,
    members: Vec<(SignedIn, ChatId)>,
    /// The other person of all these chats.
    other: SignedIn,
    /// How often each has reacted.
    reacted: Vec<AtomicU64>,
    /// The messages of each that are reacted to, once there are some.
    said: Vec<OnceCell<Vec<MessageId>>>,
}

impl Bench {
    /// 64 people, each in a chat of their own with one other, like the load generator's.
    async fn new(store: Store, url: &DatabaseUrl) -> Arc<Self> {
        let (members, other) = pairs(&store, SENDERS).await;
        let reacted = members.iter().map(|_| AtomicU64::new(0)).collect();
        let said = members.iter().map(|_| OnceCell::new()).collect();
        Arc::new(Self { store, name: name(url), members, other, reacted, said })
    }

    async fn send(self: Arc<Self>, who: usize) {
        let (person, chat) = &self.members[who % self.members.len()];
        send(&self.store, person, *chat).await;
    }

    /// Lets the second half of the people block a thousand others each.
    async fn block(&self, url: &DatabaseUrl) {
        let others = people(&self.store, BLOCKS).await;
        let list = |ids: Vec<&SignedIn>, write: fn(&str) -> String| {
            let ids = ids.into_iter().map(|who| write(&who.user.id.uuid().simple().to_string()));
            ids.collect::<Vec<_>>().join(", ")
        };
        let statement = |no: &str, write: fn(&str) -> String| {
            let blocking = list(self.members[SENDERS / 2..].iter().map(|(who, _)| who).collect(), write);
            let blocked = list(others.iter().collect(), write);
            format!(
                "INSERT INTO blocks (user_id, blocked_id, hide_messages, since) SELECT m.id, u.id, {no}, m.created_at
                 FROM users m, users u WHERE m.id IN ({blocking}) AND u.id IN ({blocked})"
            )
        };
        let (postgres, sqlite) =
            (statement("false", |id| format!("CAST('{id}' AS uuid)")), statement("0", |id| format!("x'{id}'")));
        meddle(url, &[(postgres.as_str(), sqlite.as_str())]);
    }

    /// A send of somebody who has blocked a thousand people.
    async fn send_blocking(self: Arc<Self>, who: usize) {
        self.send(who + SENDERS / 2).await;
    }

    /// Moves a read mark forward by some messages.
    async fn mark(self: Arc<Self>, who: usize) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (person, chat) = &self.members[who % self.members.len()];
        let seq = 1_000_000 + NEXT.fetch_add(1, Ordering::Relaxed) as i64;
        self.store.messaging.read(&by(&self.store, person), *chat, NewRead { seq }).await.unwrap();
    }

    /// The same with the mark of what has arrived.
    async fn deliver(self: Arc<Self>, who: usize) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (person, chat) = &self.members[who % self.members.len()];
        let seq = 500_000_000 + NEXT.fetch_add(1, Ordering::Relaxed) as i64;
        self.store.messaging.delivered(&by(&self.store, person), *chat, NewRead { seq }).await.unwrap();
    }

    /// The first messages of a person's chat.
    async fn first(&self, who: usize) -> &[MessageId] {
        let (person, chat) = &self.members[who];
        let first = async || {
            let page = self.store.messaging.messages(&by(&self.store, person), *chat, Window::After(0), 50).await;
            page.unwrap().items.into_iter().map(|message| message.id).collect()
        };
        self.said[who].get_or_init(first).await
    }

    /// Replies to the first messages of a chat, one after the other.
    async fn reply(self: Arc<Self>, who: usize) {
        self.name_one(who, "reply_to").await;
    }

    /// Writes in the threads of the first messages of a chat, one after the other.
    async fn answer(self: Arc<Self>, who: usize) {
        self.name_one(who, "thread_of").await;
    }

    /// Mentions the other person of the chat by name.
    async fn mention(self: Arc<Self>, who: usize) {
        let (person, chat) = &self.members[who % self.members.len()];
        let text = format!("@{} {TEXT}", self.other.user.username);
        let new = NewMessage::from_json(json!({"content": text})).unwrap();
        self.store.messaging.send(&by(&self.store, person), *chat, new).await.unwrap();
    }

    async fn name_one(&self, who: usize, name: &str) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let who = who % self.members.len();
        let first = self.first(who).await;
        let (person, chat) = &self.members[who];
        let one = first[NEXT.fetch_add(1, Ordering::Relaxed) as usize % first.len()];
        let new = NewMessage::from_json(json!({"content": TEXT, name: one})).unwrap();
        self.store.messaging.send(&by(&self.store, person), *chat, new).await.unwrap();
    }

    /// Reacts to the first messages of a chat, one after the other, and takes each reaction back.
    async fn react(self: Arc<Self>, who: usize) {
        let who = who % self.members.len();
        let (person, _) = &self.members[who];
        let (messaging, ctx) = (&self.store.messaging, by(&self.store, person));
        let said = self.first(who).await;
        let turn = self.reacted[who].fetch_add(1, Ordering::Relaxed) as usize;
        let (message, emoji) = (said[turn / 2 % said.len()], Emoji::from_text("👍").unwrap());
        match turn % 2 {
            0 => messaging.react(&ctx, message, emoji).await.unwrap(),
            _ => messaging.unreact(&ctx, message, emoji).await.unwrap(),
        };
    }

    /// The same with a key that was never used.
    async fn send_keyed(self: Arc<Self>, who: usize) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (person, chat) = &self.members[who % self.members.len()];
        let new = NewMessage::from_json(json!({"content": TEXT})).unwrap();
        let ctx = by(&self.store, person);
        let key = format!("{}-{}", ctx.now.as_micros(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.store
            .messaging
            .send(&Ctx { idempotency_key: Some(IdempotencyKey::new(key, [7; 32])), ..ctx }, *chat, new)
            .await
            .unwrap();
    }

    /// How long sends and lists of chats take while no chat is locked, and while one is locked and others keep sending
    /// to it.
    async fn beside_a_held_chat(self: &Arc<Self>, url: &str) {
        for held in [false, true] {
            let mut holder = PgConnection::establish(url).unwrap();
            if held {
                sql_query("BEGIN").execute(&mut holder).unwrap();
                let lock = format!("SELECT 1 FROM chats WHERE id = '{}' FOR UPDATE", self.members[0].1);
                sql_query(lock).execute(&mut holder).unwrap();
            }
            let stop = Arc::new(AtomicBool::new(false));
            let times: [Arc<Mutex<Vec<Duration>>>; 2] = Default::default();
            let tasks: Vec<_> = (0..20)
                .map(|n| {
                    let (bench, stop, times) = (Arc::clone(self), Arc::clone(&stop), times.clone());
                    tokio::spawn(async move {
                        while !stop.load(Ordering::Relaxed) {
                            let start = Instant::now();
                            match n {
                                0..4 if held => bench.try_send_to_the_first().await,
                                0..4 => break,
                                4..16 => Arc::clone(&bench).send(n).await,
                                _ => Arc::clone(&bench).list(n).await,
                            }
                            if n >= 4 {
                                times[usize::from(n >= 16)].lock().unwrap().push(start.elapsed());
                            }
                            // This measures latency, not maximum throughput.
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_secs(HELD)).await;
            stop.store(true, Ordering::Relaxed);
            if held {
                sql_query("COMMIT").execute(&mut holder).unwrap();
            }
            for task in tasks {
                task.await.unwrap();
            }
            for (times, what) in times.iter().zip(["send", "list"]) {
                let mut times = times.lock().unwrap();
                times.sort_unstable();
                let ms = |part: usize| times[(times.len() - 1) * part / 1000].as_secs_f64() * 1000.0;
                let latency = json!({"n": times.len(), "p50": ms(500), "p99": ms(990), "max": ms(1000)});
                let workload = format!("{what}-{}", if held { "beside-held" } else { "quiet" });
                println!("{}", json!({"peer": self.name, "workload": workload, "latency_ms": latency}));
            }
        }
    }

    /// Sends to the locked chat are not written in time, which is expected.
    async fn try_send_to_the_first(&self) {
        let (person, chat) = &self.members[0];
        let new = NewMessage::from_json(json!({"content": "hello"})).unwrap();
        let _ = self.store.messaging.send(&by(&self.store, person), *chat, new).await;
    }

    async fn list(self: Arc<Self>, who: usize) {
        let (person, _) = &self.members[who % self.members.len()];
        let page = PageRequest { limit: 50, cursor: None };
        self.store.messaging.chats(&by(&self.store, person), ChatFilter::default(), page).await.unwrap();
    }

    async fn page(self: Arc<Self>, who: usize) {
        let (person, chat) = &self.members[who % self.members.len()];
        let page = self.store.messaging.messages(&by(&self.store, person), *chat, Window::NEWEST, 50).await.unwrap();
        assert_eq!(page.items.len(), 50);
    }

    /// At least a page in every chat.
    async fn fill(self: &Arc<Self>) {
        for _ in 0..60 {
            let sends: Vec<_> = (0..SENDERS).map(|who| tokio::spawn(Arc::clone(self).send(who))).collect();
            for send in sends {
                send.await.unwrap();
            }
        }
    }

    async fn measure<F>(self: &Arc<Self>, workload: &str, clients: usize, seconds: u64, call: fn(Arc<Self>, usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        measure(self, self.name, workload, clients, seconds, call).await;
    }
}
