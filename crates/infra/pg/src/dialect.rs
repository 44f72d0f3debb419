//! PostgreSQL's side of the dialect: many writers, row locks, advisory locks.

pub mod accounts;
pub mod audit;
pub mod credentials;
pub mod groups;
mod ids;
pub mod jobs;
pub mod media;
pub mod messaging;
pub mod notices;
pub mod notifications;
pub mod pets;
pub mod push;
pub mod readers;
pub mod reports;
pub mod search;
pub mod sign_ups;
pub mod webhooks;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_core::{Cause, Error, Result, Timestamp, Topic};
use diesel::{
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    define_sql_function,
    pg::{Pg, PgConnection},
    prelude::*,
    sql_query,
    sql_types::BigInt,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use super::connection::PooledConn;
use super::connection::{Deadlines, For, Way};
pub use crate::high_water::InMemory as HighWater;
use crate::{
    DatabaseUrl,
    domains::journal::streams,
    store::DatabaseOptions,
    worker_pool::{self, Plan, WorkerPool},
};
pub use ids::IdList;

pub type Conn = PgConnection;
pub type Backend = Pg;

pub const NAME: &str = "postgres";
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/postgres");
/// Enough streams that writers of different chats seldom wait for each other's place in the journal.
pub const STREAMS: usize = 16;

/// A topic always stays in one stream.
pub fn stream_of(anchor: Topic) -> i16 {
    // The last octets of a UUIDv7 are random.
    let [.., random] = anchor.id.into_bytes();
    i16::from(random) % STREAMS as i16
}

define_sql_function! {
    /// The larger of two numbers.
    fn greatest(a: BigInt, b: BigInt) -> BigInt;
}

/// How many reads can run at the same time.
pub fn read_connections(options: &DatabaseOptions) -> usize {
    if options.read_connections == 0 { READERS } else { options.read_connections }
}

/// the workers that write and the workers that read. Each have connections of their own, so that writers that wait for
/// locks hold up no reader.
pub fn pools(url: &DatabaseUrl, options: &DatabaseOptions) -> Result<(WorkerPool<PooledConn>, WorkerPool<PooledConn>)> {
    let DatabaseUrl::Postgres(url) = url else { return Err(Error::internal("not a PostgreSQL URL")) };
    let start = |name, threads, purpose| {
        let way = Way::new(url, purpose, options.deadlines, threads);
        // If the database is unreachable at the start, the start fails.
        let first = Mutex::new(Some(PooledConn::connect(&way)?));
        let plan = Plan { name, threads, depth: options.queue, patience: options.patience };
        WorkerPool::start(plan, move || {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            match first.take_if(worker_pool::Resource::is_fit) {
                Some(first) => Ok(first),
                None => PooledConn::connect(&way),
            }
        })
    };
    let readers = read_connections(options);
    Ok((
        start("postgres-write", options.write_connections, For::Writing)?,
        start("postgres-read", readers, For::Reading)?,
    ))
}

/// The high-water mark of the journal, as this process knows it.
pub fn high_water(_: &DatabaseUrl) -> Result<HighWater> {
    Ok(HighWater::default())
}

/// A separate connection to read the schema.
pub fn connect(url: &DatabaseUrl) -> Result<PooledConn> {
    let DatabaseUrl::Postgres(url) = url else { return Err(Error::internal("not a PostgreSQL URL")) };
    PooledConn::connect(&Way::new(url, For::Reading, Deadlines::default(), 1))
}

/// A separate connection to change the schema, which has no deadline.
pub fn connect_to_migrate(url: &DatabaseUrl) -> Result<PooledConn> {
    let DatabaseUrl::Postgres(url) = url else { return Err(Error::internal("not a PostgreSQL URL")) };
    let deadlines = Deadlines { statement: Duration::ZERO, lock: Duration::ZERO, ..Deadlines::default() };
    PooledConn::connect(&Way::new(url, For::Writing, deadlines, 1))
}

/// How long a caller waits at most for a write that shares a transaction with others: until one of its statements would
/// be overdue. `None` if statements are unlimited.
pub fn answer_within(options: &DatabaseOptions) -> Option<Duration> {
    options.deadlines.overdue_after()
}

/// The number of read connections unless the settings say otherwise.
const READERS: usize = 8;

/// A closed connection reports that faster than this.
const SILENT: Duration = Duration::from_secs(1);

/// The longest wait for a lock when nearly all write connections are in use, because waiting then keeps others out.
const BRIEF_LOCK: Duration = Duration::from_millis(500);

/// Reads. After a broken connection, or an internal error of the server, the read is repeated once on a new connection.
pub fn read<T>(conn: &mut PooledConn, f: impl Fn(&mut Conn) -> Result<T>) -> Result<T> {
    let began = Instant::now();
    match f(conn) {
        // A host that did not respond for this long would delay a second try, too.
        Err(error) if began.elapsed() < SILENT && matches!(error.cause(), Some(Cause::Lost | Cause::Aborted)) => {
            metrics::counter!("clowder_database_retried_total").increment(1);
            conn.renew()?;
            f(conn)
        }
        read => read,
    }
}

/// Runs one transaction. If the connection turns out to be broken at its beginning, it is replaced, because nothing has
/// been executed yet; an error rolls the transaction back.
pub fn write_tx<T>(conn: &mut PooledConn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let way = conn.way();
    let crowd = way.writing.fetch_add(1, Ordering::Relaxed) + 1;
    let _leave = Leave(&way.writing);
    let lock = way.deadlines.lock;
    let is_crowded = crowd * 4 > way.writers * 3 && way.writers > 1;
    // A limit of zero means unlimited.
    let brief = (is_crowded && (lock.is_zero() || lock > BRIEF_LOCK)).then_some(BRIEF_LOCK);
    let began = Instant::now();
    if let Err(error) = begin(conn, brief).map_err(Error::from) {
        // A host that did not respond for this long would delay a second try, too.
        if !error.costs_connection() || began.elapsed() >= SILENT {
            return Err(error);
        }
        metrics::counter!("clowder_database_retried_total").increment(1);
        conn.renew()?;
        begin(conn, brief)?;
    }
    let done = f(conn).and_then(|value| {
        AnsiTransactionManager::commit_transaction(&mut **conn)?;
        Ok(value)
    });
    let Err(error) = &done else { return done };
    // A server that became read-only has changed its role, which affects the other connections, too.
    if error.cause() == Some(Cause::ReadOnly) {
        way.renounce();
    }
    match AnsiTransactionManager::rollback_transaction(&mut **conn) {
        Ok(()) | Err(diesel::result::Error::NotInTransaction) => {}
        // The first error says more than the failed rollback; the server rolls back what is not committed.
        Err(_) => conn.spoil(),
    }
    done
}

fn begin(conn: &mut PooledConn, brief: Option<Duration>) -> QueryResult<()> {
    let Some(brief) = brief else { return AnsiTransactionManager::begin_transaction(&mut **conn) };
    let sql = format!("BEGIN; SET LOCAL lock_timeout = {}", brief.as_millis());
    AnsiTransactionManager::begin_transaction_sql(&mut **conn, &sql)
}

/// Counts a finished transaction, also after a panic.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writes something harmless without waiting for locks, and waits for the disk. That needs no space, so if space may be
/// short it also writes 1 MiB next to the tables: a temporary file, which leaves nothing behind and nothing in the
/// write-ahead log.
pub fn probe(conn: &mut PooledConn, seek_room: bool) -> Result<()> {
    write_tx(conn, |conn| {
        if seek_room {
            conn.batch_execute(SEEK_ROOM)?;
        }
        let free = streams::table.select(streams::stream).limit(1).for_update().skip_locked();
        free.load::<i16>(conn)?;
        Ok(())
    })
}

/// What does not fit into `work_mem` becomes a file in the database's own tablespace.
const SEEK_ROOM: &str = "SET LOCAL work_mem = '64kB'; SET LOCAL temp_tablespaces = ''; \
    SELECT count(*) FROM generate_series(1, 80000)";

/// From here on, the transaction fails if it has waited this long for a lock.
pub fn wait_at_most(conn: &mut Conn, wait: Duration) -> Result<()> {
    Ok(conn.batch_execute(&format!("SET LOCAL lock_timeout = '{}ms'", wait.as_millis()))?)
}

/// The same for a batch of writes. Its statements look everything up by its key, for how many values ever, so one plan of
/// each serves all batches: planning anew was a third of the work of read marks. A plan made while a table was small must
/// not read all of it later.
///
/// It takes its place in all its streams before anything else: while another node writes a batch to one of them, waiting
/// for its commit is far cheaper than putting aside, item by item, what that batch has locked. Nothing else that a batch
/// locks is waited for, so nobody who waits for a stream keeps it waiting.
pub fn begin_batch(conn: &mut Conn, wait: Duration, streams: &[usize]) -> Result<()> {
    let wait = wait.as_millis();
    let streams = streams.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Ok(conn.batch_execute(&format!(
        "SET LOCAL lock_timeout = '{wait}ms'; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; \
         SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
         SELECT 1 FROM streams WHERE stream IN ({streams}) ORDER BY stream FOR UPDATE"
    ))?)
}

/// Taken by everybody who writes a client id or a stored answer.
pub fn lock_claim(conn: &mut Conn, claim: i64) -> Result<()> {
    sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(claim).execute(conn)?;
    Ok(())
}

/// Deleted text is overwritten when autovacuum reuses its space, so there is nothing to do here.
pub struct Scrubber;

impl Scrubber {
    pub fn start(_: &WorkerPool<PooledConn>, _: &WorkerPool<PooledConn>) -> Self {
        Self
    }

    pub fn wake(&self) {}
}

/// The same code deletes texts on SQLite, where triggers of a connection see it.
#[cfg(debug_assertions)]
pub fn check_deleted_texts(_: &mut Conn, _: &crate::texts::Duties) -> Result<()> {
    Ok(())
}

/// Locks the rows of a query that nobody else has locked, until the end of the transaction: cleanup waits for nobody,
/// and takes the other rows next time.
macro_rules! unclaimed {
    ($rows:expr) => {
        diesel::query_dsl::QueryDsl::skip_locked(diesel::query_dsl::QueryDsl::for_update($rows))
    };
}
pub(crate) use unclaimed;

/// An arbitrary number that nothing else uses as an advisory lock.
const MIGRATION_LOCK: i64 = 0x0043_4c4f_5744_4552;

/// One node migrates, the others wait for it.
pub fn lock_migrations(conn: &mut Conn) -> Result<()> {
    sql_query("SELECT pg_advisory_lock($1)").bind::<BigInt, _>(MIGRATION_LOCK).execute(conn)?;
    Ok(())
}

pub fn unlock_migrations(conn: &mut Conn) -> Result<()> {
    sql_query("SELECT pg_advisory_unlock($1)").bind::<BigInt, _>(MIGRATION_LOCK).execute(conn)?;
    Ok(())
}

/// Not needed: autovacuum counts.
pub fn seed_statistics(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// The time on the server's machine.
pub fn clock(conn: &mut Conn) -> Result<Option<Timestamp>> {
    let micros = diesel::dsl::sql::<BigInt>("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    Ok(Some(Timestamp::from_micros(diesel::select(micros).get_result(conn)?)))
}
