//! The long polls that wait. Nothing tells a server at once that the client of one has gone, so those that a phone leaves behind
//! must not use up the sockets of its owner: of too many of one person, the oldest ends early.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clowder_core::UserId;
use tokio::sync::Notify;

/// How many polls of one person wait at a node.
pub const MOST: usize = 10;

#[derive(Default)]
pub struct Polls(Mutex<HashMap<UserId, VecDeque<Arc<Notify>>>>);

/// A poll that waits, until it is dropped.
pub struct Waiting<'p> {
    polls: &'p Polls,
    user: UserId,
    early: Arc<Notify>,
}

impl Polls {
    pub fn enter(&self, user: UserId) -> Waiting<'_> {
        metrics::gauge!("clowder_polls").increment(1);
        let early = Arc::<Notify>::default();
        let mut all = self.lock();
        let own = all.entry(user).or_default();
        own.push_back(Arc::clone(&early));
        if own.len() > MOST
            && let Some(oldest) = own.pop_front()
        {
            oldest.notify_one();
        }
        Waiting { polls: self, user, early }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, VecDeque<Arc<Notify>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// Returns when it is to end early.
    pub async fn ended(&self) {
        self.early.notified().await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        metrics::gauge!("clowder_polls").decrement(1);
        let mut all = self.polls.lock();
        let Some(own) = all.get_mut(&self.user) else { return };
        own.retain(|other| !Arc::ptr_eq(other, &self.early));
        if own.is_empty() {
            all.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_oldest_of_too_many_ends() {
        let (polls, now) = (Polls::default(), Timestamp::from_micros(1));
        let (ada, bob) = (Id::new(now), Id::new(now));
        let mut waiting: Vec<_> = (0..MOST).map(|_| polls.enter(ada)).collect();
        let other = polls.enter(bob);
        assert!(waiting.iter().chain([&other]).all(|poll| poll.ended().now_or_never().is_none()));
        waiting.push(polls.enter(ada));
        let ended: Vec<_> = waiting.iter().map(|poll| poll.ended().now_or_never().is_some()).collect();
        assert_eq!(ended.iter().position(|ended| *ended), Some(0));
        assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
        drop((waiting, other));
        assert!(polls.lock().is_empty(), "nothing stays");
    }
}
