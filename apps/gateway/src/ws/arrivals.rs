//! What has arrived at a device: what was written to a socket has, once the client answers a ping that was sent after it.
//!
//! Each socket remembers how far each topic has been written and pings soon afterwards. The node notes what has arrived in
//! the background and at most a third of the time, so that senders never wait for it; what waits is put together.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use actix_web::web::Bytes;
use clowder_core::{Ctx, Recorded, Result, Topic, UserId};
use clowder_infra::Store;
use futures_util::future::join_all;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::{domains::DOMAINS, stop::Stop};

/// How long after a frame the client is asked whether it has arrived; what follows meanwhile is asked for together.
const ASK_AFTER: Duration = Duration::from_millis(500);
/// How many topics of a socket are remembered; a client that has been told of more says itself what has arrived.
const MOST_TOPICS: usize = 1_000;
/// How many notes wait; further ones are dropped, and made up for by the next of the same person and topic.
const ROOM: usize = 20_000;
/// How many are made at the same time: about as many as share a commit.
const AT_ONCE: usize = 32;
/// How many results are remembered, so that nothing is noted twice.
const KNOWN: usize = 100_000;
/// How many topics are remembered in which nothing is noted.
const UNNOTED: usize = 10_000;
/// How long this is remembered: about as long as between two heartbeats, which ping anyway.
const UNNOTED_FOR: Duration = Duration::from_secs(30);
/// How long notes are still made when the server stops.
const LAST_WITHIN: Duration = Duration::from_secs(2);

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
    /// The topics in which nothing is noted, and until when that is remembered. Each delivery asks here.
    unnoted: RwLock<HashMap<Topic, Instant>>,
    more: Notify,
}

type Place = (UserId, Topic);

#[derive(Clone)]
struct Note {
    ctx: Ctx,
    number: i64,
    /// Whether it has failed before.
    again: bool,
}

#[derive(Default)]
struct Queue {
    waiting: HashMap<Place, Note>,
    /// In the order in which they came.
    order: VecDeque<Place>,
    /// Up to which number each was noted.
    known: HashMap<Place, i64>,
}

impl Queue {
    fn add(&mut self, place: Place, note: Note) {
        if self.known.get(&place).is_some_and(|known| *known >= note.number) {
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&place) {
            if note.number > waiting.number {
                // With its time, so that nothing arrives before it was sent.
                *waiting = note;
            }
        } else if self.waiting.len() < ROOM {
            self.waiting.insert(place, note);
            self.order.push_back(place);
        } else {
            metrics::counter!("clowder_arrivals_dropped_total").increment(1);
        }
    }

    fn take(&mut self) -> Vec<(Place, Note)> {
        let places: Vec<_> = self.order.drain(..AT_ONCE.min(self.order.len())).collect();
        places.into_iter().filter_map(|place| Some((place, self.waiting.remove(&place)?))).collect()
    }

    /// Takes a topic out.
    fn drop_topic(&mut self, topic: Topic) {
        self.waiting.retain(|(_, waiting), _| *waiting != topic);
        self.order.retain(|(_, waiting)| *waiting != topic);
    }
}

impl Notes {
    /// Whether it is known that nothing is noted in a topic, so that nobody has to be asked.
    pub fn is_unnoted(&self, topic: Topic) -> bool {
        let unnoted = self.unnoted.read().unwrap_or_else(PoisonError::into_inner);
        unnoted.get(&topic).is_some_and(|until| Instant::now() < *until)
    }

    /// A topic has arrived at somebody up to a number. It returns at once.
    pub fn add(&self, ctx: &Ctx, topic: Topic, number: i64) {
        let Ok(user) = ctx.user() else { return };
        if self.is_unnoted(topic) {
            return;
        }
        self.lock().add((user, topic), Note { ctx: ctx.clone(), number, again: false });
        self.more.notify_one();
    }

