//! Cuts connections whose query is overdue: a host that has stopped responding neither answers nor ends the statement.

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

/// How often connections are checked.
const LOOK: Duration = Duration::from_millis(200);

/// All open connections of the process.
static WATCHED: Mutex<Vec<Weak<Watch>>> = Mutex::new(Vec::new());

/// The origin of the times below, which are in milliseconds.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    u64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// One watched connection.
pub struct Watch {
    /// Kept as long as the socket, so that no other connection gets the same mark.
    mark: Option<Mark>,
    socket: OnceLock<Socket>,
    /// When the running query was sent; 0 if there is none.
    since: AtomicU64,
    limit: Duration,
    cut: AtomicBool,
    way: Weak<Way>,
}

impl Watch {
    /// The watch begins as if a query was running, because connecting has a deadline, too.
    pub fn start(mark: Option<Mark>, limit: Duration, way: Weak<Way>) -> Arc<Self> {
        let (since, cut) = (AtomicU64::new(now().max(1)), AtomicBool::new(false));
        let watch = Arc::new(Self { mark, socket: OnceLock::new(), since, limit, cut, way });
        WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&watch));
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            if let Err(error) = thread::Builder::new().name("postgres-watch".to_owned()).spawn(look) {
                tracing::error!(%error, "cannot watch connections; overdue queries will not be cut off");
            }
        });
        watch
    }

    /// The URL with the mark that identifies this connection's socket.
    pub fn mark(&self, url: &str) -> String {
        self.mark.as_ref().map_or_else(|| url.to_owned(), |mark| mark.onto(url))
    }

    /// The socket, after it has been opened.
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

    /// Marks that no query is running.
    pub fn rest(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Whether an idle connection is healthy: neither cut nor closed, and without unexpected data from the server,
    /// which only sends some when it closes the connection or a setting changes. `None` if there is no socket to check.
    pub fn is_quiet(&self) -> Option<bool> {
        if self.cut.load(Ordering::Relaxed) {
            return Some(false);
        }
        let peeked = self.socket.get()?.peek(&mut [MaybeUninit::uninit()]);
        Some(peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock))
    }

    /// Cuts the connection if it is overdue; the waiting query gets an error.
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
        tracing::warn!(seconds = self.limit.as_secs(), "the database does not respond; its connection is cut");
        // If one connection does not respond, the others probably don't either; they need not find out one by one.
        if let Some(way) = self.way.upgrade() {
            way.renounce();
        }
        if let Err(error) = socket.shutdown(Shutdown::Both) {
            tracing::debug!(%error, "the connection was already closed");
        }
    }
}

/// Checks all connections as long as the process runs.
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
