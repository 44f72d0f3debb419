//! What is PostgreSQL's own: many writers, row locks, advisory locks.

use std::time::Duration;

use clowder_accounts::model::InviteId;
use clowder_core::{ChatId, Error, JobId, Result, Role, SessionId, Timestamp, Topic, UserId, Word};
use diesel::{
    connection::SimpleConnection,
    define_sql_function,
    pg::{Pg, PgConnection},
    prelude::*,
    r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection},
    sql_query,
    sql_types::{BigInt, Text},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::{
    DatabaseUrl,
    lanes::Lanes,
    schema::{chats, invites, jobs, sessions, users},
    store::Options,
};

pub type Conn = PgConnection;
pub type Backend = Pg;
pub type Seat = PooledConnection<ConnectionManager<Conn>>;

pub const NAME: &str = "postgres";
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
/// Enough that writers of different chats seldom wait for one another's place in the journal.
pub const STREAMS: usize = 16;

/// A topic keeps to one stream for ever.
pub fn stream_of(anchor: Topic) -> i16 {
    // The last octets of a UUIDv7 are random.
    let [.., random] = anchor.id.into_bytes();
    i16::from(random) % STREAMS as i16
}

define_sql_function! {
    /// The larger of two numbers.
    fn greatest(a: BigInt, b: BigInt) -> BigInt;
}

/// The lanes that write and the lanes that read: here they are the same.
pub fn lanes(url: &DatabaseUrl, options: &Options) -> Result<(Lanes<Seat>, Lanes<Seat>)> {
    let DatabaseUrl::Postgres(url) = url else { return Err(Error::internal("not a PostgreSQL URL")) };
    let pool = Pool::builder()
        .max_size(u32::try_from(options.lanes).unwrap_or(u32::MAX))
        .min_idle(Some(1))
        .connection_timeout(Duration::from_secs(2))
        .connection_customizer(Box::new(Deadlines))
        .build(ConnectionManager::<Conn>::new(url))
        .map_err(|error| Error::unavailable(format!("cannot reach the database: {error}")))?;
    let lanes = Lanes::start("postgres", options.lanes, options.queue, move || {
        pool.get().map_err(|error| Error::unavailable(format!("database: {error}")))
    })?;
    Ok((lanes.clone(), lanes))
}

/// A node that freezes in the middle of a transaction must not keep its locks from the others.
#[derive(Debug)]
struct Deadlines;

impl CustomizeConnection<Conn, diesel::r2d2::Error> for Deadlines {
    fn on_acquire(&self, conn: &mut Conn) -> std::result::Result<(), diesel::r2d2::Error> {
        conn.batch_execute(
            "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '5s'; SET statement_timeout = '30s'",
        )
        .map_err(diesel::r2d2::Error::QueryError)
    }
}

pub fn write_tx<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    conn.transaction(f)
}

/// Whoever changes a chat or a message of it holds this.
pub fn lock_chat(conn: &mut Conn, chat: ChatId) -> Result<()> {
    chats::table.find(chat).select(chats::id).for_update().first::<ChatId>(conn).optional()?;
    Ok(())
}

/// Whoever reads an account and then changes what was read holds this.
pub fn lock_user(conn: &mut Conn, user: UserId) -> Result<()> {
    users::table.find(user).select(users::id).for_no_key_update().first::<UserId>(conn).optional()?;
    Ok(())
}

/// Whoever changes where accounts stand holds this, before any single account.
pub fn lock_admins(conn: &mut Conn) -> Result<()> {
    let admins = users::table.filter(users::role.eq(Role::Admin.as_str())).order(users::id).select(users::id);
    admins.for_no_key_update().load::<UserId>(conn)?;
    Ok(())
}

/// Whoever changes a session or a token of it holds this.
pub fn lock_session(conn: &mut Conn, session: SessionId) -> Result<()> {
    sessions::table.find(session).select(sessions::id).for_update().first::<SessionId>(conn).optional()?;
    Ok(())
}

/// Whoever uses an invitation holds this.
pub fn lock_invite(conn: &mut Conn, invite: InviteId) -> Result<()> {
    invites::table.find(invite).select(invites::id).for_no_key_update().first::<InviteId>(conn).optional()?;
    Ok(())
}

/// Whoever sends mail to an address holds this.
pub fn lock_mailbox(conn: &mut Conn, mailbox: &str) -> Result<()> {
    let lock = sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    lock.bind::<Text, _>(format!("mail to {mailbox}")).execute(conn)?;
    Ok(())
}

/// What was deleted is overwritten when autovacuum gives its room to others; nothing to hurry here.
pub fn scrub(_: &mut Conn) -> Result<()> {
    Ok(())
}

/// Any number that nobody else uses as an advisory lock.
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

/// The time on the server's machine.
pub fn clock(conn: &mut Conn) -> Result<Option<Timestamp>> {
    let micros = diesel::dsl::sql::<BigInt>("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    Ok(Some(Timestamp::from_micros(diesel::select(micros).get_result(conn)?)))
}

/// Jobs of these kinds that are due, the longest first, held until the end of the transaction; what another worker is just
/// taking is left to it.
pub fn due_jobs(conn: &mut Conn, kinds: &[&str], limit: i64, now: Timestamp) -> Result<Vec<JobId>> {
    let due = jobs::table
        .filter(jobs::dead_at.is_null().and(jobs::run_at.le(now)).and(jobs::kind.eq_any(kinds)))
        .filter(jobs::lease_until.is_null().or(jobs::lease_until.le(now)))
        .order((jobs::run_at, jobs::id))
        .limit(limit)
        .select(jobs::id)
        .for_update()
        .skip_locked();
    Ok(due.load(conn)?)
}
