//! A store on a database of its own, users, a clock that the test moves, and the changes in the journal.

use std::{
    io,
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use clowder_accounts::{NewAccount, SignedIn};
use clowder_core::{
    Actor, ChatId, Ctx, Error, Input, Made, Positions, Recorded, Refusal, Result, Timestamp, UserId,
    journal::{Chunk, Entry, Extent, Stretch},
};
use clowder_infra::{
    DatabaseUrl, Options, Store, blobs,
    egress::{self, Egress, Resolve},
};
use clowder_messaging::{Chat, Message, NewChat, NewMessage};
use clowder_tests::Database;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};
use serde_json::json;
use tokio::sync::Mutex;

use crate::media::reached::Reached;

/// Runs each test on both databases.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {
        $($(#[$meta])* async fn $name($world: std::sync::Arc<World>) $body)*
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::World::sqlite().await).await })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::World::postgres().await).await })*
        }
    };
}
pub(crate) use on_both;

/// What the journal holds of one stream after a position.
pub async fn entries_after(store: &Store, stream: usize, position: i64, chunk: Chunk) -> Vec<Entry> {
    store.journal.read(vec![Stretch::after(stream, position)], chunk).await.unwrap().entries
}

/// When the clock of a test begins.
const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

pub struct World {
    pub store: Store,
    pub options: Options,
    pub seen: Mutex<Positions>,
    now: AtomicI64,
    caught_up: std::sync::Mutex<Instant>,
    pub database: Database,
}

/// A separate connection, which waits for locks as the store's do.
pub fn beside(path: &Path) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
    conn
}

fn migrate(url: &str) {
    Store::migrate(&DatabaseUrl::parse(url).unwrap()).unwrap();
}

/// Finds every name in a network that nobody may call, so that no test calls anybody out there.
struct Nowhere;

#[async_trait]
impl Resolve for Nowhere {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([10, 0, 0, 1])])
    }
}

impl World {
    pub async fn sqlite() -> Arc<Self> {
        Self::open(Database::sqlite_migrated(Path::new(env!("CARGO_TARGET_TMPDIR")), migrate), START).await
    }

    pub async fn postgres() -> Arc<Self> {
        Self::open(Database::postgres_migrated(migrate), START).await
    }

    /// The database of another process, at this time.
    pub async fn beside(url: String, now: Timestamp) -> Arc<Self> {
        Self::open(Database::of_another(url), now).await
    }

    async fn open(database: Database, start: Timestamp) -> Arc<Self> {
        let url = DatabaseUrl::parse(&database.url).unwrap();
        let mut options = Options::new(url, "a secret for tests, thirty-two characters");
        options.hasher.cost = 4;
        options.egress = Egress::new(egress::Options { resolver: Arc::new(Nowhere), ..Default::default() }).unwrap();
        let folder = database.folder.path().join("media");
        let blobs = blobs::open(&blobs::Place::Folder(folder.clone()), None, &folder).unwrap();
        options.media.blobs = Some(Arc::new(Reached(blobs)));
        crate::push::offer(&mut options, Arc::<crate::push::Service>::default());
        // Each connection to PostgreSQL is a process, and hundreds of tests open a store each.
        options.database.write_connections = 6;
        if !options.url.is_embedded() {
            options.database.read_connections = 3;
        }
        let store = Store::open(options.clone(), start).await.unwrap();
        let seen = Mutex::new(store.journal.extent().await.unwrap().heads);
        Arc::new(Self {
            store,
            options,
            seen,
            now: AtomicI64::new(start.as_micros()),
            caught_up: std::sync::Mutex::new(Instant::now()),
            database,
        })
    }

    /// Another node over the same database.
    pub async fn another_node(&self) -> Store {
        Store::open(self.options.clone(), self.now()).await.unwrap()
    }

    /// Another node, whose options differ.
    pub async fn node_with(&self, change: impl FnOnce(&mut Options)) -> Store {
        let mut options = self.options.clone();
        change(&mut options);
        Store::open(options, self.now()).await.unwrap()
    }

