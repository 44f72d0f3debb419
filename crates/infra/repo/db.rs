//! Reading and writing: what runs on which worker, and what a transaction is.

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

use super::{
    audit,
    dialect::{self, Conn, PooledConn, Scrubber},
    idempotency::{self, Stub},
};
use crate::{
    emails::EmailTemplates,
    feed::Feed,
    keys::Keys,
    seal::KeyRing,
    store::{Options, StoreDeps},
    worker_pool::WorkerPool,
};

#[derive(Clone)]
pub struct Db {
    writers: WorkerPool<PooledConn>,
    readers: WorkerPool<PooledConn>,
    services: Arc<TxServices>,
}

/// What every transaction may need, and who hears of it when it has been committed.
pub struct TxServices {
    pub keys: Arc<Keys>,
    pub email_templates: EmailTemplates,
    /// Seals the values of sealed columns.
    pub ring: Arc<KeyRing>,
    pub options: Arc<Options>,
    feed: Feed,
    /// Told when a text has been deleted.
    scrubber: Scrubber,
    /// How writing went lately.
    pub condition: Condition,
    /// Told when a job has been ordered.
    pub ordered: Notify,
}

/// A transaction: its connection, and what it has done so far that others must hear of.
pub struct Tx<'c> {
    pub conn: &'c mut Conn,
    pub services: &'c TxServices,
    /// What has been written into the journal.
    pub recorded: Vec<Recorded>,
    /// What the audit log will hear of it. It is written late, all at once: see [`audit::write`].
    pub entries: Vec<(AuditId, Ctx, Entry)>,
    /// Whether a job has been ordered.
    pub ordered: bool,
    /// Whether a text has been deleted that must not be found in any file any more.
    pub deleted_text: bool,
}

impl Db {
    pub fn open(deps: &StoreDeps) -> Result<Self> {
        let (writers, readers) = dialect::pools(&deps.options.url, &deps.options.database)?;
        let services = TxServices {
            keys: Arc::clone(&deps.keys),
            ring: Arc::clone(&deps.ring),
            email_templates: deps.options.email_templates.clone(),
            options: Arc::clone(&deps.options),
            feed: deps.feed.clone(),
            scrubber: Scrubber::start(&writers, &readers),
            condition: Condition::default(),
            ordered: Notify::new(),
        };
        Ok(Self { writers, readers, services: Arc::new(services) })
    }

    /// Reads; twice if the connection turns out to be dead, or if the server had an internal error.
    pub async fn read<T: Send + 'static>(&self, f: impl Fn(&mut Conn) -> Result<T> + Send + 'static) -> Result<T> {
        let read = self.readers.run(move |conn| dialect::read(conn, f)).await;
        read.inspect_err(|error| note("read", error))
    }

    /// Writes in one transaction; an error undoes all of it, and an internal error of the server begins it once more.
    /// After the commit its changes are on their way.
    pub async fn write<T: Send + 'static>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let services = Arc::clone(&self.services);
        let counted = Arc::clone(&self.services);
        // What happens inside of a transaction is counted there.
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

    /// Like [`Db::write`], and once only for callers that sent an `Idempotency-Key`: what `first` gives beside its answer
    /// is stored in the same transaction, and a repeated call is answered from it by `again`.
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

    /// The worker that writes, for a job that answers its callers by itself.
    pub fn writers(&self) -> &WorkerPool<PooledConn> {
        &self.writers
    }

    /// Whether writing works: what the last write said, or a try if there was none within [`LATELY`]. Once a write found
    /// no room, only a try that found some says that it works: other writes may need none.
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

/// One transaction on a connection one holds already.
pub fn commit<T>(conn: &mut PooledConn, services: &TxServices, f: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let done = dialect::write_tx(conn, |conn| {
        let mut tx =
            Tx { conn, services, recorded: Vec::new(), entries: Vec::new(), ordered: false, deleted_text: false };
        let value = f(&mut tx)?;
        audit::write(&mut tx)?;
        Ok((value, (tx.recorded, tx.ordered, tx.deleted_text)))
    });
    let (value, told) = done.inspect_err(|error| services.condition.failed(error))?;
    let (recorded, ordered, deleted_text) = told;
    // A transaction that recorded nothing may have had nothing to write.
    if !recorded.is_empty() {
        services.condition.written();
    }
    services.feed.hand(recorded);
    if ordered {
        services.ordered.notify_one();
    }
    if deleted_text {
        services.scrubber.wake();
    }
    Ok(value)
}

/// For how long a write that worked says that writing works.
const LATELY: Duration = Duration::from_secs(2);

/// How writing went lately.
#[derive(Default)]
pub struct Condition(Mutex<Lately>);

#[derive(Default)]
struct Lately {
    written_at: Option<Instant>,
    /// Whether room was sought and found, and no write has met a full disk since.
    has_room: bool,
}

impl Condition {
    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) {
        self.lately().written_at = Some(Instant::now());
    }

    /// A try to write has succeeded, and has sought room if that was in question.
    fn probed(&self) {
        *self.lately() = Lately { written_at: Some(Instant::now()), has_room: true };
    }

    fn failed(&self, error: &Error) {
        note("write", error);
        let Some(cause) = error.cause() else { return };
        let mut lately = self.lately();
        // Whoever waits for a lock, or for their turn, tells nothing about the database.
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

/// Counts what went wrong, by kind; what was refused did not go wrong.
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
