//! Hints to one follower: from the writers of this process, bounded in octets, and from other processes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clowder_core::Recorded;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::bus::Reached;

/// How much may wait for one follower. If it lags further behind, it reads from the journal.
pub const ROOM: usize = 16 * 1024 * 1024;

/// More streams than any database has: what others say takes no more room than that.
const STREAMS: usize = 256;

/// The overhead of a change besides its payload.
const OVERHEAD: usize = 256;

#[derive(Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    /// Each with the stored part of the epoch that it belongs to.
    changes: VecDeque<(Arc<Recorded>, Uuid)>,
    octets: usize,
    /// Something did not fit, or the follower is gone.
    lost: bool,
    /// How far the journal reaches as other processes say; of each stream only the highest position.
    elsewhere: Reached,
}

/// What a follower finds in its inbox.
#[derive(Debug)]
pub enum Hint {
    /// A change, and the stored part of the epoch that it belongs to.
    Change(Arc<Recorded>, Uuid),
    /// Hints were dropped; the changes are in the journal.
    Lost,
    /// Other processes say that the journal reaches at least this far, which may be wrong.
    Elsewhere(Reached),
}

impl Inbox {
    /// Never waits. If there is no room, all waiting hints are dropped: the journal has the changes, too.
    pub fn put(&self, changes: &[Arc<Recorded>], stored: Uuid) {
        let mut waiting = self.lock();
        waiting.octets += changes.iter().map(|change| size(change)).sum::<usize>();
        if waiting.octets > ROOM {
            *waiting = Waiting { lost: true, ..Waiting::default() };
            metrics::counter!("clowder_journal_hints_dropped_total").increment(1);
        } else {
            waiting.changes.extend(changes.iter().cloned().map(|change| (change, stored)));
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Drops everything that waits. The follower looks at the journal instead.
    pub fn lose(&self) {
        *self.lock() = Waiting { lost: true, ..Waiting::default() };
        self.arrived.notify_one();
    }

    /// Another process says how far the journal reaches.
    pub fn hear(&self, reached: &Reached) {
        let mut waiting = self.lock();
        for (stream, position) in reached.iter().filter(|(stream, _)| **stream < STREAMS) {
            let held = waiting.elsewhere.entry(*stream).or_insert(*position);
            *held = (*held).max(*position);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// The next hint. Dropping the call half-way loses nothing.
    pub async fn next(&self) -> Hint {
        loop {
            if let Some(hint) = self.take() {
                return hint;
            }
            self.arrived.notified().await;
        }
    }

    /// A hint that waits.
    pub fn take(&self) -> Option<Hint> {
        let mut waiting = self.lock();
        if std::mem::take(&mut waiting.lost) {
            return Some(Hint::Lost);
        }
        let Some((change, stored)) = waiting.changes.pop_front() else {
            let reached = std::mem::take(&mut waiting.elsewhere);
            return Some(reached).filter(|reached| !reached.is_empty()).map(Hint::Elsewhere);
        };
        waiting.octets -= size(&change);
        if waiting.changes.is_empty() {
            // An empty inbox keeps no buffer.
            waiting.changes = VecDeque::new();
        }
        Some(Hint::Change(change, stored))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(change: &Recorded) -> usize {
    change.data.get().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use clowder_core::{Timestamp, Topic, UserId};
    use serde_json::value::RawValue;

    use super::*;

    fn change(position: i64, octets: usize) -> Arc<Recorded> {
        let at = Timestamp::from_micros(1);
        Arc::new(Recorded {
            stream: 0,
            position,
            topic: Topic::user(UserId::new(at)),
            name: "test.happened".into(),
            actor: None,
            subject: None,
            follow: None,
            seq: None,
            at,
            data: RawValue::from_string(format!("\"{}\"", "x".repeat(octets))).unwrap().into(),
        })
    }

    async fn position(inbox: &Inbox) -> Option<i64> {
        match inbox.next().await {
            Hint::Change(change, _) => Some(change.position),
            Hint::Lost | Hint::Elsewhere(_) => None,
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_costs_no_memory() {
        let inbox = Inbox::default();
        inbox.put(&[change(1, 10), change(2, 10)], Uuid::nil());
        assert_eq!((position(&inbox).await, position(&inbox).await), (Some(1), Some(2)));
        assert_eq!(inbox.lock().octets, 0);
        for n in 0..16 {
            inbox.put(&[change(n, 1024 * 1024 - OVERHEAD - 2)], Uuid::nil());
        }
        assert_eq!(inbox.lock().changes.len(), 16, "exactly full");
        inbox.put(&[change(16, 1)], Uuid::nil());
        assert_eq!(inbox.lock().changes.capacity(), 0);
        assert_eq!(inbox.lock().octets, 0);
        inbox.put(&[change(17, 1)], Uuid::nil());
        assert_eq!(position(&inbox).await, None, "what was dropped is told first");
        assert_eq!(position(&inbox).await, Some(17));
        inbox.put(&[change(18, ROOM)], Uuid::nil());
        assert_eq!(position(&inbox).await, None, "one that is larger than the room");
    }

    #[tokio::test]
    async fn of_what_others_say_only_the_highest_position_is_kept() {
        let inbox = Inbox::default();
        inbox.hear(&Reached::from([(0, 7), (1, 2), (STREAMS, 9)]));
        inbox.hear(&Reached::from([(0, 5), (1, 3)]));
        inbox.put(&[change(1, 10)], Uuid::nil());
        assert_eq!(position(&inbox).await, Some(1));
        let Hint::Elsewhere(reached) = inbox.next().await else { panic!("what others say") };
        assert_eq!(reached, Reached::from([(0, 7), (1, 3)]));
        assert!(inbox.take().is_none());
    }
}
