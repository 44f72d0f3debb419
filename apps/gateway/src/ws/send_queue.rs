//! The send queue of one socket, bounded in octets.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clowder_accounts::presence::MOST_WATCHED;
use clowder_core::{Scope, Scopes, Timestamp, UserId, Via};
use tokio::{sync::Notify, time::timeout};

use super::{close::Close, events::may_hear, frame::Outgoing};

/// How long a client may take to read one frame: one that does not read must not outlive its token.
pub const WRITE_WITHIN: Duration = Duration::from_secs(30);

pub struct SendQueue {
    pub user: UserId,
    /// The session or the API key that opened the socket.
    pub via: Via,
    /// The scopes of the API key; a session has none and receives everything.
    scopes: Option<Scopes>,
    /// A socket whose unread frames exceed so many octets is closed; it can resume.
    room: usize,
    queue: Mutex<Queue>,
    ready: Notify,
    /// Whose presence it watches, and until when.
    watched: Mutex<BTreeMap<UserId, Timestamp>>,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Outgoing>,
    octets: usize,
    close: Option<Close>,
}

/// What a socket has to do next.
pub enum Next {
    Send(Outgoing),
    Close(Close),
    Nothing,
}

impl SendQueue {
    pub fn new(user: UserId, via: Via, scopes: Option<Scopes>, room: usize) -> Self {
        Self { user, via, scopes, room, queue: Mutex::default(), ready: Notify::new(), watched: Mutex::default() }
    }

    /// Whether the holder of the socket may receive events of this scope.
    pub fn may_receive(&self, opened_by: Option<Scope>) -> bool {
        may_hear(self.scopes.as_ref(), opened_by)
    }

