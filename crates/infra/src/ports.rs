//! The store: all ports over one database, chosen by its URL.

use std::{sync::Arc, time::Duration};

use clowder_accounts::{Accounts, ApiKeys, AuditLog, Credentials, Preferences, Privacy, SignUps, Staff, TwoFactor};
use clowder_core::{
    Jobs, Journal, Result, Timestamp,
    job::{Cron, Worker},
};
use clowder_infra_base::{
    DatabaseUrl, Follower, Options, Upkeep,
    feed::Feed,
    hasher::Hasher,
    keys::Keys,
    privacy::Registered,
    seal::{Column, KeyRing, Sealing},
    standings::Standings,
    store::{Memory, StoreDeps},
    tokens::Tokens,
};
use clowder_infra_lite as lite;
use clowder_infra_pg as pg;
use clowder_messaging::Messaging;

/// All ports over one database.
#[derive(Clone)]
pub struct Store {
    pub accounts: Arc<dyn Accounts>,
    pub staff: Arc<dyn Staff>,
    pub api_keys: Arc<dyn ApiKeys>,
    pub credentials: Arc<dyn Credentials>,
    pub sign_ups: Arc<dyn SignUps>,
    pub preferences: Arc<dyn Preferences>,
    pub privacy: Arc<dyn Privacy>,
    pub messaging: Arc<dyn Messaging>,
    pub journal: Arc<dyn Journal>,
    pub jobs: Arc<dyn Jobs>,
    pub upkeep: Arc<dyn Upkeep>,
    /// What does the jobs of the domains; mail is for whoever composes to add.
    pub workers: Vec<Arc<dyn Worker>>,
    /// What comes back by itself.
    pub crons: Vec<Cron>,
    pub two_factor: Arc<dyn TwoFactor>,
    pub audit: Arc<dyn AuditLog>,
    pub sealing: Arc<dyn Sealing>,
    pub keys: Arc<Keys>,
    /// How many can read the database at the same time.
    pub read_connections: usize,
    feed: Feed,
    memory: Memory,
    poll: Duration,
}

impl Store {
    /// Opens the database. It must have been migrated by this version or a later one; `now` tells which sessions
    /// were ended so recently that their access tokens may still be about.
    pub async fn open(options: Options, now: Timestamp) -> Result<Self> {
        let keys = Arc::new(Keys::new(&options.secret));
        let ring = Arc::new(KeyRing::new(&keys, &options.encryption_keys)?);
        let standings = Arc::<Standings>::default();
        let tokens = Arc::new(Tokens::new(&keys, options.access_for, Arc::clone(&standings)));
        let memory =
            Memory { tokens, profiles: Arc::default(), summaries: Arc::default(), standings, api_keys: Arc::default() };
        let feed = Feed::default();
        let embedded = options.url.is_embedded();
        let read_connections = if embedded { lite::read_connections(&options) } else { pg::read_connections(&options) };
        let hasher = Hasher::start(options.bcrypt_cost, options.hashers)?;
        let parts =
            StoreDeps { options, keys: Arc::clone(&keys), ring, memory: memory.clone(), hasher, feed: feed.clone() };
        // Another process may write too: a second gateway, the command line.
        let poll = Duration::from_millis(if embedded { 1000 } else { 200 });
        macro_rules! ports {
            ($store:expr) => {{
                let store = Arc::new($store);
                Self {
                    accounts: store.clone(),
                    staff: store.clone(),
                    api_keys: store.clone(),
                    credentials: store.clone(),
                    sign_ups: store.clone(),
                    preferences: store.clone(),
                    privacy: store.clone(),
                    messaging: store.clone(),
                    journal: store.clone(),
                    jobs: store.clone(),
                    workers: store.workers(),
                    crons: store.crons(),
                    two_factor: store.clone(),
                    audit: store.clone(),
                    sealing: store.clone(),
                    upkeep: store,
                    keys,
                    read_connections,
                    feed,
                    memory,
                    poll,
                }
            }};
        }
        Ok(if embedded {
            ports!(lite::repo::Repo::open(parts, now).await?)
        } else {
            ports!(pg::repo::Repo::open(parts, now).await?)
        })
    }

    /// Brings the schema of a database up to date; of several processes that try at once, one does. Answers the names
    /// of the migrations that ran.
    pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>> {
        if url.is_embedded() { lite::repo::migrate(url) } else { pg::repo::migrate(url) }
    }

    /// The migrations that this build knows and the database has not had.
    pub fn pending(url: &DatabaseUrl) -> Result<Vec<String>> {
        if url.is_embedded() { lite::repo::pending(url) } else { pg::repo::pending(url) }
    }

    /// Whether the journal's partitions can be created and dropped: on PostgreSQL, the role must own the tables.
    pub fn owns_tables(url: &DatabaseUrl) -> Result<bool> {
        if url.is_embedded() { Ok(true) } else { pg::owns_tables(url) }
    }

    /// Every change from now on, once and in order, whoever commits it.
    pub async fn follow(&self) -> Result<Follower> {
        let (journal, upkeep) = (Arc::clone(&self.journal), Arc::clone(&self.upkeep));
        Follower::start(journal, &self.feed, self.memory.clone(), upkeep, self.poll).await
    }
}

/// All parts over a database, in the order in which they are erased.
pub fn registered(url: &DatabaseUrl) -> Vec<Registered> {
    if url.is_embedded() { lite::repo::registered() } else { pg::repo::registered() }
}

/// The sealed columns of all domains; both databases have the same.
pub fn columns() -> Vec<&'static Column> {
    lite::repo::sealed_columns()
}
