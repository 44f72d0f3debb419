//! Memory for what clients send until it is dealt with. Callers who are known have a pool, all others another, and nobody
//! gets more than a share of one.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::limits::Key;

/// The share of a pool that one caller may use, so that nobody keeps others out.
const SHARE: usize = 8;
/// Above this size it counts against the caller. Most is smaller and needs no lock.
pub const LARGE: usize = 4 << 10;

/// How many octets there are for all together.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// For unauthenticated callers.
    pub nobody: usize,
    /// For all others.
    pub known: usize,
}

/// Two pools of memory.
pub struct Rooms {
    sizes: Sizes,
    nobody: Arc<AtomicUsize>,
    known: Arc<AtomicUsize>,
    /// What each caller uses in large rooms.
    large: Ledger,
}

type Ledger = Arc<Mutex<HashMap<Key, usize>>>;

/// Reserved memory; released on drop.
pub struct Room {
    used: Arc<AtomicUsize>,
    all: usize,
    mine: usize,
    large: Ledger,
    caller: Key,
    /// How much of `mine` is counted in the ledger.
    noted: usize,
}

/// There is no more room, or the caller has their share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Rooms {
    pub fn new(sizes: Sizes) -> Self {
        Self { sizes, nobody: Arc::default(), known: Arc::default(), large: Ledger::default() }
    }

    pub fn room(&self, caller: Key) -> Room {
        let is_nobody = matches!(caller, Key::Address(_));
        let (used, all) = if is_nobody { (&self.nobody, self.sizes.nobody) } else { (&self.known, self.sizes.known) };
        Room { used: Arc::clone(used), all, mine: 0, large: Arc::clone(&self.large), caller, noted: 0 }
    }

    /// Whether nothing is reserved.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        large.is_empty() && [&self.nobody, &self.known].iter().all(|used| used.load(Ordering::Relaxed) == 0)
    }
}

impl Room {
    /// Reserves more. Only received octets reserve memory, so a client that announces much and sends nothing keeps nobody
    /// out.
    pub fn take(&mut self, octets: usize) -> Result<(), Full> {
        if self.mine + octets > LARGE {
            self.note(self.mine + octets - self.noted)?;
        }
        let took = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(octets).filter(|used| *used <= self.all)
        });
        took.map_err(|_| Full)?;
        self.mine += octets;
        Ok(())
    }

    /// Reserves so much in all, and releases what is more.
    pub fn hold(&mut self, octets: usize) -> Result<(), Full> {
        match octets.checked_sub(self.mine) {
            Some(0) => Ok(()),
            Some(more) => self.take(more),
            None => {
                self.release(self.mine - octets);
                Ok(())
            }
        }
    }

    /// Another that has what this one has; this one is empty afterwards.
    pub fn take_over(&mut self) -> Self {
        let (mine, noted) = (std::mem::take(&mut self.mine), std::mem::take(&mut self.noted));
        let (used, large) = (Arc::clone(&self.used), Arc::clone(&self.large));
        Self { used, all: self.all, mine, large, caller: self.caller, noted }
    }

    fn release(&mut self, octets: usize) {
        self.used.fetch_sub(octets, Ordering::Relaxed);
        self.mine -= octets;
        let kept = if self.mine > LARGE { self.mine } else { 0 };
        let Some(less) = self.noted.checked_sub(kept).filter(|less| *less > 0) else { return };
        self.noted = kept;
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(theirs) = large.get_mut(&self.caller) {
            *theirs -= less;
            if *theirs == 0 {
                large.remove(&self.caller);
            }
        }
    }

    /// Counts more octets for the caller.
    fn note(&mut self, more: usize) -> Result<(), Full> {
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = large.get(&self.caller).copied().unwrap_or_default() + more;
        if theirs > self.all / SHARE {
            return Err(Full);
        }
        large.insert(self.caller, theirs);
        self.noted += more;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.release(self.mine);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use clowder_core::UserId;

    use super::*;

    fn user(number: u128) -> Key {
        Key::User(UserId::from_uuid(uuid::Uuid::from_u128(number)))
    }

    fn place(last: u8) -> Key {
        Key::Address(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn nobody_gets_more_than_a_share_and_all_is_released() {
        let rooms = Rooms::new(Sizes { nobody: 64 << 10, known: 1 << 20 });
        for (callers, share) in
            [((1..=9).map(place).collect::<Vec<_>>(), 8 << 10), ((1..=9).map(user).collect(), 128 << 10)]
        {
            let mut held = Vec::new();
            for caller in &callers[..8] {
                let (mut one, mut other) = (rooms.room(*caller), rooms.room(*caller));
                assert_eq!((one.hold(share), one.take(1), other.take(LARGE + 1)), (Ok(()), Err(Full), Err(Full)));
                held.push(one);
            }
            let mut last = rooms.room(callers[8]);
            assert_eq!(last.take(1), Err(Full), "the pool is used up");
            assert_eq!(held[0].hold(share - 100), Ok(()));
            assert_eq!((last.take(101), last.take(100)), (Err(Full), Ok(())));
            assert_eq!(held[0].hold(0), Ok(()));
            assert_eq!(rooms.room(callers[0]).take(LARGE + 1), Ok(()), "what is released counts for nobody");
            let mut over = held[1].take_over();
            assert_eq!((held[1].hold(0), over.hold(share), over.hold(100)), (Ok(()), Ok(()), Ok(())));
            assert_eq!((held[1].take(share - 100), over.take(1)), (Ok(()), Ok(())), "what is small counts for nobody");
            drop((held, last, over));
            assert!(rooms.is_empty());
        }
    }

    #[test]
    fn what_is_refused_counts_for_nobody() {
        let rooms = Rooms::new(Sizes { nobody: 0, known: 1 << 20 });
        assert_eq!((rooms.room(place(1)).take(1), rooms.room(user(1)).take(1 << 20)), (Err(Full), Err(Full)));
        assert!(rooms.is_empty());
        // Large enough for a share, but others have used up the pool.
        let held: Vec<_> = (0..256)
            .map(|number| {
                let mut room = rooms.room(user(number));
                room.take(LARGE).map(|()| room).unwrap()
            })
            .collect();
        assert_eq!(rooms.room(user(1_000)).take(LARGE + 1), Err(Full));
        drop(held);
        assert!(rooms.is_empty());
    }
}
