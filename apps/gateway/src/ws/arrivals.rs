//! What has arrived at a device: what was written to a socket has, once the client answers a ping that was sent after it.
//!
//! Each socket remembers how far each topic has been written and pings soon afterwards. The node notes what has arrived in
//! the background and at most a third of the time, so that senders never wait for it; what waits is put together.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::web::Bytes;
use clowder_core::{Ctx, Recorded, Result, Topic, UserId};
use clowder_infra::Store;
use futures_util::future::join_all;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{domains::DOMAINS, stop::Stop};

/// How long after a frame the client is asked whether it has arrived; what follows meanwhile is asked for together.
const ASK_AFTER: Duration = Duration::from_millis(500);
/// How many topics of a socket are remembered; a client that has been told of more says itself what has arrived.
const MOST_TOPICS: usize = 1_000;
/// How many notes wait; further ones are dropped, and made up for by the next of the same topic.
const ROOM: usize = 20_000;
/// How many are made at the same time: about as many as share a commit.
const AT_ONCE: usize = 32;
/// How many results are remembered, so that nothing is noted twice.
const KNOWN: usize = 100_000;
/// How long it is remembered that nothing is noted in a topic.
const NEVER_FOR: Duration = Duration::from_secs(600);

/// What a domain makes of an event that has arrived.
pub struct Arrivals {
    /// The name of the event.
    pub event: &'static str,
    /// Its number in its topic.
    pub number: fn(&Recorded) -> Option<i64>,
    /// Notes that the topic has arrived up to this number.
    pub note: for<'a> fn(&'a Store, &'a Ctx, Topic, i64) -> Noting<'a>,
}

pub type Noting<'a> = Pin<Box<dyn Future<Output = Result<Noted>> + Send + 'a>>;

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Everything up to here is noted.
    UpTo(i64),
    /// Nothing is noted in this topic.
    Never,
}

/// The number of a change, if it is one that arrives.
pub fn number(recorded: &Recorded) -> Option<i64> {
    let arrivals = DOMAINS.iter().filter_map(|domain| domain.arrivals).find(|known| *known.event == *recorded.name)?;
    (arrivals.number)(recorded)
}

/// What was written to one socket and has not been confirmed.
#[derive(Default)]
pub struct Unconfirmed {
    written: HashMap<Topic, i64>,
    since: Option<Instant>,
    /// What was written before the last ping.
    asked: HashMap<Topic, i64>,
    pings: u32,
}

impl Unconfirmed {
    /// A topic was written up to this number.
    pub fn wrote(&mut self, topic: Topic, number: i64) {
        if self.written.len() < MOST_TOPICS || self.written.contains_key(&topic) {
            self.written.insert(topic, number);
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// When the client should be asked. While an answer is awaited, nothing else is asked.
    pub fn due(&self) -> Option<Instant> {
        self.since.filter(|_| self.asked.is_empty()).map(|since| since + ASK_AFTER)
    }

    /// What to ping with.
    pub fn ask(&mut self) -> [u8; 4] {
        self.pings = self.pings.wrapping_add(1);
        for (topic, number) in std::mem::take(&mut self.written) {
            self.asked.insert(topic, number);
        }
        self.since = None;
        self.pings.to_be_bytes()
    }

    /// What has arrived, if this answers the last ping.
    pub fn answered(&mut self, pong: &Bytes) -> HashMap<Topic, i64> {
        if **pong == self.pings.to_be_bytes() { std::mem::take(&mut self.asked) } else { HashMap::new() }
    }
}

/// The notes that a node has to make.
#[derive(Default)]
pub struct Notes {
    queue: Mutex<Queue>,
    more: Notify,
}

type Place = (UserId, Topic);

#[derive(Default)]
struct Queue {
    waiting: HashMap<Place, (Ctx, i64)>,
    known: HashMap<Place, Known>,
}

enum Known {
    UpTo(i64),
    NeverUntil(Instant),
}

impl Queue {
    fn knows(&self, place: Place, number: i64) -> bool {
        match self.known.get(&place) {
            Some(Known::UpTo(known)) => *known >= number,
            Some(Known::NeverUntil(until)) => Instant::now() < *until,
            None => false,
        }
    }
}

impl Notes {
    /// A topic has arrived at somebody up to a number. It returns at once.
    pub fn add(&self, ctx: &Ctx, topic: Topic, number: i64) {
        let Ok(user) = ctx.user() else { return };
        let mut queue = self.lock();
        if queue.knows((user, topic), number) {
            return;
        }
        if let Some((_, waiting)) = queue.waiting.get_mut(&(user, topic)) {
            *waiting = number.max(*waiting);
        } else if queue.waiting.len() < ROOM {
            queue.waiting.insert((user, topic), (ctx.clone(), number));
        } else {
            metrics::counter!("clowder_arrivals_dropped_total").increment(1);
        }
        drop(queue);
        self.more.notify_one();
    }

    /// Makes notes until the server stops.
    pub async fn run(&self, store: &Store, stop: &mut Stop) {
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = self.more.notified() => {}
            }
            while !stop.is_stopping() {
                let some = self.take();
                if some.is_empty() {
                    break;
                }
                let began = Instant::now();
                join_all(some.into_iter().map(|(place, (ctx, number))| self.note(store, place, ctx, number))).await;
                sleep(2 * began.elapsed()).await;
            }
        }
    }

