//! Connections that are kept and shared: how many there are per host and in all, and when they end.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turn, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use crate::{
    Failure,
    connection::{Connection, Opener, Sender, Tasks},
    destination::Destination,
};

/// Connections without a call that are kept, of all hosts.
const MOST_IDLE: usize = 256;
/// From this many on, hosts without connections are forgotten.
const MANY_HOSTS: usize = 1024;
/// An older connection gets no more calls, so that a change of the name's addresses is followed.
const OLDEST: Duration = Duration::from_secs(600);
/// How long a shared connection without a call is kept.
const SHARED_IDLE: Duration = Duration::from_secs(300);

pub(crate) struct Pool {
    opener: Opener,
    hosts: Mutex<HashMap<Destination, Arc<Host>>>,
    all: Arc<Semaphore>,
    idle: AtomicUsize,
    is_swept: AtomicBool,
}

struct Host {
    /// One for each connection of HTTP/1.1 that is in use, or for each that is being opened.
    room: Arc<Semaphore>,
    /// One for each call over the shared connection.
    streams: Arc<Semaphore>,
    /// Held while a connection is opened that may turn out to be one that can be shared.
    opening: Turn<()>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// It speaks HTTP/1.1, so each call needs a connection.
    is_one: bool,
    idle: Vec<(Connection, Instant)>,
    shared: Option<(Connection, Instant)>,
}

/// A connection in use.
pub(crate) struct Lease {
    pub connection: Connection,
    /// It has carried calls before, so the other side may have closed it meanwhile.
    pub is_reused: bool,
    trust: Trust,
    _room: [OwnedSemaphorePermit; 2],
}

/// Ends the sharing of a connection if a call over it is given up, and none has got an answer since that call began: most
/// likely, the other side hangs.
struct Trust {
    host: Arc<Host>,
    tasks: Arc<Tasks>,
    began: Instant,
    is_kept: bool,
}

impl Drop for Trust {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let mut kept = self.host.kept();
        let is_this =
            |(shared, used): &(Connection, Instant)| Arc::ptr_eq(&shared.tasks, &self.tasks) && *used <= self.began;
        if kept.shared.as_ref().is_some_and(is_this) {
            kept.shared = None;
        }
    }
}

/// Whether a call is waiting for room at the moment.
#[derive(Default)]
pub(crate) struct Waiting(AtomicBool);

impl Waiting {
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    async fn room(&self, of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
        self.0.store(true, Ordering::Relaxed);
        let room = Arc::clone(of).acquire_owned().await.map_err(|_| Failure::Busy)?;
        self.0.store(false, Ordering::Relaxed);
        Ok(room)
    }
}

impl Pool {
    pub fn new(opener: Opener) -> Arc<Self> {
        Arc::new(Self {
            hosts: Mutex::default(),
            all: Arc::new(Semaphore::new(opener.options.connections.max(1))),
            idle: AtomicUsize::new(0),
            is_swept: AtomicBool::new(false),
            opener,
        })
    }

    pub fn opener(&self) -> &Opener {
        &self.opener
    }

    /// A connection to this destination; `fresh`: none that was idle.
    pub async fn lease(&self, to: &Destination, fresh: bool, waiting: &Waiting) -> Result<Lease, Failure> {
        let host = self.host(to);
        if host.shared().is_some() {
            let room = waiting.room(&host.streams).await?;
            let all = waiting.room(&self.all).await?;
            if let Some(connection) = host.shared() {
                return Ok(Lease::new(connection, true, host, [room, all]));
            }
        }
        let room = waiting.room(&host.room).await?;
        let all = waiting.room(&self.all).await?;
        if !fresh {
            while let Some(mut connection) = self.take_idle(&host) {
                if connection.is_ready().await {
                    return Ok(Lease::new(connection, true, host, [room, all]));
                }
            }
        }
        // Taken before anything waits.
        let may_be_shared = to.tls && !host.kept().is_one;
        let turn = match may_be_shared {
            true => Some(host.opening.lock().await),
            false => None,
        };
        if let Some(connection) = host.shared() {
            return Ok(Lease::new(connection, true, Arc::clone(&host), [room, all]));
        }
        let connection = self.opener.open(to).await?;
        {
            let mut kept = host.kept();
            kept.is_one = matches!(connection.sender, Sender::One(_));
            kept.shared = connection.share().map(|shared| (shared, Instant::now()));
        }
        drop(turn);
        Ok(Lease::new(connection, false, host, [room, all]))
    }

