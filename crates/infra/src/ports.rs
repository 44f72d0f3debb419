//! The store: all ports over one database, chosen by its URL.

use std::{sync::Arc, time::Duration};

use clowder_core::{
    Bus, Result, Timestamp,
    job::{Cron, Worker},
};
use clowder_egress::Egress;
use clowder_infra_base::{
    DatabaseUrl, Follower, Options,
    bus::{Exchange, InProcess, PostgresBus, RedisBus},
    clock::Fate,
    domains::presence::Online,
    feed::Feed,
    for_domains,
    hasher::Hasher,
    keys::Keys,
    privacy::Registered,
    seal::{Column, KeyRing},
    standings::Standings,
    store::{Memory, StoreDeps},
    tokens::Tokens,
};
use clowder_infra_lite as lite;
use clowder_infra_pg as pg;

/// What the store has besides its ports.
struct Rest {
    workers: Vec<Arc<dyn Worker>>,
    crons: Vec<Cron>,
    keys: Arc<Keys>,
    read_connections: usize,
    feed: Feed,
    memory: Memory,
    online: Arc<Online>,
    poll: Duration,
    options: Arc<Options>,
}

/// Is shown every port of a store, one after another.
pub trait EachPort {
    fn port<P: ?Sized + 'static>(&mut self, port: &Arc<P>);
}

/// Each port of a domain is a field of the store, and both databases have it.
macro_rules! ports {
    ($($name:ident $(: $port:path)?,)*) => {
        /// All ports over one database.
        #[derive(Clone)]
        pub struct Store {
            $($(pub $name: Arc<dyn $port>,)?)*
            /// The workers for the jobs of the domains; the caller adds the one for mail.
            pub workers: Vec<Arc<dyn Worker>>,
            /// The recurring jobs.
            pub crons: Vec<Cron>,
            pub keys: Arc<Keys>,
            /// How many reads the database can run at the same time.
            pub read_connections: usize,
            /// Who is connected to this process.
            pub online: Arc<Online>,
            feed: Feed,
            memory: Memory,
            poll: Duration,
            options: Arc<Options>,
        }

        impl Store {
            /// Shows each port, for whoever hands them all on.
            pub fn each_port(&self, visitor: &mut impl EachPort) {
                $($(visitor.port::<dyn $port>(&self.$name);)?)*
            }

            fn over<R: $($($port +)?)* 'static>(repo: &Arc<R>, rest: Rest) -> Self {
                let Rest { workers, crons, keys, read_connections, feed, memory, online, poll, options } = rest;
                Self {
                    $($($name: Arc::<R>::clone(repo) as Arc<dyn $port>,)?)*
                    workers,
                    crons,
                    keys,
                    read_connections,
                    feed,
                    memory,
                    online,
                    poll,
                    options,
                }
            }
        }
    };
}

for_domains!(ports);

impl Store {
    /// The client for addresses that people give.
    pub fn egress(&self) -> &Egress {
        &self.options.egress
    }

    /// Opens the database. It must have been migrated by this version or a later one; `now` says which sessions were
    /// ended so recently that their access tokens may still be valid.
    pub async fn open(options: Options, now: Timestamp) -> Result<Self> {
        let keys = Arc::new(Keys::new(&options.secret));
        let ring = Arc::new(KeyRing::new(&keys, &options.encryption_keys)?);
        let standings = Arc::<Standings>::default();
        let tokens = Arc::new(Tokens::new(&keys, options.accounts.access_for, Arc::clone(&standings)));
        let memory = Memory { tokens, profiles: Arc::default(), standings, api_keys: Arc::default() };
        let (feed, online) = (Feed::default(), Arc::<Online>::default());
        let embedded = options.url.is_embedded();
        let hasher = Hasher::start(&options.hasher)?;
        // Another process may write, too: a second gateway, the command line.
        let poll = Duration::from_millis(if embedded { 1000 } else { 200 });
        let options = Arc::new(options);
        let deps = StoreDeps {
            options: Arc::clone(&options),
            keys: Arc::clone(&keys),
            ring,
            memory: memory.clone(),
            hasher,
            feed: feed.clone(),
            online: Arc::clone(&online),
        };
        macro_rules! open {
            ($database:ident) => {{
                let read_connections = $database::read_connections(&deps.options.database);
                let repo = Arc::new($database::repo::Repo::open(deps, now).await?);
                let (workers, crons) = (repo.workers(), repo.crons());
                let rest = Rest { workers, crons, keys, read_connections, feed, memory, online, poll, options };
                Self::over(&repo, rest)
            }};
        }
        Ok(if embedded { open!(lite) } else { open!(pg) })
    }