    fn take(&self) -> Vec<(Place, (Ctx, i64))> {
        let mut queue = self.lock();
        let places: Vec<_> = queue.waiting.keys().take(AT_ONCE).copied().collect();
        places.into_iter().filter_map(|place| Some((place, queue.waiting.remove(&place)?))).collect()
    }

    async fn note(&self, store: &Store, place: Place, ctx: Ctx, number: i64) {
        let (_, topic) = place;
        // Only one domain has events of a kind of topic that arrive.
        let Some(arrivals) = DOMAINS.iter().find_map(|domain| domain.arrivals) else { return };
        let known = match (arrivals.note)(store, &ctx, topic, number).await {
            Ok(Noted::UpTo(number)) => Known::UpTo(number),
            Ok(Noted::Never) => Known::NeverUntil(Instant::now() + NEVER_FOR),
            // The next one makes up for it.
            Err(error) => return tracing::debug!(%error, "what has arrived could not be noted"),
        };
        let mut queue = self.lock();
        if queue.known.len() >= KNOWN {
            queue.known.clear();
        }
        queue.known.insert(place, known);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Actor, Id, Role, Timestamp, TopicKind, Via};
    use serde_json::{json, value::to_raw_value};

    use super::*;

    fn recorded(topic: Topic, name: &str, seq: i64) -> Recorded {
        Recorded {
            stream: 0,
            position: seq,
            topic,
            name: name.into(),
            actor: None,
            subject: None,
            follow: None,
            at: Timestamp::from_micros(0),
            data: to_raw_value(&json!({"seq": seq})).unwrap().into(),
        }
    }

    #[test]
    fn what_was_written_before_a_ping_has_arrived_with_its_answer() {
        let now = Timestamp::from_micros(0);
        let chat = Topic::new(TopicKind::new("chat"), Id::<()>::new(now));
        let mut socket = Unconfirmed::default();
        assert!(socket.due().is_none(), "nothing has to arrive");
        assert_eq!(number(&recorded(chat, "message.sent", 7)), Some(7));
        assert_eq!(number(&recorded(chat, "message.read", 7)), None);
        socket.wrote(chat, 2);
        assert!(socket.due().is_some());
        let first = Bytes::copy_from_slice(&socket.ask());
        assert!(socket.due().is_none());
        socket.wrote(chat, 3);
        assert!(socket.due().is_none(), "one question at a time");
        assert!(socket.answered(&Bytes::from_static(b"x")).is_empty(), "it does not answer the question");
        assert_eq!(socket.answered(&first), HashMap::from([(chat, 2)]));
        assert!(socket.answered(&first).is_empty());
        assert!(socket.due().is_some(), "the third is still to be asked for");
        let second = Bytes::copy_from_slice(&socket.ask());
        let third = Bytes::copy_from_slice(&socket.ask());
        assert!(socket.answered(&second).is_empty(), "the last ping counts");
        assert_eq!(socket.answered(&third), HashMap::from([(chat, 3)]));
    }

    #[test]
    fn notes_are_put_together_and_not_made_twice() {
        let now = Timestamp::from_micros(0);
        let me: UserId = Id::new(now);
        let ctx = Ctx::new(Actor::User { id: me, via: Via::Session(Id::new(now)), role: Role::User }, now, "test");
        let chat = Topic::new(TopicKind::new("chat"), Id::<()>::new(now));
        let notes = Notes::default();
        notes.add(&ctx, chat, 3);
        notes.add(&ctx, chat, 2);
        let some = notes.take();
        assert_eq!(some.iter().map(|(place, (_, number))| (*place, *number)).collect::<Vec<_>>(), [((me, chat), 3)]);
        notes.lock().known.insert((me, chat), Known::UpTo(3));
        notes.add(&ctx, chat, 3);
        assert!(notes.take().is_empty());
        notes.add(&ctx, chat, 4);
        assert_eq!(notes.take().len(), 1);
        notes.lock().known.insert((me, chat), Known::NeverUntil(Instant::now() + NEVER_FOR));
        notes.add(&ctx, chat, 9);
        assert!(notes.take().is_empty());
    }
}
