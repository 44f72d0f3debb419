//! How a store is opened and maintained, and the parts that both databases' stores consist of.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_accounts::{
    Own,
    change::{USER_DELETED, USER_UPDATED},
};
use clowder_core::{Ctx, Recorded, Result, Timestamp};
use clowder_egress::Egress;

use crate::{
    DatabaseUrl,
    api_keys::KeyMemory,
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
    /// Connections for writing to PostgreSQL; SQLite has one.
    pub write_connections: usize,
    /// Connections for reading; 0 is the default of the database.
    pub read_connections: usize,
    /// How long a call waits for a connection.
    pub patience: Duration,
    /// The time limits for PostgreSQL.
    pub deadlines: Deadlines,
    /// How many jobs may wait for a worker before callers are refused.
    pub queue: usize,
    /// The maximum number of messages that share one commit; 1 disables group commit.
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
            /// All keys are derived from it.
            pub secret: String,
            /// The keys that encrypt fields at rest, `id/base64,…`, the active one first; if there are none, one is
            /// derived.
            pub encryption_keys: String,
            pub database: DatabaseOptions,
            pub hasher: hasher::Options,
            /// The sender of emails.
            pub email_templates: EmailTemplates,
            /// What calls the places that people name.
            pub egress: Egress,
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
                    egress: Default::default(),
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
    groups,
    jobs,
    journal,
    media,
    messaging,
    notices,
    notifications,
    privacy,
    push,
    sign_ups,
    webhooks,
}

/// The state of one component of the store.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Check {
    pub name: &'static str,
    pub ok: bool,
    pub detail: String,
}

/// Maintenance of a store.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Loads recently ended sessions, roles and suspensions, also those from other processes.
    async fn recall(&self) -> Result<()>;

    /// The journal is another one: drops everything that is known because of the one before, and loads it again.
    async fn start_anew(&self) -> Result<()>;

    /// Checks whether the database responds, accepts writes, has the schema this build needs, and keeps up. Returns
    /// within a second, whatever the database does. It may write, so public endpoints must limit how often they call
    /// it. `now` is this node's clock, whose skew from the database's is checked.
    async fn check(&self, now: fn() -> Timestamp) -> Vec<Check>;

    /// Writes a change that nobody receives, and passes it on to nobody in this process: like those of another process,
    /// it shows only once the journal is read. Returns its stream and position.
    async fn write_canary(&self, ctx: &Ctx) -> Result<(usize, i64)>;

    /// Whether a clock ahead of this one has written something recently.
    async fn was_ahead(&self, now: Timestamp) -> Result<bool>;

    /// Sets times after `now` to now; returns how many rows were changed. See [`crate::clock`].
    async fn put_clock_right(&self, now: Timestamp, evidence: Evidence) -> Result<usize>;

    /// The skew between this node's clock and that of the database's machine, if that is another one. Fails within a
    /// second. The metric `clowder_clock_skew_seconds` has the most recent value.
    async fn skew(&self, now: fn() -> Timestamp) -> Result<Option<Skew>>;

    /// Deletes expired data: journal entries older than `journal_for`, stored answers, sessions. Bounded per call;
    /// returns how many rows were deleted, 0 when there are no more.
    async fn sweep(&self, ctx: &Ctx, journal_for: Duration) -> Result<usize>;
}

/// The kind of the job that deletes expired data.
pub const SWEEP: &str = "store.sweep";

/// What this process knows without a database query, kept up to date by the journal.
#[derive(Clone)]
pub struct Memory {
    pub tokens: Arc<Tokens>,
    pub profiles: Arc<Profiles>,
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
        if &*recorded.name == USER_UPDATED && !recorded.is_superseded() {
            match serde_json::from_str(recorded.data.get()) {
                Ok(own) => self.learn(&own),
                Err(error) => tracing::error!(%error, "cannot parse a changed profile"),
            }
        }
    }

    /// An account has changed.
    pub fn learn(&self, own: &Own) {
        self.profiles.keep(own);
        self.standings.keep(own);
    }

    /// One follower of the journal less; without any, everything that only the journal keeps true is discarded.
    pub fn unfollowed(&self) {
        self.profiles.unfollowed();
        if !self.profiles.is_followed() {
            self.forget();
        }
    }

    /// Discards what only the journal keeps true.
    pub fn forget(&self) {
        self.profiles.forget();
        self.api_keys.forget();
    }
}

/// The components of both databases' stores.
pub struct StoreDeps {
    pub options: Arc<Options>,
    pub keys: Arc<Keys>,
    pub ring: Arc<KeyRing>,
    pub memory: Memory,
    pub hasher: Hasher,
    pub feed: Feed,
    /// Who is connected to this process.
    pub online: Arc<domains::presence::Online>,
}
