//! What a store is opened with, what keeps it in shape, and what both databases' stores are built from.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_accounts::{
    Own,
    change::{USER_DELETED, USER_UPDATED},
    policy::EMAILS_CAUSED,
    sign_up::{Mode, Rules},
};
use clowder_core::{Ctx, Recorded, Result, Timestamp};

use crate::{
    DatabaseUrl, api_keys::KeyMemory, chat_summaries::ChatSummaries, clock::Evidence, connection::Deadlines,
    emails::EmailTemplates, feed::Feed, hasher::Hasher, keys::Keys, profiles::Profiles, seal::KeyRing, skew::Skew,
    standings::Standings, tokens::Tokens,
};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub url: DatabaseUrl,
    /// From which all keys are derived.
    pub secret: String,
    /// The keys that seal fields at rest, `id/base64,…`, the active one first; one is derived when there are none.
    pub encryption_keys: String,
    pub access_for: Duration,
    pub refresh_for: Duration,
    /// The longest that a session lasts, however often it is used.
    pub session_for: Duration,
    /// Who may make an account.
    pub sign_up: Rules,
    /// Whether people have to confirm their address before they reach others.
    pub verified_to_reach_others: bool,
    /// The grace period of an account whose owner had it deleted.
    pub erasure_after: Duration,
    /// How many emails to addresses of others one person or place may cause in an hour.
    pub emails_an_hour: u32,
    /// How many chats one person may have made.
    pub chats_per_person: i64,
    /// In whose name emails are written.
    pub email_templates: EmailTemplates,
    /// How long the journal is kept.
    pub journal_for: Duration,
    /// How long entries of the audit log are kept; `None` is for ever.
    pub audit_for: Option<Duration>,
    /// How long a worker may hold a job without saying that it still works on it.
    pub lease: Duration,
    /// bcrypt's cost, 4 to 31.
    pub bcrypt_cost: u32,
    /// Threads that hash passwords.
    pub hashers: usize,
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

impl Options {
    pub fn new(url: DatabaseUrl, secret: impl Into<String>) -> Self {
        Self {
            url,
            secret: secret.into(),
            encryption_keys: String::new(),
            access_for: Duration::from_secs(600),
            refresh_for: Duration::from_secs(30 * 24 * 60 * 60),
            session_for: Duration::from_secs(180 * 24 * 60 * 60),
            sign_up: Rules { mode: Mode::Open, reveal_taken: true },
            verified_to_reach_others: false,
            erasure_after: Duration::from_secs(30 * 24 * 60 * 60),
            emails_an_hour: EMAILS_CAUSED,
            chats_per_person: clowder_messaging::chats::MOST,
            email_templates: EmailTemplates {
                account_url: "http://127.0.0.1:8080/account".to_owned(),
                server_url: "http://127.0.0.1:8080".to_owned(),
                sender: "Clowder".to_owned(),
            },
            journal_for: Duration::from_secs(7 * 24 * 60 * 60),
            audit_for: None,
            lease: Duration::from_secs(60),
            bcrypt_cost: 12,
            hashers: std::thread::available_parallelism().map_or(2, usize::from),
            write_connections: 12,
            read_connections: 0,
            patience: Duration::from_secs(5),
            deadlines: Deadlines::default(),
            queue: 4096,
            batch: 256,
        }
    }
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
    pub options: Options,
    pub keys: Arc<Keys>,
    pub ring: Arc<KeyRing>,
    pub memory: Memory,
    pub hasher: Hasher,
    pub feed: Feed,
}
