//! Reading and writing: which worker runs what, and what a transaction is.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_accounts::audit::AuditId;
use clowder_core::{Cause, Ctx, Error, Recorded, Result, audit::Entry};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    audit,
    dialect::{self, Conn, HighWater, PooledConn, Scrubber},
    idempotency::{self, Stub},
    media::attaching::{self, Notes},
};
use crate::{
    domains::{
        messaging::{Paces, Screens},
        presence::Online,
    },
    emails::EmailTemplates,
    feed::Feed,
    keys::Keys,
    seal::KeyRing,
    store::{Options, StoreDeps},
    withheld::Withheld,
    worker_pool::WorkerPool,
};

#[derive(Clone)]
pub struct Db {
    writers: WorkerPool<PooledConn>,
    readers: WorkerPool<PooledConn>,
    services: Arc<TxServices>,
}

/// What every transaction may need, and what is notified after its commit.
pub struct TxServices {
    pub keys: Arc<Keys>,
    pub email_templates: EmailTemplates,
    /// Encrypts the values of encrypted columns.
    pub ring: Arc<KeyRing>,
    pub options: Arc<Options>,
    pub online: Arc<Online>,
    /// The word filters of chats, ready to be used.
    pub screens: Arc<Screens>,
    /// How fast everybody sends.
    pub paces: Paces,
    /// How fast everybody reacts and votes.
    pub gestures: Paces,
    /// How fast everybody changes that of which others are told.
    pub changes: Paces,
    feed: Feed,
    /// Notified when a text has been deleted.
    scrubber: Scrubber,
    /// How far the journal is known to have come.
    pub high_water: HighWater,
    /// The results of recent writes.
    pub condition: Condition,
    /// Notified when a job has been enqueued.
    pub ordered: Notify,
}

/// A transaction: its connection, and its effects that others must be notified of.
pub struct Tx<'c> {
    pub conn: &'c mut Conn,
    pub services: &'c TxServices,
    /// Changes written to the journal.
    pub recorded: Vec<Recorded>,
    /// The stored part of the epoch that these belong to.
    pub stored: Uuid,
    /// Entries for the audit log. They are written late and all at once: see [`audit::write`].
    pub entries: Vec<(AuditId, Ctx, Entry)>,
    /// What it says of files. It is written late and all at once: see [`attaching::write`].
    pub notes: Notes,
    /// Whether a job has been enqueued.
    pub ordered: bool,
    /// Whether a text has been deleted that must disappear from all files. Debug builds check this.
    pub deleted_text: bool,
    /// Emails that were not sent, or are sent later.
    pub withheld: Vec<Withheld>,
    /// Whether this is a step of an erasure, of which a later one rewrites the journal.
    pub erases: bool,
    /// Whether nobody in this process is told of its changes: they show once the journal is read.
    pub silent: bool,
}

impl Db {
    pub fn open(deps: &StoreDeps) -> Result<Self> {
        let (writers, readers) = dialect::pools(&deps.options.url, &deps.options.database)?;
        let services = TxServices {
            keys: Arc::clone(&deps.keys),
            ring: Arc::clone(&deps.ring),
            email_templates: deps.options.email_templates.clone(),
            options: Arc::clone(&deps.options),
            online: Arc::clone(&deps.online),
            screens: Arc::default(),
            paces: Paces::new(deps.options.messaging.pace),
            gestures: Paces::new(deps.options.messaging.pace),
            changes: Paces::new(deps.options.messaging.changes),
            feed: deps.feed.clone(),
            scrubber: Scrubber::start(&writers, &readers),
            high_water: dialect::high_water(&deps.options.url)?,
            condition: Condition::default(),
            ordered: Notify::new(),
        };
        Ok(Self { writers, readers, services: Arc::new(services) })
    }

