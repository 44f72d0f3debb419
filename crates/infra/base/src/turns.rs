//! Turns: of concurrent calls about one thing in this process, a few run and the others wait. An attempt to sign in
//! counts as a failure until it turns out right, so without this a burst of right ones would be refused; concurrent
//! read marks would each count the same messages; and if one person creates many chats, each would hold a connection
//! while it waits.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use clowder_core::{Cause, Error, Result};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

pub struct Turns<K> {
    /// How many calls about one thing run at once.
    at_once: usize,
    /// How long a call waits for its turns.
    patience: Duration,
    taken: Mutex<HashMap<K, Weak<Semaphore>>>,
}

impl<K: Clone + Eq + Hash + 'static> Turns<K> {
    pub fn new(at_once: usize, patience: Duration) -> Self {
        Self { at_once, patience, taken: Mutex::default() }
    }

    /// Runs the work when it is the caller's turn at each of these things, which all callers name in the same order;
    /// `Unavailable` if that takes too long. If the work fails because of the database, those who wait behind it get
    /// the error at once instead of finding out one by one.
    pub async fn hold<T>(&self, keys: Vec<K>, work: impl Future<Output = Result<T>>) -> Result<T> {
        let asked = Instant::now();
        let mut turns = Vec::new();
        for key in keys {
            turns.push(self.by(asked + self.patience, key).await?);
        }
        let done = work.await;
        if done.as_ref().is_err_and(Error::affects_everyone) {
            turns.iter().for_each(|turn| turn.semaphore().close());
        }
        done
    }

    /// Waits for a turn at a thing, which lasts until the returned value is dropped; `Unavailable` if that takes too
    /// long. Nothing is kept longer than somebody waits.
    pub async fn one(&self, key: K) -> Result<OwnedSemaphorePermit> {
        self.by(Instant::now() + self.patience, key).await
    }

    async fn by(&self, moment: Instant, key: K) -> Result<OwnedSemaphorePermit> {
        let mut turn = std::pin::pin!(self.queue(key).acquire_owned());
        loop {
            match timeout(moment.saturating_duration_since(Instant::now()), &mut turn).await {
                Ok(Ok(turn)) => return Ok(turn),
                Ok(Err(_closed)) => return Err(Error::outage(Cause::Busy, "the call before this one failed")),
                // A test may have paused the runtime's clock.
                Err(_) if Instant::now() < moment => {}
                Err(_) => return Err(Error::outage(Cause::Busy, "earlier calls for the same thing take too long")),
            }
        }
    }

    fn queue(&self, key: K) -> Arc<Semaphore> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() % 256 == 255 {
            taken.retain(|_, turns| turns.strong_count() > 0);
        }
        let known = taken.get(&key).and_then(Weak::upgrade).filter(|turns| !turns.is_closed());
        known.unwrap_or_else(|| {
            let new = Arc::new(Semaphore::new(self.at_once));
            taken.insert(key, Arc::downgrade(&new));
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_few_at_once_and_each_thing_by_itself() {
        let turns = Turns::new(5, PATIENCE);
        let mut held = Vec::new();
        for _ in 0..5 {
            held.push(turns.one("ada").await.unwrap());
        }
        let mut next = Box::pin(turns.one("ada"));
        assert!(poll!(&mut next).is_pending());
        assert!(turns.one("bob").await.is_ok());
        held.pop();
        assert!(next.await.is_ok());
    }

    #[tokio::test]
    async fn nobody_is_remembered_who_does_not_wait() {
        let turns = Turns::new(5, PATIENCE);
        for number in 0..10_000_u32 {
            drop(turns.one(number).await.unwrap());
        }
        assert!(turns.taken.lock().unwrap().len() <= 256);
    }

    /// However many things a call needs.
    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let patience = Duration::from_millis(200);
        let turns = Turns::new(1, patience);
        let (pair, address) = (turns.one("pair").await.unwrap(), turns.one("address").await.unwrap());
        let asked = Instant::now();
        let mut second = Box::pin(turns.hold(vec!["pair", "address"], async { Ok(()) }));
        assert!(poll!(&mut second).is_pending());
        drop(pair);
        let told = second.await.unwrap_err();
        assert_eq!(told.cause(), Some(Cause::Busy));
        assert!((patience..patience * 2).contains(&asked.elapsed()), "one bound for all: {:?}", asked.elapsed());
        drop(address);
        turns.hold(vec!["pair", "address"], async { Ok(()) }).await.expect("whoever gave up holds nothing");
    }

    #[tokio::test]
    async fn a_database_that_fails_one_is_not_waited_for_by_the_others() {
        for (error, told) in [
            (Error::outage(Cause::Overdue, "silent"), true),
            (Error::outage(Cause::Lost, "gone"), true),
            (Error::outage(Cause::Contended, "somebody holds the row"), false),
            (Error::internal("a fault of this one"), false),
        ] {
            let turns = Turns::new(1, PATIENCE);
            let (fail, failed) = tokio::sync::oneshot::channel();
            let mut first = Box::pin(turns.hold(vec!["ada"], async { Err::<(), _>(failed.await.unwrap()) }));
            assert!(poll!(&mut first).is_pending());
            let mut second = Box::pin(turns.hold(vec!["ada"], async { Ok(()) }));
            assert!(poll!(&mut second).is_pending());
            fail.send(error.clone()).unwrap();
            first.await.unwrap_err();
            let second = second.await;
            assert_eq!(second.err().and_then(|error| error.cause()), told.then_some(Cause::Busy), "{error}");
            turns.hold(vec!["ada"], async { Ok(()) }).await.expect("those who come later try for themselves");
        }
    }
}