    /// From now on it hears of these people. Of too many, those are forgotten who were named longest ago.
    pub fn watch(&self, people: &[UserId], until: Timestamp) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.extend(people.iter().map(|user| (*user, until)));
        while watched.len() > MOST_WATCHED {
            let Some(first) = watched.iter().min_by_key(|(_, until)| **until).map(|(user, _)| *user) else { return };
            watched.remove(&first);
        }
    }

    pub fn unwatch<'u>(&self, people: impl IntoIterator<Item = &'u UserId>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for user in people {
            watched.remove(user);
        }
    }

    /// Whether it watches somebody at this time.
    pub fn watches(&self, user: UserId, at: Timestamp) -> bool {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.get(&user).is_some_and(|until| *until > at)
    }

    /// Never waits: a client that cannot keep up is closed with 4009.
    pub fn push(&self, frame: Outgoing) {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return;
        }
        queue.octets += frame.len();
        if queue.octets > self.room {
            queue.frames = VecDeque::new();
            queue.close = Some(Close::TooSlow);
            metrics::counter!("clowder_sockets_too_slow_total").increment(1);
        } else {
            queue.frames.push_back(frame);
        }
        drop(queue);
        self.ready.notify_one();
    }

    /// Ends the socket; waiting frames are dropped. The first reason counts.
    pub fn close(&self, close: Close) {
        self.close_after(None, close);
    }

    /// The same, but the socket need not learn it before [`wake`](Self::wake) is called.
    pub fn retire(&self, close: Close) {
        self.end(None, close);
    }

    /// Lets the socket see that it has ended.
    pub fn wake(&self) {
        self.ready.notify_one();
    }

    /// The same, after a last frame that says why, and after those that were told together with it: the reasons of a
    /// suspension come before it. If a durable event is dropped, they have a cursor from which it is replayed: the client
    /// keeps the last cursor that it sees.
    pub fn close_after(&self, last: Option<Outgoing>, close: Close) {
        self.end(last, close);
        self.ready.notify_one();
    }

    fn end(&self, last: Option<Outgoing>, close: Close) {
        let mut queue = self.lock();
        if queue.close.is_none() {
            let is_told_with_it = |frame: &Outgoing| last.as_ref().is_some_and(|last| frame.is_told_with(last));
            let (together, dropped): (Vec<_>, Vec<_>) =
                std::mem::take(&mut queue.frames).into_iter().partition(is_told_with_it);
            let missed = dropped.iter().find_map(Outgoing::durable);
            let last = together.into_iter().chain(last.clone());
            queue.frames = match missed {
                Some(missed) => last.map(|frame| frame.resuming_at(missed)).collect(),
                None => last.collect(),
            };
            queue.octets = queue.frames.iter().map(Outgoing::len).sum();
            queue.close = Some(close);
        }
    }

    pub fn next(&self) -> Next {
        let mut queue = self.lock();
        match queue.frames.pop_front() {
            Some(frame) => {
                queue.octets -= frame.len();
                if queue.frames.is_empty() {
                    // An idle socket keeps no buffer.
                    queue.frames = VecDeque::new();
                }
                Next::Send(frame)
            }
            None => queue.close.map_or(Next::Nothing, Next::Close),
        }
    }

    /// The number of waiting frames.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.lock().frames.len()
    }

    pub fn closing(&self) -> Option<Close> {
        self.lock().close
    }

    /// Returns when there may be something to do.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Waits until a frame is written. While the client does not read, the queue may decide that it is too slow.
    pub async fn written<E>(&self, written: impl Future<Output = Result<(), E>>) -> Result<(), Close> {
        let (mut written, mut more) = (std::pin::pin!(written), false);
        let ended = async {
            loop {
                tokio::select! {
                    biased;
                    written = &mut written => return written.map_err(|_| Close::Goodbye),
                    () = self.ready() => match self.closing() {
                        Some(close) => return Err(close),
                        None => more = true,
                    },
                }
            }
        };
        let ended = timeout(WRITE_WITHIN, ended).await.unwrap_or(Err(Close::TooSlow));
        // What came meanwhile is still to be written.
        if more {
            self.ready.notify_one();
        }
        ended
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    const ROOM: usize = 1024 * 1024;

    use std::sync::Arc;

    use clowder_core::{Id, Positions, Recorded, Timestamp, Topic, TopicKind};
    use clowder_infra::keys::Keys;
    use serde_json::{Value, value::to_raw_value};
    use uuid::Uuid;

    use super::*;
    use crate::ws::{
        cursor::{Place, Sealer},
        frame::Durable,
    };

    #[test]
    fn who_does_not_read_is_let_go_and_costs_no_memory() {
        let now = Timestamp::from_micros(1);
        let queue = SendQueue::new(Id::new(now), Via::Session(Id::new(now)), None, ROOM);
        let frame = Outgoing::Text("x".repeat(1000).into());
        for _ in 0..1048 {
            queue.push(frame.clone());
        }
        assert!(matches!(queue.next(), Next::Send(_)));
        queue.push(frame.clone());
        assert!(queue.closing().is_none());
        queue.push(frame.clone());
        assert!(matches!(queue.next(), Next::Close(Close::TooSlow)));
        queue.push(frame);
        queue.close(Close::Restart);
        assert!(matches!(queue.next(), Next::Close(Close::TooSlow)), "the first reason stands");
        assert_eq!(queue.lock().frames.capacity(), 0);
    }

    #[tokio::test]
    async fn what_comes_while_a_frame_is_written_is_not_forgotten() {
        let now = Timestamp::from_micros(1);
        let queue = SendQueue::new(Id::new(now), Via::Session(Id::new(now)), None, ROOM);
        let (read, reads) = tokio::sync::oneshot::channel::<()>();
        let meanwhile = async {
            queue.push(Outgoing::Text("later".into()));
            tokio::task::yield_now().await;
            read.send(()).unwrap();
        };
        let (written, ()) = tokio::join!(queue.written(reads), meanwhile);
        assert!(written.is_ok());
        timeout(Duration::from_secs(1), queue.ready()).await.expect("there is something to do");
    }

    #[test]
    fn the_last_frame_says_why() {
        let now = Timestamp::from_micros(1);
        let queue = SendQueue::new(Id::new(now), Via::Session(Id::new(now)), None, ROOM);
        let frame = |text: &'static str| Outgoing::Text(text.into());
        queue.push(frame("earlier"));
        queue.close_after(Some(frame("why")), Close::SessionEnded);
        queue.push(frame("later"));
        queue.close_after(Some(frame("again")), Close::Restart);
        assert!(matches!(queue.next(), Next::Send(Outgoing::Text(text)) if text == "why"));
        assert!(matches!(queue.next(), Next::Close(Close::SessionEnded)));
    }

    #[test]
    fn what_is_told_together_with_the_last_frame_comes_before_it() {
        let now = Timestamp::from_micros(1);
        let (user, chat) = (UserId::new(now), Id::<()>::new(now));
        let sealer = Sealer::new(&Keys::new("secret"));
        let queue = SendQueue::new(user, Via::Session(Id::new(now)), None, ROOM);
        let mut position = 0;
        let mut frame = |name: &str, topic: Topic, at: i64| {
            position += 1;
            let recorded = Recorded {
                stream: 0,
                position,
                topic,
                name: name.into(),
                actor: None,
                subject: None,
                follow: None,
                seq: None,
                at: Timestamp::from_micros(at),
                data: to_raw_value(&()).unwrap().into(),
            };
            let packed = Place::new(Uuid::nil(), Positions::new(vec![position])).pack();
            Outgoing::Durable(Arc::new(Durable::new(Arc::new(recorded), packed, sealer.clone())))
        };
        let own = Topic::user(user);
        queue.push(frame("sent", own, 5));
        assert!(matches!(queue.next(), Next::Send(_)));
        queue.push(frame("earlier", own, 6));
        queue.push(frame("of a chat", Topic::new(TopicKind::new("chat"), chat), 7));
        queue.push(frame("reasons", own, 7));
        queue.close_after(Some(frame("last", own, 7)), Close::SessionEnded);
        let mut told = Vec::new();
        while let Next::Send(frame) = queue.next() {
            let frame: Value = serde_json::from_str(frame.text()).unwrap();
            let place = sealer.open(Uuid::nil(), frame["cursor"].as_str().unwrap()).unwrap();
            assert_eq!(place.positions.as_slice(), [1], "whoever resumes gets what was dropped");
            told.push(frame["type"].as_str().unwrap().to_owned());
        }
        assert_eq!(told, ["reasons", "last"]);
        assert_eq!(queue.lock().octets, 0);
    }
}