    /// Reads; repeated once if the connection turns out to be broken, or after an internal error of the server.
    pub async fn read<T: Send + 'static>(&self, f: impl Fn(&mut Conn) -> Result<T> + Send + 'static) -> Result<T> {
        let read = self.readers.run(move |conn| dialect::read(conn, f)).await;
        read.inspect_err(|error| note("read", error))
    }

    /// Writes in one transaction. An error rolls it back; after an internal error of the server it is repeated once.
    /// After the commit its changes are published.
    pub async fn write<T: Send + 'static>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let services = Arc::clone(&self.services);
        let counted = Arc::clone(&self.services);
        // Errors inside the transaction are counted there.
        let begun = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&begun);
        let written = self.writers.run(move |conn| {
            begins.store(true, Ordering::Relaxed);
            match commit(conn, &services, &f) {
                Err(error) if error.cause() == Some(Cause::Aborted) => {
                    metrics::counter!("clowder_database_retried_total").increment(1);
                    commit(conn, &services, &f)
                }
                written => written,
            }
        });
        written.await.inspect_err(|error| {
            if !begun.load(Ordering::Relaxed) {
                counted.condition.failed(error);
            }
        })
    }

    /// Like [`Db::write`], but once only for callers that sent an `Idempotency-Key`: what `first` returns for storage
    /// is written in the same transaction, and `again` answers a repeated call from it.
    pub async fn create<T: Send + 'static, S: Stub>(
        &self,
        ctx: &Ctx,
        first: impl Fn(&mut Tx<'_>) -> Result<(T, S)> + Send + 'static,
        again: impl Fn(&mut Tx<'_>, S) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(idempotency_key) = ctx.idempotency_key.clone() else {
            return self.write(move |tx| Ok(first(tx)?.0)).await;
        };
        let ctx = ctx.clone();
        self.write(move |tx| idempotency::guard(tx, &ctx, &idempotency_key, &first, &again)).await
    }

    /// The worker pool for writing, for a job that reports its own results.
    pub fn writers(&self) -> &WorkerPool<PooledConn> {
        &self.writers
    }

    /// Whether writing works: the result of the last write, or a test write if there was none within [`LATELY`]. After
    /// a write has found the disk full, only a successful test for free space counts, because other writes may need
    /// none.
    pub async fn try_to_write(&self) -> Result<()> {
        if self.services.condition.is_well() {
            return Ok(());
        }
        let seek_room = !self.services.condition.has_room();
        let tried = self.writers.run(move |conn| dialect::probe(conn, seek_room)).await;
        match &tried {
            Ok(()) => self.services.condition.probed(),
            Err(error) => self.services.condition.failed(error),
        }
        tried
    }

    pub fn services(&self) -> &TxServices {
        &self.services
    }

    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.services.ring)
    }

    /// How many jobs wait to write and to read.
    pub fn waiting(&self) -> (usize, usize) {
        (self.writers.waiting(), self.readers.waiting())
    }
}

/// One transaction on a connection that is already held.
pub fn commit<T>(conn: &mut PooledConn, services: &TxServices, f: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let turn = services.feed.turn();
    let done = dialect::write_tx(conn, |conn| {
        let mut tx = Tx {
            conn,
            services,
            recorded: Vec::new(),
            stored: Uuid::nil(),
            entries: Vec::new(),
            notes: Notes::new(),
            ordered: false,
            deleted_text: false,
            withheld: Vec::new(),
            erases: false,
            silent: false,
        };
        let value = f(&mut tx)?;
        attaching::write(&mut tx)?;
        audit::write(&mut tx)?;
        #[cfg(debug_assertions)]
        super::texts::check(&mut tx)?;
        Ok((value, (tx.recorded, tx.stored, tx.ordered, tx.deleted_text, tx.withheld, tx.silent)))
    });
    let (value, told) = done.inspect_err(|error| services.condition.failed(error))?;
    let (recorded, stored, ordered, deleted_text, withheld, silent) = told;
    withheld.into_iter().for_each(Withheld::count);
    // A transaction that recorded nothing may not have written anything.
    if !recorded.is_empty() {
        services.condition.written();
    }
    // Before anybody learns of the changes.
    services.high_water.passed(&recorded);
    if !silent {
        services.feed.hand(recorded, stored, turn);
    }
    if ordered {
        services.ordered.notify_one();
    }
    if deleted_text {
        services.scrubber.wake();
    }
    Ok(value)
}

/// How long a successful write proves that writing works.
const LATELY: Duration = Duration::from_secs(2);

/// The results of recent writes.
#[derive(Default)]
pub struct Condition(Mutex<Lately>);

#[derive(Default)]
struct Lately {
    written_at: Option<Instant>,
    /// Whether a test for free space has succeeded, and no write has found the disk full since.
    has_room: bool,
}

impl Condition {
    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) {
        self.lately().written_at = Some(Instant::now());
    }

    /// A test write has succeeded, and has tested for free space if that was in question.
    fn probed(&self) {
        *self.lately() = Lately { written_at: Some(Instant::now()), has_room: true };
    }

    fn failed(&self, error: &Error) {
        note("write", error);
        let Some(cause) = error.cause() else { return };
        let mut lately = self.lately();
        // Waiting for a lock or a turn says nothing about the database.
        if !matches!(cause, Cause::Contended | Cause::Busy | Cause::Other) {
            lately.written_at = None;
        }
        lately.has_room &= cause != Cause::Full;
    }

    fn has_room(&self) -> bool {
        self.lately().has_room
    }

    fn is_well(&self) -> bool {
        let lately = self.lately();
        lately.has_room && lately.written_at.is_some_and(|at| at.elapsed() < LATELY)
    }
}

/// Counts errors by kind; refusals are not errors.
fn note(pool: &'static str, error: &Error) {
    let kind = match error {
        Error::Internal(_) => "internal",
        error => match error.cause() {
            Some(cause) => cause.word(),
            None => return,
        },
    };
    metrics::counter!("clowder_database_errors_total", "database" => dialect::NAME, "pool" => pool, "kind" => kind)
        .increment(1);
}
