//! Cuts connections whose query is overdue: a host that has fallen silent neither answers nor ends the statement.

use std::{
    mem::MaybeUninit,
    net::Shutdown,
    sync::{
        Arc, LazyLock, Mutex, Once, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use socket2::Socket;

use super::{Way, socket::Mark};

/// How often connections are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What is watched: every connection of the process that lives.
static WATCHED: Mutex<Vec<Weak<Watch>>> = Mutex::new(Vec::new());

/// From when on moments are counted, in milliseconds.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    u64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// One connection, watched.
pub struct Watch {
    /// Kept for as long as the socket, so that nobody else has the same.
    mark: Option<Mark>,
    socket: OnceLock<Socket>,
    /// When the query that runs was sent; 0 while there is none.
    since: AtomicU64,
    limit: Duration,
    cut: AtomicBool,
    way: Weak<Way>,
}

impl Watch {
    /// The watch begins as if with a query, for connecting has to end, too.
    pub fn start(mark: Option<Mark>, limit: Duration, way: Weak<Way>) -> Arc<Self> {
        let (since, cut) = (AtomicU64::new(now().max(1)), AtomicBool::new(false));
        let watch = Arc::new(Self { mark, socket: OnceLock::new(), since, limit, cut, way });
        WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&watch));
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            if let Err(error) = thread::Builder::new().name("postgres-watch".to_owned()).spawn(look) {
                tracing::error!(%error, "overdue queries are not cut");
            }
        });
        watch
    }

    /// The address, with what tells the socket of this connection from all others.
    pub fn mark(&self, url: &str) -> String {
        self.mark.as_ref().map_or_else(|| url.to_owned(), |mark| mark.onto(url))
    }

    /// The socket, once there is one.
    pub fn socket(&self) -> Option<&Socket> {
        if self.socket.get().is_none()
            && let Some(found) = self.mark.as_ref().and_then(Mark::find)
        {
            let _ = self.socket.set(found);
        }
        self.socket.get()
    }

    fn begin(&self) {
        self.since.store(now().max(1), Ordering::Relaxed);
    }

    /// No query runs.
    pub fn rest(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Whether an idle connection is as it should be: neither cut nor closed, and nothing said by the server, which
    /// speaks unasked only to say goodbye or that a setting changed. `None` when there is no socket to look at.
    pub fn is_quiet(&self) -> Option<bool> {
        if self.cut.load(Ordering::Relaxed) {
            return Some(false);
        }
        let peeked = self.socket.get()?.peek(&mut [MaybeUninit::uninit()]);
        Some(peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock))
    }

    /// Ends the connection if it is overdue; what waits for its answer gets an error.
    fn cut_if_overdue(&self) {
        let since = self.since.load(Ordering::Relaxed);
        if since == 0 || u128::from(now().saturating_sub(since)) < self.limit.as_millis() {
            return;
        }
        let Some(socket) = self.socket() else { return };
        if self.cut.swap(true, Ordering::Relaxed) {
            return;
        }
        metrics::counter!("clowder_database_cut_total").increment(1);
        tracing::warn!(seconds = self.limit.as_secs(), "the database is silent: the connection is cut");
        // Where one connection is silent, the others probably are too, and need not find out one after the other.
        if let Some(way) = self.way.upgrade() {
            way.renounce();
        }
        if let Err(error) = socket.shutdown(Shutdown::Both) {
            tracing::debug!(%error, "it was gone already");
        }
    }
}

/// Looks at all connections for as long as the process lives.
fn look() {
    loop {
        thread::park_timeout(LOOK);
        let watched: Vec<_> = {
            let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
            watched.retain(|watch| watch.strong_count() > 0);
            watched.iter().filter_map(Weak::upgrade).collect()
        };
        watched.iter().for_each(|watch| watch.cut_if_overdue());
    }
}

/// Tells the watch when a query begins and ends.
pub struct Beat(pub Arc<Watch>);

impl Instrumentation for Beat {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { .. } => self.0.begin(),
            InstrumentationEvent::FinishQuery { .. } => self.0.rest(),
            _ => {}
        }
    }
}
