//! Rates that all nodes over one database count together, in Redis: the generic cell rate algorithm (ITU-T I.371) as a
//! script, by the clock of Redis alone.
//!
//! One connection with a thread of its own sends together what has come in meanwhile. While Redis does not answer, the
//! caller learns that at once and counts for itself.

use std::{
    fmt::Display,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use clowder_core::Result;
use data_encoding::HEXLOWER;
use redis::{Connection, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    bus::{Backoff, start},
    keys::Keys,
    redis_way::RedisWay,
};

/// Counts one question; see the file for its keys, arguments and answer.
const SCRIPT: &str = include_str!("rates/count.lua");
/// How long each step of connecting may take.
const CONNECTING: Duration = Duration::from_secs(2);
/// After so long without a question, one of its own proves that Redis still counts.
const BEAT: Duration = Duration::from_secs(1);
/// How many questions may wait.
const WAITING: usize = 1024;
/// How many questions are sent at once.
const TOGETHER: usize = 256;

/// How fast units come back, and how many can be used at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time in which one unit comes back; at least a nanosecond.
    pub period: Duration,
    pub burst: NonZeroU32,
}

/// What to do with the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Takes all of them if they are there, or else none.
    Take,
    /// Takes them although they are not there, unless what is owed takes this long to come back already.
    Owe(Duration),
    /// Takes none.
    Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub taken: bool,
    /// The time until everything has come back.
    pub full_in: Duration,
}

/// What all nodes with the same secret and the same Redis have counted.
pub struct SharedRates {
    state: Arc<State>,
    queue: SyncSender<Question>,
    prefix: String,
    patience: Duration,
}

struct Question {
    key: String,
    ask: Ask,
    rate: Rate,
    units: u32,
    answer: oneshot::Sender<Counted>,
}

impl SharedRates {
    /// Connects in the background, and again whenever the connection is lost. A caller waits no longer than `patience`.
    pub fn start(url: &str, keys: &Keys, patience: Duration) -> Result<Self> {
        let way = RedisWay::parse(url)?;
        // Several databases may share one Redis. Braces name the slot in a Cluster: there, one node has all of them.
        let prefix = format!("{{clowder:rates:{}}}:", HEXLOWER.encode(&keys.fingerprint(&[b"rates"])[..8]));
        let state = State::new();
        let (queue, queued) = sync_channel(WAITING);
        let node = Node { state: Arc::clone(&state), way, probe: format!("{prefix}probe"), patience };
        start("redis-rates", move || node.run(&queued))?;
        Ok(Self { state, queue, prefix, patience })
    }

    /// `None` if Redis does not answer.
    pub async fn count(&self, ask: Ask, who: &str, rate: Rate, units: u32) -> Option<Counted> {
        if !self.works() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let key = format!("{}{who}", self.prefix);
        self.queue.try_send(Question { key, ask, rate, units, answer }).ok()?;
        let Ok(answered) = timeout(self.patience, answered).await else {
            self.state.failed(&format_args!("no answer within {} ms", self.patience.as_millis()));
            return None;
        };
        answered.ok()
    }

    /// What the names of its keys begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether Redis counts right now.
    pub fn works(&self) -> bool {
        self.state.works.load(Ordering::Relaxed)
    }
}

struct State {
    works: AtomicBool,
    /// Whether it was already said that it does not work.
    told: AtomicBool,
}

impl State {
    fn new() -> Arc<Self> {
        metrics::gauge!("clowder_limits_shared").set(0.0);
        Arc::new(Self { works: AtomicBool::new(false), told: AtomicBool::new(false) })
    }

    fn connected(&self) {
        self.works.store(true, Ordering::Relaxed);
        metrics::gauge!("clowder_limits_shared").set(1.0);
        let was_down = self.told.swap(false, Ordering::Relaxed);
        tracing::info!(was_down, "rate limits are counted in Redis, by all nodes together");
    }

    /// It is said once, until it works again.
    fn failed(&self, error: &dyn Display) {
        self.works.store(false, Ordering::Relaxed);
        metrics::gauge!("clowder_limits_shared").set(0.0);
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "Redis counts no rate limits; this node counts for itself");
        }
    }
}

/// What the thread needs.
struct Node {
    state: Arc<State>,
    way: RedisWay,
    probe: String,
    patience: Duration,
}

