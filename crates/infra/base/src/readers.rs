//! Readers of the journal: what makes something out of every change, later than the write and on one node at a time.
//!
//! A reader has a place of its own in each stream, in the database. Its work on some changes and the step of its place
//! past them are one transaction, so within the database each change counts exactly once, whatever dies in between; for
//! anything outside it enqueues a job in that transaction, which runs at least once. A lease makes one node work; it only
//! saves the others the effort, because every step also checks the place that it starts from.

use std::{ops::AddAssign, time::Duration};

use async_trait::async_trait;
use clowder_core::{Ctx, Id, Positions, Result, Timestamp, journal::Extent};
use serde::Serialize;
use uuid::Uuid;

/// How long a node that is not heard of keeps the others from a reader.
pub const LEASE: Duration = Duration::from_secs(15);
/// How many changes of a stream are read at a time, and how large they may be together.
pub const CHUNK: clowder_core::journal::Chunk = clowder_core::journal::Chunk { rows: 500, octets: 128 * 1024 };
/// After how many changes of all streams a transaction ends, and after how many octets of them, so that other writers get
/// their turn: what is done with a change may take as long as it has text.
pub const ENOUGH: clowder_core::journal::Chunk = clowder_core::journal::Chunk { rows: 1_000, octets: 128 * 1024 };

/// Lets the readers of the journal work.
#[async_trait]
pub trait Readers: Send + Sync {
    /// Each reader that no other node holds handles a bounded number of changes that it has not seen. If one reader fails,
    /// the others have worked all the same.
    async fn read(&self, ctx: &Ctx) -> Result<Handled>;

    /// How far each reader is.
    async fn list(&self) -> Result<Vec<ReaderState>>;

    /// Sets a reader back, never forward, and answers how many changes it reads again. One that does some things twice is
    /// refused, and so is a name that none has.
    async fn rewind(&self, name: String, to: Rewind) -> Result<i64>;
}

/// How far a reader is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReaderState {
    pub name: &'static str,
    /// How many changes it has yet to handle.
    pub changes: i64,
    /// How many entries of the audit log it has yet to look through.
    pub entries: i64,
    /// Until when a node holds it without renewing.
    pub held_until: Option<Timestamp>,
    /// Whether it can read anything again without doing it twice.
    pub repeats: bool,
}

/// To where a reader is set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewind {
    /// This position of each stream.
    To(i64),
    /// The first change at or after this time.
    Since(Timestamp),
}

/// What the readers have handled together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Handled {
    pub changes: usize,
    /// Whether one of them stopped at its bounds: there was more to do when it began.
    pub is_full: bool,
}

impl AddAssign for Handled {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.is_full |= other.is_full;
    }
}

/// What is stored of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The journal that its positions are of.
    pub epoch: Uuid,
    /// Which open store works, and until when without renewing.
    pub held: Option<(Id<()>, Timestamp)>,
}

impl Place {
    /// Whether this store may work now.
    pub fn is_free_for(&self, me: Id<()>, now: Timestamp) -> bool {
        self.held.is_none_or(|(holder, until)| holder == me || until <= now)
    }

    /// Whether the lease must be taken, or renewed because half of it is over.
    pub fn wants_lease(&self, me: Id<()>, now: Timestamp) -> bool {
        self.held.is_none_or(|(holder, until)| holder != me || until <= now.plus(LEASE / 2))
    }
}

/// What a reader has yet to read of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub stream: usize,
    /// Where it stands, as stored.
    pub at: i64,
    /// Where it goes on; later than `at` if changes in between were swept before it came to them.
    pub from: i64,
    pub head: i64,
}

impl Behind {
    /// How many changes it has missed because they were swept.
    pub const fn missed(&self) -> i64 {
        self.from - self.at
    }
}

/// The streams with something to read.
pub fn behind(at: &Positions, extent: &Extent) -> Vec<Behind> {
    let streams = 0..extent.heads.as_slice().len();
    let all = streams.map(|stream| Behind {
        stream,
        at: at.get(stream),
        from: at.get(stream).max(extent.floors.get(stream)),
        head: extent.heads.get(stream),
    });
    all.filter(|behind| behind.at < behind.head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_held_by_one_store_at_a_time() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let [me, other] = [Id::new(now), Id::new(now)];
        let later = |seconds| now.plus(Duration::from_secs(seconds));
        for (held, free, wants) in [
            (None, true, true),
            (Some((me, later(15))), true, false),
            (Some((me, later(8))), true, false),
            (Some((me, later(7))), true, true),
            (Some((me, now)), true, true),
            (Some((other, later(1))), false, true),
            (Some((other, now)), true, true),
        ] {
            let place = Place { epoch: Uuid::nil(), held };
            assert_eq!((place.is_free_for(me, now), place.wants_lease(me, now)), (free, wants), "{held:?}");
        }
    }

    #[test]
    fn behind_table() {
        let positions = |positions: &[i64]| Positions::new(positions.to_vec());
        let (heads, floors) = (positions(&[5, 5, 5, 0]), positions(&[0, 3, 5, 0]));
        let extent = Extent { epoch: Uuid::nil(), stored: Uuid::nil(), heads, floors };
        let found = behind(&positions(&[2, 1, 1, 0]), &extent);
        let found: Vec<_> = found.iter().map(|b| (b.stream, b.at, b.from, b.head, b.missed())).collect();
        assert_eq!(found, [(0, 2, 2, 5, 0), (1, 1, 3, 5, 2), (2, 1, 5, 5, 4)]);
        assert!(behind(&positions(&[5, 5, 5, 0]), &extent).is_empty());
        assert_eq!(behind(&positions(&[]), &extent).len(), 3, "a new reader starts with what the journal still has");
    }
}
