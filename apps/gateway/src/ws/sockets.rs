//! Counts open sockets per account, API key and address. The limit is independent of the number of devices, tokens or
//! connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::front::Key;

/// The maximum number of open sockets of one account, and of one API key.
const MOST_OF_ONE: usize = 50;
/// The maximum number of unauthenticated sockets of one address.
const MOST_OF_NOBODY: usize = 500;

/// The open sockets of this process.
#[derive(Clone, Default)]
pub struct Sockets(Arc<Mutex<HashMap<Key, usize>>>);

/// One open socket, counted until it is dropped.
pub struct Held {
    sockets: Sockets,
    key: Key,
}

impl Sockets {
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
    pub fn open(&self, key: Key) -> Option<Held> {
        let most = most(key);
        let mut open = self.lock();
        let count = open.entry(key).or_default();
        if *count >= most {
            metrics::counter!("clowder_sockets_refused_total").increment(1);
            return None;
        }
        *count += 1;
        drop(open);
        Some(Held { sockets: self.clone(), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn most(key: Key) -> usize {
    match key {
        Key::Address(_) => MOST_OF_NOBODY,
        Key::User(_) | Key::Program(_) => MOST_OF_ONE,
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.sockets.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use clowder_core::{Id, Timestamp};

    use super::*;

    #[test]
    fn everybody_has_so_many_and_leaves_no_trace() {
        let now = Timestamp::from_micros(1);
        let sockets = Sockets::default();
        for (key, most) in [
            (Key::User(Id::new(now)), 50),
            (Key::User(Id::new(now)), 50),
            (Key::Program(Id::new(now)), 50),
            (Key::Address(IpAddr::from([192, 0, 2, 1])), 500),
            (Key::Address(IpAddr::from([192, 0, 2, 2])), 500),
        ] {
            let mut held: Vec<_> = (0..most).map(|_| sockets.open(key).unwrap()).collect();
            assert!(sockets.open(key).is_none(), "{key:?}");
            assert!(Sockets::limit(key).starts_with(&format!("At most {most} sockets")), "{key:?}");
            held.pop();
            held.push(sockets.open(key).unwrap());
            assert!(sockets.open(key).is_none(), "{key:?}");
        }
        assert!(sockets.lock().is_empty());
    }
}
