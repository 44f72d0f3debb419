//! What is SQLite's own: one writer, many readers, write-ahead log.

use std::{path::Path, time::Duration};

use clowder_accounts::model::InviteId;
use clowder_core::{ChatId, Error, JobId, Result, SessionId, Timestamp, Topic, UserId};
use diesel::{
    connection::SimpleConnection,
    define_sql_function,
    prelude::*,
    r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection},
    sql_types::BigInt,
    sqlite::{Sqlite, SqliteConnection},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::{DatabaseUrl, lanes::Lanes, schema::jobs, store::Options};

pub type Conn = SqliteConnection;
pub type Backend = Sqlite;
pub type Seat = PooledConnection<ConnectionManager<Conn>>;

pub const NAME: &str = "sqlite";
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
/// One writer, hence one order.
pub const STREAMS: usize = 1;

/// There is only one.
pub fn stream_of(_anchor: Topic) -> i16 {
    0
}

define_sql_function! {
    /// The larger of two numbers.
    #[sql_name = "max"]
    fn greatest(a: BigInt, b: BigInt) -> BigInt;
}

/// The lanes that write and the lanes that read.
pub fn lanes(url: &DatabaseUrl, options: &Options) -> Result<(Lanes<Seat>, Lanes<Seat>)> {
    let DatabaseUrl::Sqlite(path) = url else { return Err(Error::internal("not a SQLite URL")) };
    url.create_file()?;
    // The writer opens first: it makes the file and switches it to the write-ahead log.
    let writer = pool(
        path,
        1,
        Pragmas(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000; PRAGMA journal_size_limit=67108864; \
             PRAGMA secure_delete=ON;",
        ),
    )?;
    let reader = pool(path, options.read_lanes, Pragmas("PRAGMA query_only=ON;"))?;
    Ok((
        Lanes::start("sqlite-write", 1, options.queue, move || seat(&writer))?,
        Lanes::start("sqlite-read", options.read_lanes, options.queue, move || seat(&reader))?,
    ))
}

fn pool(path: &Path, size: usize, own: Pragmas) -> Result<Pool<ConnectionManager<Conn>>> {
    Pool::builder()
        .max_size(u32::try_from(size).unwrap_or(u32::MAX))
        .connection_timeout(Duration::from_secs(5))
        .connection_customizer(Box::new(own))
        .build(ConnectionManager::new(path.to_string_lossy()))
        .map_err(|error| Error::unavailable(format!("cannot open {}: {error}", path.display())))
}

fn seat(pool: &Pool<ConnectionManager<Conn>>) -> Result<Seat> {
    pool.get().map_err(|error| Error::unavailable(format!("database: {error}")))
}

#[derive(Debug)]
struct Pragmas(&'static str);

impl CustomizeConnection<Conn, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, conn: &mut Conn) -> std::result::Result<(), diesel::r2d2::Error> {
        let all = "PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16384; \
                   PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;";
        conn.batch_execute(all).and_then(|()| conn.batch_execute(self.0)).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// Takes the write lock at once: a transaction that reads first and writes later would fail without waiting.
pub fn write_tx<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    conn.immediate_transaction(f)
}

/// One writer is lock enough.
pub fn lock_chat(_: &mut Conn, _: ChatId) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn lock_user(_: &mut Conn, _: UserId) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn lock_admins(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn lock_session(_: &mut Conn, _: SessionId) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn lock_invite(_: &mut Conn, _: InviteId) -> Result<()> {
    Ok(())
}

/// One writer is lock enough.
pub fn lock_mailbox(_: &mut Conn, _: &str) -> Result<()> {
    Ok(())
}

/// What was deleted has been overwritten in the file (`secure_delete`); now also in the log of writes, as far as no
/// reader is still looking at it. If one is, the next checkpoint does it.
pub fn scrub(conn: &mut Conn) -> Result<()> {
    Ok(conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?)
}

/// The write lock of the migration transaction keeps a second process out.
pub fn lock_migrations(_: &mut Conn) -> Result<()> {
    Ok(())
}

pub fn unlock_migrations(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// The database is on this machine and has no clock of its own.
pub fn clock(_: &mut Conn) -> Result<Option<Timestamp>> {
    Ok(None)
}

/// Jobs of these kinds that are due, the longest first. One writer is lock enough.
pub fn due_jobs(conn: &mut Conn, kinds: &[&str], limit: i64, now: Timestamp) -> Result<Vec<JobId>> {
    let due = jobs::table
        .filter(jobs::dead_at.is_null().and(jobs::run_at.le(now)).and(jobs::kind.eq_any(kinds)))
        .filter(jobs::lease_until.is_null().or(jobs::lease_until.le(now)))
        .order((jobs::run_at, jobs::id))
        .limit(limit)
        .select(jobs::id);
    Ok(due.load(conn)?)
}
