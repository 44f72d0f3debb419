//! SQLite's side of the dialect: one writer, many readers, write-ahead log.

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
#[cfg(debug_assertions)]
mod texts;
pub mod webhooks;

use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    time::Duration,
};

use clowder_core::{Cause, Error, Result, Timestamp, Topic};
use diesel::{
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    define_sql_function,
    prelude::*,
    sql_types::BigInt,
    sqlite::{Sqlite, SqliteConnection},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use super::scrub::Scrubber;
pub use crate::high_water::file::InFile as HighWater;
use crate::{
    DatabaseUrl,
    domains::journal::streams,
    store::DatabaseOptions,
    worker_pool::{self, Plan, WorkerPool},
};
pub use ids::IdList;
#[cfg(debug_assertions)]
pub use texts::check as check_deleted_texts;

pub type Conn = SqliteConnection;
pub type Backend = Sqlite;

pub const NAME: &str = "sqlite";
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/sqlite");
/// With one writer there is one order.
pub const STREAMS: usize = 1;

/// There is only one stream.
pub fn stream_of(_anchor: Topic) -> i16 {
    0
}

/// How long a statement waits for another process that writes. SQLite gives no turns: beside a server that always writes, a
/// command may try in vain for many seconds.
pub const BUSY_TIMEOUT_MS: u32 = 30_000;

define_sql_function! {
    /// The larger of two numbers.
    #[sql_name = "max"]
    fn greatest(a: BigInt, b: BigInt) -> BigInt;
}

/// How many reads can run at the same time.
pub fn read_connections(options: &DatabaseOptions) -> usize {
    if options.read_connections == 0 { READERS } else { options.read_connections }
}

/// the workers that write and the workers that read.
pub fn pools(url: &DatabaseUrl, options: &DatabaseOptions) -> Result<(WorkerPool<PooledConn>, WorkerPool<PooledConn>)> {
    let path = path_of(url)?;
    // The writer opens first: it creates the file and enables the write-ahead log.
    drop(PooledConn::open(&path, WRITER)?);
    let readers = read_connections(options);
    let start = |name, threads, open: fn(&Path) -> Result<PooledConn>| {
        let path = path.clone();
        let plan = Plan { name, threads, depth: options.queue, patience: options.patience };
        WorkerPool::start(plan, move || open(&path))
    };
    let writers = start("sqlite-write", 1, PooledConn::open_to_write)?;
    Ok((writers, start("sqlite-read", readers, |path| PooledConn::open(path, READER))?))
}

/// The high-water mark of the journal, beside the file.
pub fn high_water(url: &DatabaseUrl) -> Result<HighWater> {
    Ok(HighWater::beside(&path_of(url)?))
}

/// A file has no deadlines: operations take as long as the disk.
pub fn answer_within(_: &DatabaseOptions) -> Option<Duration> {
    None
}

/// A separate connection to read or change the schema.
pub fn connect(url: &DatabaseUrl) -> Result<PooledConn> {
    PooledConn::open(&path_of(url)?, &[])
}

/// A separate connection to change the schema.
pub fn connect_to_migrate(url: &DatabaseUrl) -> Result<PooledConn> {
    connect(url)
}

fn path_of(url: &DatabaseUrl) -> Result<PathBuf> {
    let DatabaseUrl::Sqlite(path) = url else { return Err(Error::internal("not a SQLite URL")) };
    url.create_file()?;
    Ok(path.clone())
}

/// The number of read connections unless the settings say otherwise.
const READERS: usize = 4;

const ALL: &str =
    "PRAGMA foreign_keys=ON; PRAGMA cache_size=-16384; PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;";

// A checkpoint runs every 8,000 pages (32 MiB), so that a page that is written repeatedly is copied once. A larger log
// would take longer to recover after a crash.
const WRITER: &[&str] = &[
    ALL,
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8000; \
     PRAGMA journal_size_limit=67108864; PRAGMA secure_delete=ON;",
];

const READER: &[&str] = &[ALL, "PRAGMA query_only=ON;"];

/// A connection held by a worker.
pub struct PooledConn {
    conn: Conn,
    path: PathBuf,
    broken: bool,
}

impl PooledConn {
    fn open_to_write(path: &Path) -> Result<Self> {
        #[cfg_attr(not(debug_assertions), expect(unused_mut, reason = "only debug builds watch what is deleted"))]
        let mut opened = Self::open(path, WRITER)?;
        #[cfg(debug_assertions)]
        texts::watch(&mut opened.conn)?;
        Ok(opened)
    }

    fn open(path: &Path, pragmas: &[&str]) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::outage(Cause::Storage, format!("cannot open {}: {error}", path.display()))
        };
        let mut conn = Conn::establish(&path.to_string_lossy()).map_err(|error| failed(&error))?;
        let patience = format!("PRAGMA busy_timeout={BUSY_TIMEOUT_MS}");
        for pragmas in [patience.as_str()].iter().chain(pragmas) {
            conn.batch_execute(pragmas).map_err(|error| match Error::from(error) {
                // On a full disk, opening the file should report that the disk is full.
                error @ Error::Unavailable(_) => error,
                error => failed(&error),
            })?;
        }
        Ok(Self { conn, path: path.to_owned(), broken: false })
    }
}