    /// Keeps the connection of a call that has read its answer to the end.
    pub fn keep(self: &Arc<Self>, lease: Lease) {
        let Lease { connection, mut trust, _room, .. } = lease;
        trust.is_kept = true;
        {
            let mut kept = trust.host.kept();
            if let Some((_, used)) = &mut kept.shared {
                *used = Instant::now();
            }
            let is_one = matches!(connection.sender, Sender::One(_));
            if is_one && connection.is_usable() && self.idle.load(Ordering::Relaxed) < MOST_IDLE {
                kept.idle.push((connection, Instant::now()));
                self.idle.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.sweep_later();
    }

    fn host(&self, to: &Destination) -> Arc<Host> {
        let mut hosts = locked(&self.hosts);
        if hosts.len() >= MANY_HOSTS {
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.has_any());
        }
        Arc::clone(hosts.entry(to.clone()).or_insert_with(|| {
            let options = &self.opener.options;
            Arc::new(Host {
                room: Arc::new(Semaphore::new(options.connections_per_host.max(1))),
                streams: Arc::new(Semaphore::new(options.streams_per_host.max(1))),
                opening: Turn::new(()),
                kept: Mutex::default(),
            })
        }))
    }

    fn take_idle(&self, host: &Host) -> Option<Connection> {
        let idle_time = self.opener.options.idle_time;
        let mut kept = host.kept();
        while let Some((connection, since)) = kept.idle.pop() {
            self.idle.fetch_sub(1, Ordering::Relaxed);
            if since.elapsed() < idle_time && connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Closes what nobody has used for a while, for as long as there is something.
    fn sweep_later(self: &Arc<Self>) {
        if self.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let sweeping = Sweeping(Arc::downgrade(self));
        tokio::spawn(async move {
            while let Some(pool) = sweeping.0.upgrade() {
                let pause = pool.opener.options.idle_time;
                drop(pool);
                sleep(pause).await;
                if !sweeping.0.upgrade().is_some_and(|pool| pool.sweep()) {
                    return;
                }
            }
        });
    }

    /// Whether anything is left.
    fn sweep(&self) -> bool {
        let idle_time = self.opener.options.idle_time;
        let mut hosts = locked(&self.hosts);
        for host in hosts.values() {
            let mut kept = host.kept();
            let before = kept.idle.len();
            kept.idle.retain(|(connection, since)| since.elapsed() < idle_time && connection.is_usable());
            self.idle.fetch_sub(before - kept.idle.len(), Ordering::Relaxed);
            let is_over = |(connection, used): &(Connection, Instant)| {
                let is_alone = Arc::strong_count(&connection.tasks) == 1;
                !connection.is_usable() || (is_alone && used.elapsed() >= SHARED_IDLE)
            };
            if kept.shared.as_ref().is_some_and(is_over) {
                kept.shared = None;
            }
        }
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.has_any());
        !hosts.is_empty()
    }
}

/// Another sweep can begin when this one has ended, also if its runtime has.
struct Sweeping(Weak<Pool>);

impl Drop for Sweeping {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.is_swept.store(false, Ordering::Release);
        }
    }
}

impl Host {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        locked(&self.kept)
    }

    fn has_any(&self) -> bool {
        let kept = self.kept();
        !kept.idle.is_empty() || kept.shared.is_some()
    }

    /// The shared connection, if there is one that takes calls.
    fn shared(&self) -> Option<Connection> {
        let mut kept = self.kept();
        if kept.shared.as_ref().is_some_and(|(connection, _)| !connection.is_usable()) {
            kept.shared = None;
        }
        kept.shared.as_ref().and_then(|(connection, _)| connection.share())
    }
}

impl Lease {
    fn new(connection: Connection, is_reused: bool, host: Arc<Host>, room: [OwnedSemaphorePermit; 2]) -> Self {
        let tasks = Arc::clone(&connection.tasks);
        let trust = Trust { host, tasks, began: Instant::now(), is_kept: false };
        Self { connection, is_reused, trust, _room: room }
    }

    /// Nobody else shall get this connection, because it has failed.
    pub fn discard(mut self) {
        self.trust.began = Instant::now();
    }

    /// Whether other calls use the connection, too.
    pub fn is_shared(&self) -> bool {
        matches!(self.connection.sender, Sender::Two(_))
    }
}

impl Connection {
    fn is_usable(&self) -> bool {
        let is_closed = match &self.sender {
            Sender::One(sender) => sender.is_closed(),
            Sender::Two(sender) => sender.is_closed(),
        };
        !is_closed && self.opened.elapsed() < OLDEST
    }

    /// Another handle of it, if calls can share it.
    fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::One(_) => None,
            Sender::Two(sender) => {
                Some(Self { sender: Sender::Two(sender.clone()), opened: self.opened, tasks: Arc::clone(&self.tasks) })
            }
        }
    }

    /// Whether it takes another call: its task may not have noticed yet that the answer before it was read.
    async fn is_ready(&mut self) -> bool {
        match &mut self.sender {
            Sender::One(sender) => {
                let soon = Duration::from_millis(100);
                tokio::time::timeout(soon, sender.ready()).await.is_ok_and(|ready| ready.is_ok())
            }
            Sender::Two(_) => true,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
