//! What a store is opened with, what keeps it in shape, and what both databases' stores are built from.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_accounts::{
    Own,
    change::{USER_DELETED, USER_UPDATED},
};
use clowder_core::{Ctx, Recorded, Result, Timestamp};

use crate::{
    DatabaseUrl,
    api_keys::KeyMemory,
    chat_summaries::ChatSummaries,
    clock::Evidence,
    connection::Deadlines,
    domains,
    emails::EmailTemplates,
    feed::Feed,
    hasher::{self, Hasher},
    keys::Keys,
    profiles::Profiles,
    seal::KeyRing,
    skew::Skew,
    standings::Standings,
    tokens::Tokens,
};

/// How the database is worked with.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// Connections that write, to PostgreSQL; SQLite has one.
    pub write_connections: usize,
    /// Connections that read; 0 is what the database does best with.
    pub read_connections: usize,
    /// How long a call waits for a connection.
    pub patience: Duration,
    /// How long PostgreSQL may take.
    pub deadlines: Deadlines,
    /// Jobs that may wait for a worker before callers are refused.
    pub queue: usize,
    /// The most messages that share one commit; 1 switches group commit off.
    pub batch: usize,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            write_connections: 12,
            read_connections: 0,
            patience: Duration::from_secs(5),
            deadlines: Deadlines::default(),
            queue: 4096,
            batch: 256,
        }
    }
}

/// Of each of these domains the options that its file in `domains/` describes.
macro_rules! options {
    ($($domain:ident),* $(,)?) => {
        /// How a store is opened.
        #[derive(Debug, Clone)]
        pub struct Options {
            pub url: DatabaseUrl,
            /// From which all keys are derived.
            pub secret: String,
            /// The keys that seal fields at rest, `id/base64,…`, the active one first; one is derived when there are none.
            pub encryption_keys: String,
            pub database: DatabaseOptions,
            pub hasher: hasher::Options,
            /// In whose name emails are written.
            pub email_templates: EmailTemplates,
            $(pub $domain: domains::$domain::Options,)*
        }

        impl Options {
            pub fn new(url: DatabaseUrl, secret: impl Into<String>) -> Self {
                Self {
                    url,
                    secret: secret.into(),
                    encryption_keys: String::new(),
                    database: Default::default(),
                    hasher: Default::default(),
                    email_templates: Default::default(),
                    $($domain: Default::default(),)*
                }
            }
        }
    };
}

options! {
    accounts,
    audit,
    credentials,
    jobs,
    journal,
    messaging,
    privacy,
    sign_ups,
}

/// What is behind one part of the store.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Check {
    pub name: &'static str,
    pub ok: bool,
    pub detail: String,
}

/// What keeps a store in shape.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Learns which sessions were ended lately, who has a role and who is suspended, also by other processes.
    async fn recall(&self) -> Result<()>;

    /// Looks whether the database answers, takes writes, has the schema this build needs, and keeps up. Answers within
    /// a second, whatever the database does. It may write, so whoever lets strangers ask bounds how often. `now` is this
    /// node's clock, which may not be far from the database's.
    async fn check(&self, now: fn() -> Timestamp) -> Vec<Check>;

    /// Whether something was written lately by a clock that was ahead of this one.
    async fn was_ahead(&self, now: Timestamp) -> Result<bool>;

    /// What lies after `now` counts as now from here on; answers how many rows were changed. See [`crate::clock`].
    async fn put_clock_right(&self, now: Timestamp, evidence: Evidence) -> Result<usize>;

    /// How far this node's clock is from that of the database's machine, where that is another one. Fails within a
    /// second. The metric `clowder_clock_skew_seconds` has what was measured last.
    async fn skew(&self, now: fn() -> Timestamp) -> Result<Option<Skew>>;

    /// Forgets what has had its time: what the journal has held for longer than `journal_for`, stored answers, expired
    /// sessions. Bounded per call; answers how many rows went, 0 when all is done.
    async fn sweep(&self, ctx: &Ctx, journal_for: Duration) -> Result<usize>;
}

/// The kind of the job that forgets what has had its time.
pub const SWEEP: &str = "store.sweep";

/// What this process knows without asking the database, kept up to date by the journal.
#[derive(Clone)]
pub struct Memory {
    pub tokens: Arc<Tokens>,
    pub profiles: Arc<Profiles>,
    pub summaries: Arc<ChatSummaries>,
    pub standings: Arc<Standings>,
    pub api_keys: Arc<KeyMemory>,
}

impl Memory {
    pub fn note(&self, recorded: &Recorded) {
        self.tokens.note(recorded);
        self.api_keys.note(recorded);
        if let (USER_DELETED, Some(user)) = (&*recorded.name, recorded.topic.as_user()) {
            self.profiles.bury(user);
            self.standings.bury(user);
        }
        if &*recorded.name == USER_UPDATED {
            match serde_json::from_str(recorded.data.get()) {
                Ok(own) => self.learn(&own),
                Err(error) => tracing::error!(%error, "a changed profile cannot be read"),
            }
        }
    }

    /// An account has changed.
    pub fn learn(&self, own: &Own) {
        self.profiles.keep(own);
        self.standings.keep(own);
    }

    /// One who follows the journal less; without any, nothing is kept that only the journal keeps true.
    pub fn unfollowed(&self) {
        self.profiles.unfollowed();
        if !self.profiles.is_followed() {
            self.forget();
        }
    }

    /// Forgets what only the journal keeps true.
    pub fn forget(&self) {
        self.profiles.forget();
        self.api_keys.forget();
    }
}

/// What both databases' stores are built from.
pub struct StoreDeps {
    pub options: Arc<Options>,
    pub keys: Arc<Keys>,
    pub ring: Arc<KeyRing>,
    pub memory: Memory,
    pub hasher: Hasher,
    pub feed: Feed,
}