impl worker_pool::Resource for PooledConn {
    fn is_fit(&mut self) -> bool {
        !self.broken
    }
}

impl Deref for PooledConn {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for PooledConn {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

/// Reads. There is no connection that another host could cut.
pub fn read<T>(conn: &mut PooledConn, f: impl Fn(&mut Conn) -> Result<T>) -> Result<T> {
    f(conn)
}

/// Runs one transaction. It takes the write lock at once: a transaction that reads first and writes later could fail
/// without waiting. An error rolls it back.
pub fn write_tx<T>(conn: &mut PooledConn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    AnsiTransactionManager::begin_transaction_sql(&mut **conn, "BEGIN IMMEDIATE")?;
    let done = f(conn).and_then(|value| {
        AnsiTransactionManager::commit_transaction(&mut **conn)?;
        Ok(value)
    });
    if done.is_err() {
        match AnsiTransactionManager::rollback_transaction(&mut **conn) {
            Ok(()) | Err(diesel::result::Error::NotInTransaction) => {}
            // SQLite has already rolled back, for example because the disk is full, and diesel does not know. The first
            // error says more.
            Err(_) => conn.broken = true,
        }
    }
    done
}

/// Writes something harmless and waits for the disk. A small write may still fit when nothing useful does, so it also
/// checks the free space.
pub fn probe(conn: &mut PooledConn, _seek_room: bool) -> Result<()> {
    if room(&conn.path).is_some_and(|room| room < ROOM) {
        return Err(Error::outage(Cause::Full, "less than 1 MiB is left on the disk"));
    }
    write_tx(conn, |conn| {
        let same = diesel::update(streams::table).set(streams::head.eq(streams::head));
        same.execute(conn)?;
        Ok(())
    })
}

/// The free space needed to keep writing for a while, in bytes.
const ROOM: u64 = 1024 * 1024;

/// The free space available to us on the file system, in bytes, if the system reports it.
#[cfg(target_os = "linux")]
fn room(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(path).ok()?;
    system.f_bavail.checked_mul(system.f_frsize)
}

#[cfg(not(target_os = "linux"))]
fn room(_: &Path) -> Option<u64> {
    None
}

/// There are no row locks to wait for.
pub fn wait_at_most(_: &mut Conn, _: Duration) -> Result<()> {
    Ok(())
}

/// Nor anything else to set.
pub fn begin_batch(_: &mut Conn, _: Duration, _: &[usize]) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
pub fn lock_claim(_: &mut Conn, _: i64) -> Result<()> {
    Ok(())
}

/// Not needed: there is only one writer.
macro_rules! unclaimed {
    ($rows:expr) => {
        $rows
    };
}
pub(crate) use unclaimed;

/// The write lock of the migration transaction keeps a second process out.
pub fn lock_migrations(_: &mut Conn) -> Result<()> {
    Ok(())
}

pub fn unlock_migrations(_: &mut Conn) -> Result<()> {
    Ok(())
}

pub fn seed_statistics(conn: &mut Conn) -> Result<()> {
    crate::statistics::seed(conn)
}

/// The database is on this machine and has no clock of its own.
pub fn clock(_: &mut Conn) -> Result<Option<Timestamp>> {
    Ok(None)
}
