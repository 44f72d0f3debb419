//! The bus through Redis: one connection publishes and one is subscribed, each with a thread of its own.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    time::{Duration, Instant},
};

use clowder_core::{Bus, Result, bus::Hear};
use redis::{Connection, RedisError, RedisResult};

use super::{BEAT, Backoff, CHANNEL, SILENT, Shared, WAITING, drop_one, offer, start};
use crate::redis_way::RedisWay;

/// How long connecting, writing, or an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the listening thread looks whether its owner is gone.
const LOOK: Duration = Duration::from_secs(1);
/// Larger messages are dropped.
const LARGEST: usize = 64 * 1024;

pub struct RedisBus {
    shared: Arc<Shared>,
    queue: SyncSender<String>,
    /// Closed with the bus, so that the listening thread ends.
    _listening: SyncSender<()>,
}

impl RedisBus {
    /// Connects in the background, and again whenever a connection is lost.
    pub fn start(url: &str) -> Result<Self> {
        let way = Arc::new(RedisWay::parse(url)?);
        let shared = Shared::new("redis");
        let (queue, queued) = sync_channel(WAITING);
        let (listening, ended) = sync_channel(1);
        let (publishing, publisher) = (Arc::clone(&shared), Arc::clone(&way));
        start("redis-publish", move || publish(&publishing, &publisher, &queued))?;
        let subscribed = Arc::clone(&shared);
        start("redis-listen", move || listen(&subscribed, &way, &ended))?;
        Ok(Self { shared, queue, _listening: listening })
    }
}

impl Bus for RedisBus {
    fn publish(&self, message: String) {
        offer(&self.queue, message, LARGEST);
    }

    fn subscribe(&self, hear: Hear) {
        self.shared.subscribe(hear);
    }

    fn name(&self) -> &'static str {
        self.shared.name
    }

    fn works(&self) -> bool {
        self.shared.works()
    }
}

/// Publishes until the owner is gone. While there is no connection, messages are dropped: they would arrive too late.
fn publish(shared: &Shared, way: &RedisWay, queue: &Receiver<String>) {
    let (mut conn, mut backoff) = (None, Backoff::new());
    loop {
        let message = match queue.recv_timeout(BEAT) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => String::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // A connection that was closed while it was idle is replaced at once.
        let had_one = conn.is_some();
        let mut sent = send(way, &mut conn, &backoff, &message);
        if had_one && sent.is_err() {
            sent = send(way, &mut conn, &backoff, &message);
        }
        match sent {
            Ok(true) => backoff.succeeded(),
            Ok(false) => drop_one(),
            Err(error) => {
                drop_one();
                backoff.failed();
                shared.failed(&error);
            }
        }
    }
}

/// Returns false if it is too early to connect again.
fn send(way: &RedisWay, conn: &mut Option<Connection>, backoff: &Backoff, message: &str) -> RedisResult<bool> {
    let mut open = match conn.take() {
        Some(open) => open,
        None if backoff.is_over() => way.connect(PATIENCE)?,
        None => return Ok(false),
    };
    redis::cmd("PUBLISH").arg(CHANNEL).arg(message).exec(&mut open)?;
    *conn = Some(open);
    Ok(true)
}

/// Listens until the owner is gone.
fn listen(shared: &Shared, way: &RedisWay, ended: &Receiver<()>) {
    let mut backoff = Backoff::new();
    loop {
        let Err(error) = subscribed(shared, way, ended, &mut backoff) else { return };
        shared.failed(&error);
        if !matches!(ended.recv_timeout(backoff.failed()), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

/// Hears messages until the connection fails.
fn subscribed(shared: &Shared, way: &RedisWay, ended: &Receiver<()>, backoff: &mut Backoff) -> RedisResult<()> {
    let mut conn = way.connect(PATIENCE)?;
    let mut messages = conn.as_pubsub();
    messages.subscribe(CHANNEL)?;
    messages.set_read_timeout(Some(LOOK))?;
    shared.connected();
    backoff.succeeded();
    let mut heard_at = Instant::now();
    while matches!(ended.try_recv(), Err(TryRecvError::Empty)) {
        match messages.get_message() {
            Ok(message) => {
                heard_at = Instant::now();
                // Also after the other connection has failed.
                shared.connected();
                if let Ok(text) = message.get_payload::<String>() {
                    shared.hear(&text);
                }
            }
            Err(error) if error.is_timeout() && heard_at.elapsed() < SILENT => {}
            Err(error) => return Err(error),
        }
    }
    Ok::<(), RedisError>(())
}
