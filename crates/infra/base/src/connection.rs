//! Connections to PostgreSQL with deadlines on connecting and on every query. The deadlines are enforced on our side,
//! because a host that has stopped responding enforces none.

mod socket;
mod watch;

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_core::{Cause, Error, Result};
use diesel::{Connection, connection::SimpleConnection, pg::PgConnection};

use crate::worker_pool;
use watch::Watch;

/// Time limits for statements and locks.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Connecting, from the first packet until the login has succeeded.
    pub connect: Duration,
    /// A statement with its waits for locks, enforced by the server. Zero is unlimited.
    pub statement: Duration,
    /// A wait for one lock. Zero is unlimited.
    pub lock: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), statement: Duration::from_secs(10), lock: Duration::from_millis(1500) }
    }
}

impl Deadlines {
    /// How long after a statement was sent its connection is cut if there was no response; `None` if statements are
    /// unlimited.
    pub fn overdue_after(&self) -> Option<Duration> {
        Some(self.statement + GRACE).filter(|_| !self.statement.is_zero())
    }
}

/// How much longer than the server's own limit we wait before we conclude that it does not respond.
const GRACE: Duration = Duration::from_secs(2);

/// A connection whose socket we don't know is tested if it was idle for this long.
const ASKED_AFTER: Duration = Duration::from_secs(1);

/// A connection is replaced after so long: what it has prepared for parts of the journal that are gone goes with it.
const LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// How to reach one database; shared by the connections of a pool.
pub struct Way {
    url: String,
    pub deadlines: Deadlines,
    /// Increased when all connections must be reopened, because the fault of one concerns the others.
    turn: AtomicU64,
    /// How many write transactions are open, and how many there can be.
    pub writing: AtomicUsize,
    pub writers: usize,
}

/// Which of several servers to use (libpq, `target_session_attrs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// One that accepts writes.
    Writing,
    /// The primary, even while it accepts no writes: a standby may lag behind recent writes.
    Reading,
}

impl Way {
    pub fn new(url: &str, purpose: For, deadlines: Deadlines, writers: usize) -> Arc<Self> {
        let attributes = if purpose == For::Writing { "read-write" } else { "primary" };
        let connect = deadlines.connect.as_secs().to_string();
        let defaults = [
            ("connect_timeout", connect.as_str()),
            ("keepalives_idle", "10"),
            ("keepalives_interval", "3"),
            ("keepalives_count", "3"),
            ("target_session_attrs", attributes),
            ("fallback_application_name", "clowder"),
        ];
        let url = with_defaults(url, &defaults);
        Arc::new(Self { url, deadlines, turn: AtomicU64::new(0), writing: AtomicUsize::new(0), writers })
    }

    /// Makes all existing connections be reopened.
    pub fn renounce(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }
}

/// Adds parameters that the operator has not set. The parameters of a URL follow its only question mark, since one in a
/// password must be escaped.
fn with_defaults(url: &str, defaults: &[(&str, &str)]) -> String {
    let mut url = url.to_owned();
    for (name, value) in defaults {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        if query.split('&').any(|parameter| parameter.split('=').next() == Some(name)) {
            continue;
        }
        url += if url.contains('?') { "&" } else { "?" };
        url += &format!("{name}={value}");
    }
    url
}

/// A connection held by a worker.
pub struct PooledConn {
    // Closed before the watch drops its socket.
    conn: PgConnection,
    watch: Arc<Watch>,
    way: Arc<Way>,
    turn: u64,
    broken: bool,
    connected_at: Instant,
    rested_at: Instant,
}

impl PooledConn {
    pub fn connect(way: &Arc<Way>) -> Result<Self> {
        let turn = way.turn.load(Ordering::Relaxed);
        let lost = |error: &dyn std::fmt::Display| Error::outage(Cause::Lost, format!("cannot connect: {error}"));
        let limit = way.deadlines.overdue_after().unwrap_or(Duration::MAX);
        let watch = Watch::start(socket::Mark::take(), limit, Arc::downgrade(way));
        let mut conn = PgConnection::establish(&watch.mark(&way.url)).map_err(|error| lost(&error))?;
        watch.socket();
        conn.set_instrumentation(watch::Beat(Arc::clone(&watch)));
        let Deadlines { statement, lock, .. } = way.deadlines;
        // To compile a statement takes longer than any of them runs.
        conn.batch_execute(&format!(
            "SET jit = off; SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = {}; \
             SET statement_timeout = {}",
            lock.as_millis(),
            statement.as_millis()
        ))
        .map_err(|error| lost(&error))?;
        watch.rest();
        let now = Instant::now();
        Ok(Self { conn, watch, way: Arc::clone(way), turn, broken: false, connected_at: now, rested_at: now })
    }

    /// Opens a new connection in place of this one.
    pub fn renew(&mut self) -> Result<()> {
        *self = Self::connect(&self.way)?;
        Ok(())
    }

    pub fn way(&self) -> Arc<Way> {
        Arc::clone(&self.way)
    }

    /// The transaction could not be ended, so the connection must not be used again.
    pub fn spoil(&mut self) {
        self.broken = true;
    }
}

impl worker_pool::Resource for PooledConn {
    fn is_fit(&mut self) -> bool {
        if self.connected_at.elapsed() > LASTS {
            return false;
        }
        if self.broken || self.turn != self.way.turn.load(Ordering::Relaxed) {
            return false;
        }
        match self.watch.is_quiet() {
            Some(quiet) => quiet,
            None if self.rested_at.elapsed() < ASKED_AFTER => true,
            None => self.conn.batch_execute("SELECT 1").is_ok(),
        }
    }

    fn rest(&mut self) {
        self.watch.rest();
        self.rested_at = Instant::now();
    }
}

impl Deref for PooledConn {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for PooledConn {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_set_stays() {
        let defaults = [("connect_timeout", "3"), ("keepalives_idle", "10")];
        for (url, right) in [
            ("postgres://h/x", "postgres://h/x?connect_timeout=3&keepalives_idle=10"),
            ("postgres://h/x?sslmode=disable", "postgres://h/x?sslmode=disable&connect_timeout=3&keepalives_idle=10"),
            ("postgres://h/x?connect_timeout=9", "postgres://h/x?connect_timeout=9&keepalives_idle=10"),
        ] {
            assert_eq!(with_defaults(url, &defaults), right);
        }
    }
}