    /// Another node with keys of its own.
    pub async fn node_with_keys(&self, encryption_keys: &str) -> Store {
        self.node_with(|options| encryption_keys.clone_into(&mut options.encryption_keys)).await
    }

    /// Runs a statement that bypasses the store.
    pub fn meddle(&self, statement: &str) -> Result<usize, diesel::result::Error> {
        match &self.options.url {
            DatabaseUrl::Postgres(url) => sql_query(statement).execute(&mut PgConnection::establish(url).unwrap()),
            DatabaseUrl::Sqlite(path) => sql_query(statement).execute(&mut beside(path)),
        }
    }

    /// Runs several statements that bypass the store.
    pub fn batch(&self, statements: &str) {
        match &self.options.url {
            DatabaseUrl::Postgres(url) => PgConnection::establish(url).unwrap().batch_execute(statements).unwrap(),
            DatabaseUrl::Sqlite(path) => beside(path).batch_execute(statements).unwrap(),
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.options.url, DatabaseUrl::Postgres(_))
    }

    /// Everything in the database: the octets of the files, or every row of every table.
    pub fn dump(&self) -> Vec<u8> {
        #[derive(diesel::QueryableByName)]
        struct Line {
            #[diesel(sql_type = diesel::sql_types::Text)]
            line: String,
        }
        let url = match &self.options.url {
            DatabaseUrl::Sqlite(path) => {
                let wal = path.with_extension("db-wal");
                // Text moves from the log into the file, so the log is read first.
                return [&wal, path].into_iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect();
            }
            DatabaseUrl::Postgres(url) => url,
        };
        let mut conn = PgConnection::establish(url).unwrap();
        let mut lines = |query: &str| -> Vec<String> {
            let lines: Vec<Line> = sql_query(query).load(&mut conn).unwrap();
            lines.into_iter().map(|line| line.line).collect()
        };
        let tables =
            lines("SELECT table_name::text AS line FROM information_schema.tables WHERE table_schema = 'public'");
        let rows = tables.iter().flat_map(|table| lines(&format!("SELECT t::text AS line FROM {table} t")));
        rows.collect::<Vec<_>>().join("\n").into_bytes()
    }

    /// Whether a text occurs anywhere in the database, in any encoding of octets.
    pub fn holds(&self, text: &[u8]) -> bool {
        let dump = self.dump();
        let spelled = [HEXUPPER, HEXLOWER, BASE64].map(|spelling| spelling.encode(text).into_bytes());
        let spellings = [vec![text.to_vec()], spelled.to_vec()].concat();
        spellings.iter().any(|spelling| dump.windows(spelling.len()).any(|window| window == spelling))
    }