    /// Makes notes until the server stops, and then those that wait, if they do not take long.
    pub async fn run(&self, store: &Store, stop: &mut Stop) {
        loop {
            tokio::select! {
                () = stop.wait() => break,
                () = self.more.notified() => {}
            }
            while !stop.is_stopping() {
                let began = Instant::now();
                if !self.make_some(store).await {
                    break;
                }
                tokio::select! {
                    () = stop.wait() => break,
                    () = sleep(2 * began.elapsed()) => {}
                }
            }
        }
        let rest = async { while self.make_some(store).await {} };
        if timeout(LAST_WITHIN, rest).await.is_err() {
            tracing::debug!("the server stops before everything that has arrived was noted");
        }
    }

    /// Makes some of the notes that wait; false if there are none.
    async fn make_some(&self, store: &Store) -> bool {
        let some = self.lock().take();
        let any = !some.is_empty();
        join_all(some.into_iter().map(|(place, note)| self.make(store, place, note))).await;
        any
    }

    async fn make(&self, store: &Store, place: Place, note: Note) {
        let (_, topic) = place;
        // Only one domain has events of a kind of topic that arrive.
        let Some(arrivals) = DOMAINS.iter().find_map(|domain| domain.arrivals) else { return };
        match (arrivals.note)(store, &note.ctx, topic, note.number).await {
            Ok(Noted::UpTo(number)) => {
                let mut queue = self.lock();
                if queue.known.len() >= KNOWN {
                    queue.known.clear();
                }
                queue.known.insert(place, number);
            }
            Ok(Noted::Never) => self.leave_out(topic),
            Err(error) => {
                tracing::debug!(%error, "what has arrived could not be noted");
                if error.is_ours() && !note.again {
                    self.lock().add(place, Note { again: true, ..note });
                }
            }
        }
    }

    /// Nothing is noted in a topic: for a while nobody is asked about it.
    fn leave_out(&self, topic: Topic) {
        let mut unnoted = self.unnoted.write().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if unnoted.len() >= UNNOTED {
            unnoted.retain(|_, until| now < *until);
        }
        if unnoted.len() < UNNOTED {
            unnoted.insert(topic, now + UNNOTED_FOR);
        }
        drop(unnoted);
        self.lock().drop_topic(topic);
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
            seq: None,
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
        let at = |at| Ctx::new(Actor::User { id: me, via: Via::Session(Id::new(now)), role: Role::User }, at, "test");
        let ctx = at(now);
        let [chat, other] = [1, 2].map(|_| Topic::new(TopicKind::new("chat"), Id::<()>::new(now)));
        let notes = Notes::default();
        notes.add(&ctx, chat, 2);
        notes.add(&ctx, other, 1);
        let later = at(Timestamp::from_micros(9));
        notes.add(&later, chat, 3);
        notes.add(&ctx, chat, 1);
        let some = notes.lock().take();
        let some: Vec<_> = some.into_iter().map(|((_, topic), note)| (topic, note.number, note.ctx.now)).collect();
        assert_eq!(some, [(chat, 3, later.now), (other, 1, now)], "in their order, with the time of the last");
        notes.lock().known.insert((me, chat), 3);
        notes.add(&ctx, chat, 3);
        assert!(notes.lock().take().is_empty());
        notes.add(&ctx, chat, 4);
        assert_eq!(notes.lock().take().len(), 1);
    }

    #[test]
    fn where_nothing_is_noted_nobody_is_asked_for_a_while() {
        let now = Timestamp::from_micros(0);
        let [chat, other] = [1, 2].map(|_| Topic::new(TopicKind::new("chat"), Id::<()>::new(now)));
        let notes = Notes::default();
        for topic in [chat, other, chat] {
            let by = Actor::User { id: Id::new(now), via: Via::Session(Id::new(now)), role: Role::User };
            notes.add(&Ctx::new(by, now, "test"), topic, 1);
        }
        assert!(!notes.is_unnoted(chat));
        notes.leave_out(chat);
        assert!(notes.is_unnoted(chat) && !notes.is_unnoted(other));
        let some = notes.lock().take();
        assert_eq!(
            some.iter().map(|((_, topic), _)| *topic).collect::<Vec<_>>(),
            [other],
            "those that waited are gone"
        );
        notes.unnoted.write().unwrap().insert(chat, Instant::now());
        assert!(!notes.is_unnoted(chat), "it is asked again later");
    }
}
