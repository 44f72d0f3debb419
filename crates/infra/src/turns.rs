//! Turns: of calls about one thing that come to this process at once, a few are worked on and the others wait. An attempt
//! to sign in counts as a failure until it has turned out right, so without this a burst of right ones would be refused; of
//! read marks, each would count what the others count; and of many chats that one person makes, each would hold a
//! connection while it waits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub struct Turns {
    /// How many about one thing are worked on at once.
    at_once: usize,
    taken: Mutex<HashMap<Vec<u8>, Weak<Semaphore>>>,
}

impl Turns {
    pub fn new(at_once: usize) -> Self {
        Self { at_once, taken: Mutex::default() }
    }

    /// Waits until it is one's turn at each of these things, which all callers name in one order. The turns last until what
    /// is returned is dropped; who waits is remembered only as long.
    pub async fn take(&self, keys: impl Iterator<Item = &Vec<u8>>) -> Vec<OwnedSemaphorePermit> {
        let mut turns = Vec::new();
        for key in keys {
            turns.extend(self.one(key).await);
        }
        turns
    }

    async fn one(&self, key: &[u8]) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            if taken.len() % 256 == 255 {
                taken.retain(|_, turns| turns.strong_count() > 0);
            }
            let known = taken.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let new = Arc::new(Semaphore::new(self.at_once));
                taken.insert(key.to_vec(), Arc::downgrade(&new));
                new
            })
        };
        // It is never closed.
        turns.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_few_at_once_and_each_thing_by_itself() {
        let turns = Turns::new(5);
        let mut held = Vec::new();
        for _ in 0..5 {
            held.push(turns.one(b"ada").await.unwrap());
        }
        let mut next = Box::pin(turns.one(b"ada"));
        assert!(futures_util::poll!(&mut next).is_pending());
        assert!(turns.one(b"bob").await.is_some());
        held.pop();
        assert!(next.await.is_some());
    }

    #[tokio::test]
    async fn nobody_is_remembered_who_does_not_wait() {
        let turns = Turns::new(5);
        for number in 0..10_000_u32 {
            drop(turns.one(&number.to_be_bytes()).await);
        }
        assert!(turns.taken.lock().unwrap().len() <= 256);
    }
}