    /// Waits until a text occurs nowhere in the database or its files, up to the allowed time.
    pub async fn gone(&self, text: &[u8]) {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let gone = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                tick.tick().await;
                if !self.holds(text) {
                    return;
                }
            }
        });
        assert!(gone.await.is_ok(), "{} still stands in the database after 10 s", String::from_utf8_lossy(text));
    }

    /// A millisecond later than at the last call.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.fetch_add(1_000, Ordering::SeqCst) + 1_000)
    }

    pub fn wait(&self, duration: Duration) {
        self.now.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Lets the time pass that has really passed since this was last called: an upload ends as long after its beginning as
    /// it took, and what is due at its end is due only then.
    pub fn catch_up(&self) {
        let passed = std::mem::replace(&mut *self.caught_up.lock().unwrap(), Instant::now()).elapsed();
        self.wait(passed);
    }

    pub fn nobody(&self) -> Ctx {
        Ctx::new(Actor::Nobody, self.now(), "test")
    }

    /// The context of a call with this token.
    pub fn by(&self, access: &str) -> Ctx {
        let now = self.now();
        Ctx::new(self.store.accounts.identify(access, now).unwrap().actor, now, "test")
    }

    pub async fn register(&self, name: &str) -> SignedIn {
        self.store.accounts.register(&self.nobody(), account(name)).await.unwrap().signed_in().unwrap()
    }

    pub async fn person(&self, name: &str) -> Person {
        let signed_in = self.register(name).await;
        Person { id: signed_in.user.id, actor: self.by(&signed_in.access).actor }
    }

    pub async fn people<const N: usize>(&self, names: [&str; N]) -> [Person; N] {
        let mut people = Vec::new();
        for name in names {
            people.push(self.person(name).await);
        }
        self.changes().await;
        people.try_into().ok().unwrap()
    }

    pub fn ctx(&self, person: &Person) -> Ctx {
        Ctx::new(person.actor, self.now(), "test")
    }

    pub async fn group(&self, owner: &Person, others: &[&Person]) -> Chat {
        let ids: Vec<UserId> = others.iter().map(|person| person.id).collect();
        let new = NewChat::from_json(json!({"type": "group", "title": "Lunch", "participant_ids": ids})).unwrap();
        let chat = self.store.messaging.create_chat(&self.ctx(owner), new).await.unwrap().into_inner();
        self.changes().await;
        chat
    }

    pub async fn say(&self, person: &Person, chat: ChatId, text: &str) -> Message {
        self.try_say(person, chat, text, None).await.unwrap().into_inner()
    }

    pub async fn try_say(&self, who: &Person, chat: ChatId, text: &str, client: Option<&str>) -> Result<Made<Message>> {
        let new = NewMessage::from_json(json!({"content": text, "client_id": client})).unwrap();
        self.store.messaging.send(&self.ctx(who), chat, new).await
    }

    /// The changes in the journal since the last call, stream by stream.
    pub async fn changes(&self) -> Vec<Recorded> {
        let mut seen = self.seen.lock().await;
        let Extent { heads, floors, .. } = self.store.journal.extent().await.unwrap();
        let mut changes = Vec::new();
        for stream in 0..heads.as_slice().len() {
            let got = entries_after(&self.store, stream, seen.get(stream), Chunk::rows(100_000)).await;
            let swept = seen.get(stream).max(floors.get(stream));
            // What is below the floor goes a little later.
            let got: Vec<_> = got.into_iter().filter(|entry| entry.position > swept).collect();
            let positions: Vec<_> = got.iter().map(|entry| entry.position).collect();
            let expected: Vec<_> = (swept + 1..=heads.get(stream)).collect();
            assert_eq!(positions, expected, "no gap, nothing twice");
            changes.extend(got.into_iter().filter_map(|entry| entry.change));
        }
        *seen = heads;
        changes
    }

    /// Everything in the journal, stream by stream.
    pub async fn everything(&self) -> Vec<Recorded> {
        let mut all = Vec::new();
        for stream in 0..self.store.journal.extent().await.unwrap().heads.as_slice().len() {
            let entries = entries_after(&self.store, stream, 0, Chunk::rows(100_000)).await;
            all.extend(entries.into_iter().filter_map(|entry| entry.change));
        }
        all
    }

    pub async fn names(&self) -> Vec<String> {
        self.changes().await.iter().map(|recorded| recorded.name.to_string()).collect()
    }
}

pub struct Person {
    pub id: UserId,
    pub actor: Actor,
}

pub const PASSWORD: &str = "correct horse";

pub fn account(name: &str) -> NewAccount {
    let email = format!("{name}@example.org");
    NewAccount::from_json(json!({"username": name, "email": email, "password": PASSWORD})).unwrap()
}

/// A name of any script, with an address that nobody else has.
pub fn account_called(name: &str) -> NewAccount {
    let letters: String = name.escape_unicode().filter(char::is_ascii_alphanumeric).collect();
    let email = format!("{letters}@example.org");
    NewAccount::from_json(json!({"username": name, "email": email, "password": PASSWORD})).unwrap()
}

/// The code of a refusal.
pub fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(
            Error::Refused(Refusal { code, .. })
            | Error::Stale { refusal: Refusal { code, .. }, .. }
            | Error::Explained { refusal: Refusal { code, .. }, .. }
            | Error::Pointed { refusal: Refusal { code, .. }, .. }
            | Error::TooEarly { refusal: Refusal { code, .. }, .. },
        ) => code,
        other => panic!("not refused: {other:?}"),
    }
}
