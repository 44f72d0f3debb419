//! What the processes over one database tell each other through a [`Bus`], and its adapters.
//!
//! A message names the process that sent it, which does not hear itself, and the journal that it is about: several
//! databases may share one Redis.

mod in_process;
mod postgres;
mod redis;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use clowder_core::{Bus, Error, Result, bus::Hear};
use uuid::Uuid;

pub use self::{in_process::InProcess, postgres::PostgresBus, redis::RedisBus};

/// The name under which messages go through Redis and PostgreSQL.
const CHANNEL: &str = "clowder";
/// How many messages may wait until they are published.
const WAITING: usize = 1024;
/// After so long without anything to publish, an empty message proves that messages arrive.
const BEAT: Duration = Duration::from_secs(5);
/// After so long without any message, the connection is dead.
const SILENT: Duration = Duration::from_secs(15);
/// Hints are collected for so long before they are published.
const COLLECTED: Duration = Duration::from_millis(5);
/// The subject of hints: `stream:position,…`.
const JOURNAL: &str = "journal";

/// The subject of canaries, which their sender alone hears: `stream:position`.
const CANARY: &str = "canary";

/// The highest known position of some streams.
pub type Reached = BTreeMap<usize, i64>;

/// The place of this process on the bus. Until it has joined, nothing is published and nothing is heard.
#[derive(Default)]
pub struct Exchange {
    joined: OnceLock<Joined>,
    heard: RwLock<Vec<(&'static str, HearNode)>>,
    /// What hears this process's own canaries.
    canaries: RwLock<Vec<HearCanary>>,
    /// Which journal this process works with.
    epoch: Mutex<Uuid>,
    /// What is committed here and not published yet.
    reached: Mutex<Reached>,
}

/// Is called with where in the journal a canary is.
pub type HearCanary = Box<dyn Fn(&Reached) + Send + Sync>;

/// Is called with the name of a node and what it says.
pub type HearNode = Box<dyn Fn(Uuid, &str) + Send + Sync>;

struct Joined {
    node: Uuid,
    bus: Arc<dyn Bus>,
    /// Wakes the thread that publishes hints.
    wake: SyncSender<()>,
}

impl Exchange {
    /// Joins the other processes over the same journal. A process can do that once.
    pub fn join(self: &Arc<Self>, bus: Arc<dyn Bus>, epoch: Uuid) -> Result<()> {
        let mut node = [0; 16];
        getrandom::fill(&mut node).map_err(|error| Error::internal(format!("no randomness: {error}")))?;
        self.renew(epoch);
        let (wake, woken) = sync_channel(1);
        let joined = Joined { node: Uuid::from_bytes(node), bus: Arc::clone(&bus), wake };
        self.joined.set(joined).map_err(|_| Error::internal("this process has joined a bus already"))?;
        let here = Arc::downgrade(self);
        bus.subscribe(Box::new(move |message| {
            if let Some(here) = here.upgrade() {
                here.hear(message);
            }
        }));
        let here = Arc::downgrade(self);
        start("bus-hints", move || {
            while woken.recv().is_ok() {
                let Some(here) = here.upgrade() else { return };
                let hints = write_hints(&std::mem::take(&mut *lock(&here.reached)));
                here.publish(JOURNAL, &hints);
                drop(here);
                pause(COLLECTED);
            }
        })
    }

    /// The journal is another one.
    pub fn renew(&self, epoch: Uuid) {
        *lock(&self.epoch) = epoch;
    }

    /// Tells the others, at most once.
    pub fn publish(&self, subject: &'static str, body: &str) {
        if let Some(joined) = self.joined.get() {
            let epoch = *lock(&self.epoch);
            joined.bus.publish(format!("{} {epoch} {subject} {body}", joined.node));
        }
    }

    /// Calls `hear` with each message of another process about this subject.
    pub fn subscribe(&self, subject: &'static str, hear: Hear) {
        self.subscribe_to_nodes(subject, Box::new(move |_, body| hear(body)));
    }

    /// The same, and `hear` learns which process it was.
    pub fn subscribe_to_nodes(&self, subject: &'static str, hear: HearNode) {
        self.heard.write().unwrap_or_else(PoisonError::into_inner).push((subject, hear));
    }

    /// Hears hints: how far the journal reaches, as another process says. It may be wrong.
    pub fn hear_hints(&self, hear: impl Fn(Reached) + Send + Sync + 'static) {
        self.subscribe(JOURNAL, Box::new(move |body| hear(read_hints(body))));
    }

