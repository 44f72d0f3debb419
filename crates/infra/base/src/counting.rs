//! What all nodes over one database count together, in Redis: by scripts, and by the clock of Redis alone.
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
    rates::{Ask, Rate},
    redis_way::RedisWay,
};

/// How long each step of connecting may take.
const CONNECTING: Duration = Duration::from_secs(2);
/// After so long without a question, one of its own proves that Redis still counts.
const BEAT: Duration = Duration::from_secs(1);
/// How many questions may wait.
const WAITING: usize = 1024;
/// How many questions are sent at once.
const TOGETHER: usize = 256;

/// See the files for their keys, arguments and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Rates,
    Sockets,
}

impl Script {
    const ALL: [Self; 2] = [Self::Rates, Self::Sockets];

    const fn text(self) -> &'static str {
        match self {
            Self::Rates => include_str!("counting/rates.lua"),
            Self::Sockets => include_str!("counting/sockets.lua"),
        }
    }
}

/// What a script answers: whether it was done, and a number.
pub(crate) type Counted = (bool, u64);

/// A Redis in which all nodes with the same secret count.
pub struct Counting {
    state: Arc<State>,
    queue: SyncSender<Question>,
    /// What the names of all keys begin with.
    prefix: String,
    patience: Duration,
}

struct Question {
    script: Script,
    key: String,
    args: Vec<String>,
    answer: oneshot::Sender<Counted>,
}

impl Counting {
    /// Connects in the background, and again whenever the connection is lost. A caller waits no longer than `patience`.
    pub fn start(url: &str, keys: &Keys, patience: Duration) -> Result<Self> {
        let way = RedisWay::parse(url)?;
        // Several databases may share one Redis. Braces name the slot in a Cluster: there, one node has all of them.
        let prefix = format!("{{clowder:{}}}:", HEXLOWER.encode(&keys.fingerprint(&[b"rates"])[..8]));
        let state = State::new();
        let (queue, queued) = sync_channel(WAITING);
        let node = Node { state: Arc::clone(&state), way, probe: format!("{prefix}probe"), patience };
        start("redis-counts", move || node.run(&queued))?;
        Ok(Self { state, queue, prefix, patience })
    }

    /// What the names of keys of a kind begin with.
    pub(crate) fn prefix(&self, kind: &str) -> String {
        format!("{}{kind}:", self.prefix)
    }

    /// Asks at once, so that questions keep their order; `None` if Redis does not answer.
    pub(crate) fn ask(
        &self,
        script: Script,
        key: String,
        args: Vec<String>,
    ) -> impl Future<Output = Option<Counted>> + use<> {
        let (answer, answered) = oneshot::channel();
        let question = Question { script, key, args, answer };
        let asked = self.works() && self.queue.try_send(question).is_ok();
        let (state, patience) = (Arc::clone(&self.state), self.patience);
        async move {
            if !asked {
                return None;
            }
            let Ok(answered) = timeout(patience, answered).await else {
                state.failed(&format_args!("no answer within {} ms", patience.as_millis()));
                return None;
            };
            answered.ok()
        }
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
        tracing::info!(was_down, "rate limits and sockets are counted in Redis, by all nodes together");
    }

    /// It is said once, until it works again.
    fn failed(&self, error: &dyn Display) {
        self.works.store(false, Ordering::Relaxed);
        metrics::gauge!("clowder_limits_shared").set(0.0);
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "Redis counts neither rate limits nor sockets; this node counts for itself");
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
        let mut scripts = Scripts::load(conn)?;
        // Nobody waits for this one: a Redis that is slow, full or read-only is found out before it is asked.
        scripts.answer(vec![self.question()])?;
        self.state.connected();
        loop {
            let mut questions = match queue.recv_timeout(BEAT) {
                Ok(question) => vec![question],
                Err(RecvTimeoutError::Timeout) => vec![self.question()],
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            questions.extend(queue.try_iter().take(TOGETHER - 1));
            scripts.answer(questions)?;
            if !self.state.works.load(Ordering::Relaxed) {
                return Err(unexpected("it was too slow"));
            }
            backoff.succeeded();
        }
    }

    /// A question of its own. It takes a unit, since a Redis that can only read counts nothing.
    fn question(&self) -> Question {
        let rate = Rate { period: Duration::from_millis(1), burst: NonZeroU32::MAX };
        let args = rate.arguments(Ask::Take, 1);
        Question { script: Script::Rates, key: self.probe.clone(), args, answer: oneshot::channel().0 }
    }
}

/// A connection, and the names under which Redis knows the scripts.
struct Scripts {
    conn: Connection,
    names: [String; Script::ALL.len()],
}

impl Scripts {
    fn load(conn: Connection) -> RedisResult<Self> {
        let mut scripts = Self { conn, names: Default::default() };
        scripts.load_again()?;
        Ok(scripts)
    }

    fn load_again(&mut self) -> RedisResult<()> {
        for (name, script) in self.names.iter_mut().zip(Script::ALL) {
            *name = cmd("SCRIPT").arg("LOAD").arg(script.text()).query(&mut self.conn)?;
        }
        Ok(())
    }

    fn answer(&mut self, questions: Vec<Question>) -> RedisResult<()> {
        let unknown = self.send(questions)?;
        if unknown.is_empty() {
            return Ok(());
        }
        // Another Redis has taken over, or somebody removed the scripts.
        self.load_again()?;
        match self.send(unknown)?.as_slice() {
            [] => Ok(()),
            [..] => Err(unexpected("it does not keep the scripts")),
        }
    }

    /// Returns the questions for which Redis does not know the script.
    fn send(&mut self, questions: Vec<Question>) -> RedisResult<Vec<Question>> {
        let mut packed = Vec::new();
        for Question { script, key, args, .. } in &questions {
            let mut evaluate = cmd("EVALSHA");
            evaluate.arg(&self.names[*script as usize]).arg(1).arg(key).arg(args);
            evaluate.write_packed_command(&mut packed);
        }
        self.conn.send_packed_command(&packed)?;
        let (mut unknown, mut foreign) = (Vec::new(), Vec::new());
        for question in questions {
            match self.conn.recv_response()? {
                Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript) => unknown.push(question),
                // Somebody else has put something at this place. It is nobody's count, and concerns no other question.
                Value::ServerError(error) if error.code() == "WRONGTYPE" => foreign.push(question.key),
                value => {
                    let counted = counted(value.extract_error()?)?;
                    // The caller may be gone.
                    let _ = question.answer.send(counted);
                }
            }
        }
        for key in foreign {
            cmd("DEL").arg(key).exec(&mut self.conn)?;
        }
        Ok(unknown)
    }
}

fn counted(value: Value) -> RedisResult<Counted> {
    match value {
        Value::Array(parts) => match parts.as_slice() {
            [Value::Int(done), Value::Int(number)] => Ok((*done == 1, u64::try_from(*number).unwrap_or(0))),
            _ => Err(unexpected("it answers something else")),
        },
        _ => Err(unexpected("it answers something else")),
    }
}

fn unexpected(what: &'static str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, what).into()
}