    /// Migrates the schema of a database; if several processes try at once, one does it. Returns the names of the
    /// migrations that ran.
    pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>> {
        if url.is_embedded() { lite::repo::migrate(url) } else { pg::repo::migrate(url) }
    }

    /// Opens a connection to the database and closes it.
    pub fn reach(url: &DatabaseUrl) -> Result<()> {
        if url.is_embedded() { lite::repo::reach(url) } else { pg::repo::reach(url) }
    }

    /// The migrations of this build that the database does not have yet.
    pub fn pending(url: &DatabaseUrl) -> Result<Vec<String>> {
        if url.is_embedded() { lite::repo::pending(url) } else { pg::repo::pending(url) }
    }

    /// Makes the files of the index of messages anew: on PostgreSQL, words of messages that are gone can be left in them.
    /// Searches and writes go on meanwhile.
    pub fn renew_search(url: &DatabaseUrl) -> Result<()> {
        if url.is_embedded() { lite::repo::renew_search(url) } else { pg::repo::renew_search(url) }
    }

    /// Whether the journal's partitions can be created and dropped: on PostgreSQL, the role must own the tables.
    pub fn owns_tables(url: &DatabaseUrl) -> Result<bool> {
        if url.is_embedded() { Ok(true) } else { pg::owns_tables(url) }
    }

    /// The functions by which PostgreSQL would say that the database was replaced, and which it refuses to this role.
    pub fn refused_functions(url: &DatabaseUrl) -> Result<Vec<&'static str>> {
        if url.is_embedded() { Ok(Vec::new()) } else { pg::refused(url) }
    }

    /// Joins the other processes over this database, which then learn of each other's changes sooner than by polling:
    /// through Redis if there is one, or else through PostgreSQL at this address, which no pooler must be in front of.
    /// An embedded database has no others.
    pub async fn join(&self, direct: &DatabaseUrl, redis: Option<&str>) -> Result<()> {
        let bus: Arc<dyn Bus> = match (direct, redis) {
            (DatabaseUrl::Sqlite(_), _) => Arc::new(InProcess::default()),
            (DatabaseUrl::Postgres(_), Some(url)) => Arc::new(RedisBus::start(url)?),
            (DatabaseUrl::Postgres(url), None) => Arc::new(PostgresBus::start(url, self.options.database.deadlines)?),
        };
        self.join_through(bus).await
    }

    /// The same through a given bus.
    pub async fn join_through(&self, bus: Arc<dyn Bus>) -> Result<()> {
        self.feed.join(bus, self.journal.extent().await?.epoch)
    }

    /// What this process and the others tell each other.
    pub fn exchange(&self) -> &Arc<Exchange> {
        self.feed.exchange()
    }

    /// Every change from now on, once and in order, whichever process commits it.
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

/// The times of all domains, `table.column`, and what becomes of each when a clock was ahead; both databases have the same.
pub fn times() -> Vec<(&'static str, Fate)> {
    lite::repo::times()
}

/// The text columns of all domains, `table.column`, whose deleted text needs no care or stays in the journal; both
/// databases have the same.
pub fn texts_left_alone() -> Vec<&'static str> {
    lite::repo::texts_left_alone()
}