    /// Sends a canary that is at this position of a stream around, so that this process hears of it as of a change of
    /// another one.
    pub fn send_canary(&self, stream: usize, position: i64) {
        self.publish(CANARY, &write_hints(&Reached::from([(stream, position)])));
    }

    /// Calls `hear` with each canary of this process that comes back.
    pub fn hear_canaries(&self, hear: HearCanary) {
        self.canaries.write().unwrap_or_else(PoisonError::into_inner).push(hear);
    }

    /// These positions are committed here. Soon the others are told, with all that follow until then.
    pub fn hint(&self, positions: impl IntoIterator<Item = (usize, i64)>) {
        let Some(joined) = self.joined.get() else { return };
        let mut reached = lock(&self.reached);
        for (stream, position) in positions {
            let held = reached.entry(stream).or_insert(position);
            *held = position.max(*held);
        }
        drop(reached);
        // If it is woken already, it publishes these, too.
        let _ = joined.wake.try_send(());
    }

    /// What messages go through, and whether they arrive right now; `None` if this process has not joined.
    pub fn state(&self) -> Option<(&'static str, bool)> {
        self.joined.get().map(|joined| (joined.bus.name(), joined.bus.works()))
    }

    /// The name of this process, if it has joined.
    pub fn node(&self) -> Option<Uuid> {
        self.joined.get().map(|joined| joined.node)
    }

    fn hear(&self, message: &str) {
        let Some(joined) = self.joined.get() else { return };
        let mut parts = message.splitn(4, ' ');
        let mut next = || parts.next();
        let (Some(node), Some(epoch), Some(subject), Some(body)) = (next(), next(), next(), next()) else { return };
        let (Ok(node), epoch) = (node.parse::<Uuid>(), epoch.parse::<Uuid>().ok()) else { return };
        if epoch != Some(*lock(&self.epoch)) {
            return;
        }
        if node == joined.node {
            if subject == CANARY {
                let reached = read_hints(body);
                let heard = self.canaries.read().unwrap_or_else(PoisonError::into_inner);
                heard.iter().for_each(|hear| hear(&reached));
            }
            return;
        }
        metrics::counter!("clowder_bus_heard_total").increment(1);
        let heard = self.heard.read().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|(about, _)| *about == subject).for_each(|(_, hear)| hear(node, body));
    }
}

fn write_hints(reached: &Reached) -> String {
    reached.iter().map(|(stream, position)| format!("{stream}:{position}")).collect::<Vec<_>>().join(",")
}

/// Whatever cannot be read is left out.
fn read_hints(body: &str) -> Reached {
    let pairs = body.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.filter_map(|(stream, position)| Some((stream.parse().ok()?, position.parse().ok()?))).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|error| Error::internal(format!("cannot start a thread: {error}")))
}

#[expect(clippy::disallowed_methods, reason = "a thread that does nothing else")]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// What the threads of an adapter share with its owner.
struct Shared {
    name: &'static str,
    heard: RwLock<Vec<Hear>>,
    works: AtomicBool,
    /// Whether it was already said that it does not work.
    told: AtomicBool,
}

impl Shared {
    fn new(name: &'static str) -> Arc<Self> {
        metrics::gauge!("clowder_bus_works", "bus" => name).set(0.0);
        let (works, told) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { name, heard: RwLock::default(), works, told })
    }

    fn subscribe(&self, hear: Hear) {
        self.heard.write().unwrap_or_else(PoisonError::into_inner).push(hear);
    }

    fn hear(&self, message: &str) {
        self.heard.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hear| hear(message));
    }

    fn works(&self) -> bool {
        self.works.load(Ordering::Relaxed)
    }

    /// Messages arrive.
    fn connected(&self) {
        if !self.works.swap(true, Ordering::Relaxed) {
            metrics::gauge!("clowder_bus_works", "bus" => self.name).set(1.0);
            let was_down = self.told.swap(false, Ordering::Relaxed);
            tracing::info!(bus = self.name, was_down, "other nodes are heard through the bus");
        }
    }

    /// It is said once, until it works again.
    fn failed(&self, error: &dyn std::fmt::Display) {
        metrics::gauge!("clowder_bus_works", "bus" => self.name).set(0.0);
        self.works.store(false, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(bus = self.name, %error, "the bus does not work; changes of other nodes come with the next poll");
        }
    }
}