impl Node {
    /// Answers until the owner is gone.
    fn run(&self, queue: &Receiver<Question>) {
        let mut backoff = Backoff::new();
        while let Err(error) = self.work(queue, &mut backoff) {
            self.state.failed(&error);
            // Whoever asks meanwhile learns at once that nobody answers.
            let until = Instant::now() + backoff.failed();
            loop {
                match queue.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(question) => drop(question),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    /// Answers until the connection fails, or the owner is gone.
    fn work(&self, queue: &Receiver<Question>, backoff: &mut Backoff) -> RedisResult<()> {
        let conn = self.way.connect_to(&self.probe, CONNECTING)?;
        conn.set_read_timeout(Some(self.patience))?;
        conn.set_write_timeout(Some(self.patience))?;
        let mut script = Script::load(conn)?;
        // Nobody waits for this one: a Redis that is slow, full or read-only is found out before it is asked.
        script.answer(vec![self.question()])?;
        self.state.connected();
        loop {
            let mut questions = match queue.recv_timeout(BEAT) {
                Ok(question) => vec![question],
                Err(RecvTimeoutError::Timeout) => vec![self.question()],
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            questions.extend(queue.try_iter().take(TOGETHER - 1));
            script.answer(questions)?;
            if !self.state.works.load(Ordering::Relaxed) {
                return Err(unexpected("it was too slow"));
            }
            backoff.succeeded();
        }
    }

    /// A question of its own. It takes a unit, since a Redis that can only read counts nothing.
    fn question(&self) -> Question {
        let rate = Rate { period: Duration::from_millis(1), burst: NonZeroU32::MAX };
        Question { key: self.probe.clone(), ask: Ask::Take, rate, units: 1, answer: oneshot::channel().0 }
    }
}

/// A connection, and the name under which Redis knows the script.
struct Script {
    conn: Connection,
    name: String,
}

impl Script {
    fn load(mut conn: Connection) -> RedisResult<Self> {
        let name = cmd("SCRIPT").arg("LOAD").arg(SCRIPT).query(&mut conn)?;
        Ok(Self { conn, name })
    }

    fn answer(&mut self, questions: Vec<Question>) -> RedisResult<()> {
        let unknown = self.send(questions)?;
        if unknown.is_empty() {
            return Ok(());
        }
        // Another Redis has taken over, or somebody removed the scripts.
        self.name = cmd("SCRIPT").arg("LOAD").arg(SCRIPT).query(&mut self.conn)?;
        match self.send(unknown)?.as_slice() {
            [] => Ok(()),
            [..] => Err(unexpected("it does not keep the script")),
        }
    }

    /// Returns the questions for which Redis does not know the script.
    fn send(&mut self, questions: Vec<Question>) -> RedisResult<Vec<Question>> {
        let mut packed = Vec::new();
        questions.iter().for_each(|question| question.pack(&self.name, &mut packed));
        self.conn.send_packed_command(&packed)?;
        let mut unknown = Vec::new();
        for question in questions {
            match self.conn.recv_response()? {
                Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript) => unknown.push(question),
                value => {
                    let counted = counted(value.extract_error()?)?;
                    // The caller may be gone.
                    let _ = question.answer.send(counted);
                }
            }
        }
        Ok(unknown)
    }
}

impl Question {
    fn pack(&self, script: &str, into: &mut Vec<u8>) {
        let (ask, most_owed) = match self.ask {
            Ask::Take => ("take", Duration::ZERO),
            Ask::Owe(most) => ("owe", most),
            Ask::Look => ("look", Duration::ZERO),
        };
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let Rate { period, burst } = self.rate;
        let mut evaluate = cmd("EVALSHA");
        evaluate.arg(script).arg(1).arg(&self.key).arg(ask).arg(nanos(period)).arg(burst.get()).arg(self.units);
        evaluate.arg(nanos(most_owed)).write_packed_command(into);
    }
}

fn counted(value: Value) -> RedisResult<Counted> {
    match value {
        Value::Array(parts) => match parts.as_slice() {
            [Value::Int(taken), Value::Int(nanos)] => {
                let full_in = Duration::from_nanos(u64::try_from(*nanos).unwrap_or(0));
                Ok(Counted { taken: *taken == 1, full_in })
            }
            _ => Err(unexpected("it answers something else")),
        },
        _ => Err(unexpected("it answers something else")),
    }
}

fn unexpected(what: &'static str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, what).into()
}
