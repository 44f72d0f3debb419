//! `[database]`: the database, its connections, and how long calls wait for it.

use std::time::Duration;

use clowder_infra::{DatabaseOptions, DatabaseUrl, Deadlines, Options};

use super::{
    Secret,
    checks::{Checked, authority, expect_scheme, reason},
    settings::{Setting, checked, secret, setting, within},
};

#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// `postgres://…` or `sqlite:…`; empty: a SQLite file in the data directory.
    pub url: Option<Secret>,
    /// PostgreSQL itself, if there is a pooler in between.
    pub direct_url: Option<Secret>,
    /// Connections for reading; 0: the default of the database.
    pub read_connections: usize,
    /// Connections for writing to PostgreSQL; SQLite has one.
    pub write_connections: usize,
    pub wait_seconds: u64,
    pub connect_seconds: u64,
    pub statement_seconds: u64,
    pub lock_milliseconds: u64,
    /// How many calls may wait for a worker before others are refused.
    pub queue: usize,
    /// The maximum number of messages that are committed together.
    pub batch: usize,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            direct_url: None,
            read_connections: 0,
            write_connections: 12,
            wait_seconds: 5,
            connect_seconds: 3,
            statement_seconds: 10,
            lock_milliseconds: 1500,
            queue: 4096,
            batch: 256,
        }
    }
}

impl Database {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        options.database = DatabaseOptions {
            write_connections: self.write_connections,
            read_connections: self.read_connections,
            patience: Duration::from_secs(self.wait_seconds),
            deadlines: Deadlines {
                connect: Duration::from_secs(self.connect_seconds),
                statement: Duration::from_secs(self.statement_seconds),
                lock: Duration::from_millis(self.lock_milliseconds),
            },
            queue: self.queue,
            batch: self.batch,
        };
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(database_url, secret(setting("database", "url", "DATABASE_URL", |c| &mut c.database.url,
        "`postgres://…` or `sqlite:…`. Empty: the file clowder.db in `data_dir`."))),
    checked(direct_url, secret(setting("database", "direct_url", "DATABASE_DIRECT_URL", |c| &mut c.database.direct_url,
        "`postgres://…` of PostgreSQL itself, if `url` leads through a pooler in transaction mode: for what needs a connection of its own, which is migrating and, without Redis, hearing of other nodes. Empty: the same as `url`."))),
    within(0, 256, setting("database", "read_connections", "DATABASE_READ_CONNECTIONS", |c| &mut c.database.read_connections,
        "Number of connections for reading. 0: 4 for SQLite, 8 for PostgreSQL.")),
    within(2, 1_000, setting("database", "write_connections", "DATABASE_WRITE_CONNECTIONS", |c| &mut c.database.write_connections,
        "Number of connections for writing to PostgreSQL; SQLite has one.")),
    within(1, 60, setting("database", "wait_seconds", "DATABASE_WAIT_SECONDS", |c| &mut c.database.wait_seconds,
        "How long a call may wait for a connection before it gets 503, in seconds.")),
    within(1, 60, setting("database", "connect_seconds", "DATABASE_CONNECT_SECONDS", |c| &mut c.database.connect_seconds,
        "How long connecting to PostgreSQL may take for each host in the URL, in seconds.")),
    within(1, 3_600, setting("database", "statement_seconds", "DATABASE_STATEMENT_SECONDS", |c| &mut c.database.statement_seconds,
        "How long a statement may take on PostgreSQL, in seconds. If the server is silent for 2 more seconds, the connection is cut.")),
    within(1, 60_000, setting("database", "lock_milliseconds", "DATABASE_LOCK_MILLISECONDS", |c| &mut c.database.lock_milliseconds,
        "How long a statement may wait for a lock on PostgreSQL before its call gets 503, in milliseconds.")),
    within(1, 100_000, setting("database", "queue", "DATABASE_QUEUE", |c| &mut c.database.queue,
        "How many calls may wait for a connection; further calls get 503.")),
    within(1, 1_000, setting("database", "batch", "DATABASE_BATCH", |c| &mut c.database.batch,
        "How many messages are committed together at most. 1: each by itself.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("database.url", &["mysql://db/clowder", "postgress://db/clowder", "sqlite:", "clowder.db"]),
    ("database.direct_url", &["mysql://db/clowder", "sqlite:clowder.db", "clowder.db"]),
    ("database.read_connections", &["257", "-4"]),
    ("database.write_connections", &["0", "1", "1001", "x"]),
    ("database.wait_seconds", &["0", "61", "x"]),
    ("database.connect_seconds", &["0", "61"]),
    ("database.statement_seconds", &["0", "3601"]),
    ("database.lock_milliseconds", &["0", "60001"]),
    ("database.queue", &["0", "100001", "x"]),
    ("database.batch", &["0", "1001", "x"]),
];

fn direct_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `postgres://`, such as postgres://user:password@host:5432/clowder";
    let text = expect_scheme(text, &["postgres://", "postgresql://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), true)
}

fn database_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `postgres://` (such as postgres://user:password@host:5432/clowder) or `sqlite:` (such \
                 as sqlite:data/clowder.db)";
    let text = expect_scheme(text, &["postgres://", "postgresql://", "sqlite:"], right)?;
    DatabaseUrl::parse(text).map_err(|error| reason(&error.to_string(), "DATABASE_URL"))?;
    match text.split_once("://") {
        // libpq accepts several hosts; a URL without a host means the local socket.
        Some((scheme, rest)) if scheme != "sqlite" => authority(rest, true),
        _ if DatabaseUrl::parse(text).is_ok_and(|url| matches!(url, DatabaseUrl::Sqlite(path) if path.is_dir())) => {
            Err("must name a file, but this is a folder".to_owned())
        }
        _ => Ok(()),
    }
}