/// Offers a message to the thread that publishes.
fn offer(queue: &SyncSender<String>, message: String, most: usize) {
    if message.len() > most || queue.try_send(message).is_err_and(|error| matches!(error, TrySendError::Full(_))) {
        drop_one();
    }
}

fn drop_one() {
    metrics::counter!("clowder_bus_dropped_total").increment(1);
}

/// When to try again after failures: later each time, and not all nodes at once.
pub(crate) struct Backoff {
    failures: u32,
    again: Instant,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { failures: 0, again: Instant::now() }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.again
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Returns how long to wait: 50 ms at first, two seconds at most, and of that a random part.
    pub(crate) fn failed(&mut self) -> Duration {
        let most = Duration::from_millis(50).saturating_mul(1 << self.failures.min(6)).min(Duration::from_secs(2));
        self.failures += 1;
        let mut random = [0];
        let _ = getrandom::fill(&mut random);
        let wait = most / 2 + most.mul_f64(f64::from(random[0]) / 512.0);
        self.again = Instant::now() + wait;
        wait
    }
}

/// Drops what is offered until it is time to try again. Returns whether the owner is still there.
fn wait(queue: &Receiver<String>, time: Duration) -> bool {
    use std::sync::mpsc::RecvTimeoutError;
    let until = Instant::now() + time;
    loop {
        match queue.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(_) => drop_one(),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> [Arc<Exchange>; 2] {
        let bus: Arc<dyn Bus> = Arc::new(InProcess::default());
        [(); 2].map(|()| {
            let exchange = Arc::<Exchange>::default();
            exchange.join(Arc::clone(&bus), Uuid::from_u128(1)).unwrap();
            exchange
        })
    }

    fn said(exchange: &Exchange) -> Arc<Mutex<Vec<String>>> {
        let said = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&said);
        exchange.subscribe("words", Box::new(move |body| lock(&heard).push(body.to_owned())));
        said
    }

    #[test]
    fn everybody_but_the_sender_hears_what_is_about_the_same_journal() {
        let [here, there] = two();
        let (own, others) = (said(&here), said(&there));
        here.publish("words", "one two");
        here.publish("others", "three");
        there.renew(Uuid::from_u128(2));
        here.publish("words", "lost");
        here.renew(Uuid::from_u128(2));
        here.publish("words", "");
        assert_eq!((lock(&own).len(), lock(&others).as_slice()), (0, &["one two".to_owned(), String::new()][..]));
        let canaries = Arc::<Mutex<Vec<Reached>>>::default();
        for exchange in [&here, &there] {
            let heard = Arc::clone(&canaries);
            exchange.hear_canaries(Box::new(move |reached| lock(&heard).push(reached.clone())));
        }
        here.send_canary(3, 7);
        assert_eq!(lock(&canaries).as_slice(), [Reached::from([(3, 7)])], "its own canary comes back to it alone");
        for wrong in ["", "a", "a b c d", "   ", "\0"] {
            there.hear(wrong);
        }
        assert_eq!(lock(&others).len(), 2);
    }

    #[test]
    fn hints_are_collected_and_what_cannot_be_read_is_left_out() {
        assert_eq!(read_hints("3:7,x:1,4:y,5,:,6:-1"), Reached::from([(3, 7), (6, -1)]));
        let [here, there] = two();
        let (sender, hints) = std::sync::mpsc::channel();
        there.hear_hints(move |reached| sender.send(reached).unwrap());
        for position in 1..=1000 {
            here.hint([(1, position), (2, 7)]);
        }
        let mut heard = Vec::new();
        while heard.last() != Some(&Some(1000)) {
            heard.push(hints.recv_timeout(Duration::from_secs(10)).unwrap().get(&1).copied());
        }
        assert!(heard.len() < 500 && heard.is_sorted(), "{heard:?}");
    }

    #[test]
    fn tries_become_rarer_up_to_two_seconds() {
        let mut backoff = Backoff::new();
        assert!(backoff.is_over());
        let waits: Vec<_> = (0..20).map(|_| backoff.failed()).collect();
        assert!(waits[0] <= Duration::from_millis(50) && !backoff.is_over());
        assert!(waits[10..].iter().all(|wait| (1000..=2000).contains(&wait.as_millis())), "{waits:?}");
    }
}
