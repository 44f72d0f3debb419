//! Counts open sockets per account, API key and address. The limit is independent of the number of devices, tokens or
//! connections. With Redis, all nodes over one database count together; while it does not answer, each counts its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clowder_core::Result;
use clowder_infra::{counting::Counting, shared_sockets::SharedSockets};

use crate::front::Key;

/// The maximum number of open sockets of one account, and of one API key.
const MOST_OF_ONE: usize = 50;
/// The maximum number of unauthenticated sockets of one address.
const MOST_OF_NOBODY: usize = 500;
/// The sockets of a node that has died count for so long.
const LEASE: Duration = Duration::from_secs(30);
/// How many are renewed at once, so that nobody who opens a socket meanwhile waits for long.
const TOGETHER: usize = 64;

/// The open sockets of this process.
#[derive(Clone, Default)]
pub struct Sockets(Arc<Counted>);

#[derive(Default)]
struct Counted {
    open: Mutex<HashMap<Key, usize>>,
    /// Those that have ended and are told why.
    leaving: Mutex<HashMap<Key, usize>>,
    /// Where all nodes count.
    shared: Option<SharedSockets>,
}

/// One open socket, counted until it is dropped.
pub struct Held {
    sockets: Sockets,
    key: Key,
}

/// A socket that has ended and is told why. It takes no room of open ones, so that its client can reconnect at once, but
/// this node counts it until it is dropped.
pub struct Leaving {
    sockets: Sockets,
    key: Key,
}

impl Held {
    /// `None` if as many as may be open already wait until their clients have read why they ended.
    pub fn leave(self) -> Option<Leaving> {
        let (sockets, key) = (self.sockets.clone(), self.key);
        let mut leaving = sockets.leaving();
        let count = leaving.entry(key).or_default();
        if *count >= most(key) {
            return None;
        }
        *count += 1;
        drop(leaving);
        Some(Leaving { sockets, key })
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut leaving = self.sockets.leaving();
        let Some(count) = leaving.get_mut(&self.key) else { return };
        *count -= 1;
        if *count == 0 {
            leaving.remove(&self.key);
        }
    }
}

impl Sockets {
    /// How often the other nodes have to hear of them again.
    pub const RENEWED: Duration = Duration::from_secs(10);

    pub fn new(counting: Option<Arc<Counting>>) -> Result<Self> {
        Ok(Self::over(counting.map(|counting| SharedSockets::new(counting, LEASE)).transpose()?))
    }

    fn over(shared: Option<SharedSockets>) -> Self {
        Self(Arc::new(Counted { shared, ..Counted::default() }))
    }

    /// The maximum that may be open at once, for the message when it is reached.
    pub fn limit(key: Key) -> String {
        let whose = match key {
            Key::User(_) => "of this account",
            Key::Program(_) => "of this API key",
            Key::Address(_) => "of this address that are not authenticated",
        };
        format!("At most {} sockets {whose} may be open at once; close one first", most(key))
    }

    /// `None` if the maximum is already reached.
    pub async fn open(&self, key: Key) -> Option<Held> {
        let opened = self.try_to_open(key).await;
        if opened.is_none() {
            metrics::counter!("clowder_sockets_refused_total").increment(1);
        }
        opened
    }

    async fn try_to_open(&self, key: Key) -> Option<Held> {
        let (held, asked) = {
            let mut open = self.lock();
            let count = open.entry(key).or_default();
            if *count >= most(key) {
                return None;
            }
            *count += 1;
            let held = Held { sockets: self.clone(), key };
            (held, self.0.shared.as_ref().map(|shared| shared.open(&who(key), *count, most(key))))
        };
        let refused = match asked {
            Some(asked) => asked.await == Some(false),
            None => false,
        };
        (!refused).then_some(held)
    }

    /// Tells the other nodes again what is open here, as is due before the lease ends, and after Redis has forgotten it.
    pub async fn renew(&self) {
        let Some(shared) = &self.0.shared else { return };
        let keys: Vec<Key> = self.lock().keys().copied().collect();
        for some in keys.chunks(TOGETHER) {
            let told: Vec<_> = {
                let open = self.lock();
                let counts = some.iter().filter_map(|key| Some((key, open.get(key)?)));
                counts.map(|(key, count)| shared.hold(&who(*key), *count)).collect()
            };
            for known in told {
                known.await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn most(key: Key) -> usize {
    match key {
        Key::Address(_) => MOST_OF_NOBODY,
        Key::User(_) | Key::Program(_) => MOST_OF_ONE,
    }
}

/// Names whose they are.
fn who(key: Key) -> String {
    match key {
        Key::User(id) => format!("user:{id}"),
        Key::Program(id) => format!("key:{id}"),
        Key::Address(address) => format!("address:{address}"),
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.sockets.lock();
        let Some(count) = open.get_mut(&self.key) else { return };
        *count -= 1;
        let left = *count;
        if left == 0 {
            open.remove(&self.key);
        }
        // Under the lock, so that what is told last is true.
        if let Some(shared) = &self.sockets.0.shared {
            drop(shared.hold(&who(self.key), left));
        }
    }
}

#[cfg(test)]
mod tests;
