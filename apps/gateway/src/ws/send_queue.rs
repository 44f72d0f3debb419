//! The send queue of one socket, bounded in octets.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use clowder_core::{Scope, Scopes, UserId, Via};
use tokio::sync::Notify;

use super::{close::Close, events::may_hear, frame::Outgoing};

/// A socket whose unread frames exceed this is closed; it can resume.
const ROOM: usize = 1024 * 1024;

pub struct SendQueue {
    pub user: UserId,
    /// The session or the API key that opened the socket.
    pub via: Via,
    /// The scopes of the API key; a session has none and receives everything.
    scopes: Option<Scopes>,
    queue: Mutex<Queue>,
    ready: Notify,
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
    pub fn new(user: UserId, via: Via, scopes: Option<Scopes>) -> Self {
        Self { user, via, scopes, queue: Mutex::default(), ready: Notify::new() }
    }

    /// Whether the holder of the socket may receive events of this scope.
    pub fn may_receive(&self, opened_by: Option<Scope>) -> bool {
        may_hear(self.scopes.as_ref(), opened_by)
    }

    /// Never waits: a client that cannot keep up is closed with 4009.
    pub fn push(&self, frame: Outgoing) {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return;
        }
        queue.octets += frame.len();
        if queue.octets > ROOM {
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

    /// The same, after a last frame that says why.
    pub fn close_after(&self, last: Option<Outgoing>, close: Close) {
        let mut queue = self.lock();
        if queue.close.is_none() {
            queue.octets = last.as_ref().map_or(0, Outgoing::len);
            queue.frames = last.into_iter().collect();
            queue.close = Some(close);
        }
        drop(queue);
        self.ready.notify_one();
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

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};

    use super::*;

    #[test]
    fn who_does_not_read_is_let_go_and_costs_no_memory() {
        let now = Timestamp::from_micros(1);
        let queue = SendQueue::new(Id::new(now), Via::Session(Id::new(now)), None);
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

    #[test]
    fn the_last_frame_says_why() {
        let now = Timestamp::from_micros(1);
        let queue = SendQueue::new(Id::new(now), Via::Session(Id::new(now)), None);
        let frame = |text: &'static str| Outgoing::Text(text.into());
        queue.push(frame("earlier"));
        queue.close_after(Some(frame("why")), Close::SessionEnded);
        queue.push(frame("later"));
        queue.close_after(Some(frame("again")), Close::Restart);
        assert!(matches!(queue.next(), Next::Send(Outgoing::Text(text)) if text == "why"));
        assert!(matches!(queue.next(), Next::Close(Close::SessionEnded)));
    }
}
