//! The port to the journal, which stores all changes.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{Ctx, Recorded, Result, UserId, follow::Following};

/// One position per stream: "everything up to here".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Positions(Vec<i64>);

impl Positions {
    pub fn new(positions: Vec<i64>) -> Self {
        Self(positions)
    }

    pub fn as_slice(&self) -> &[i64] {
        &self.0
    }

    pub fn get(&self, stream: usize) -> i64 {
        self.0.get(stream).copied().unwrap_or(0)
    }

    /// Moves one stream forward; a step back is ignored.
    pub fn advance(&mut self, stream: usize, position: i64) {
        if let Some(held) = self.0.get_mut(stream) {
            *held = position.max(*held);
        }
    }

    /// Whether these positions include everything that `other` includes.
    pub fn reach(&self, other: &Self) -> bool {
        other.0.iter().enumerate().all(|(stream, position)| self.cover(stream, *position))
    }

    /// How many changes there are after `from` up to these positions, of all topics.
    pub fn since(&self, from: &Self) -> u64 {
        let streams = self.0.iter().enumerate();
        streams.map(|(stream, position)| u64::try_from(position - from.get(stream)).unwrap_or(0)).sum()
    }

    /// Whether the change at `position` of `stream` is included.
    pub fn cover(&self, stream: usize, position: i64) -> bool {
        position <= self.get(stream)
    }
}

/// The extent of the journal.
#[derive(Debug, Clone)]
pub struct Extent {
    /// Identifies the journal: positions of another epoch mean nothing here. It changes when the journal has gone back,
    /// because a backup was restored, and when a standby became the primary.
    pub epoch: Uuid,
    /// The part of the epoch that is stored with the journal. Another one means another epoch.
    pub stored: Uuid,
    pub heads: Positions,
    /// Changes up to these positions have been deleted and cannot be replayed.
    pub floors: Positions,
}

impl Extent {
    /// Whether everything after `from` still exists, and `from` is not in the future.
    pub fn can_replay(&self, from: &Positions) -> bool {
        from.as_slice().len() == self.heads.as_slice().len()
            && (0..from.as_slice().len()).all(|s| self.floors.get(s) <= from.get(s) && from.get(s) <= self.heads.get(s))
    }
}

/// An epoch before the present one, of which a part was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    pub epoch: Uuid,
    /// Up to here both have the same changes at the same positions.
    pub heads: Positions,
}

impl Former {
    /// Whether all that came up to a place in it is still there.
    pub fn has_kept(&self, epoch: Uuid, at: &Positions) -> bool {
        self.epoch == epoch && self.heads.reach(at)
    }
}

/// An entry of a stream.
#[derive(Debug, Clone)]
pub struct Entry {
    pub stream: usize,
    pub position: i64,
    /// `None` for a change that this version cannot read because a newer node wrote it.
    pub change: Option<Recorded>,
}

impl Entry {
    /// The size of its payload.
    pub fn octets(&self) -> usize {
        self.change.as_ref().map_or(0, |change| change.data.get().len())
    }
}

/// A part of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub stream: usize,
    /// It begins after this position.
    pub after: i64,
    /// Its last position.
    pub until: i64,
}

impl Stretch {
    /// Everything after a position of a stream.
    pub const fn after(stream: usize, position: i64) -> Self {
        Self { stream, after: position, until: i64::MAX }
    }
}

/// What was read of some stretches.
#[derive(Debug, Default)]
pub struct Part {
    /// Those of one stream are together, oldest first. None is left out between them, readable or not.
    pub entries: Vec<Entry>,
    /// Whether nothing is left that did not fit into the chunk.
    pub is_all: bool,
    /// The stored part of the epoch when these were read; `None` if nothing was found.
    pub stored: Option<Uuid>,
}

/// The limits of one read. A single change that is larger is read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    pub rows: usize,
    /// Octets of payload.
    pub octets: usize,
}

impl Chunk {
    /// However large they are.
    pub const fn rows(rows: usize) -> Self {
        Self { rows, octets: usize::MAX }
    }

    /// How many of the changes with these sizes fit, but at least one.
    pub fn fit(&self, sizes: impl IntoIterator<Item = usize>) -> usize {
        let mut octets = 0_usize;
        let fits = sizes.into_iter().take(self.rows).enumerate().take_while(|(index, size)| {
            octets = octets.saturating_add(*size);
            *index == 0 || octets <= self.octets
        });
        fits.count()
    }
}

/// A chunk of what somebody missed.
#[derive(Debug, Clone)]
pub struct Replayed {
    pub changes: Vec<Recorded>,
    /// Everything up to here has been considered, including changes that the user may not see or that cannot be read.
    /// The next chunk begins after it.
    pub reached: Positions,
}

/// What somebody missed, read in chunks. It keeps the followed topics and its position, but no connection between two
/// chunks.
#[async_trait]
pub trait Replay: Send {
    /// Whether this may be more than `most` changes, without reading them; before the first chunk. Some of those that are
    /// counted may not be replayed: they concern only who came earlier, or were superseded.
    async fn exceeds(&mut self, most: usize) -> Result<bool>;

    /// The next chunk; `None` after the last. After an error it cannot be used any more.
    async fn next(&mut self, chunk: Chunk) -> Result<Option<Replayed>>;
}

/// The people on whom it depends what a user receives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// Whose messages the user hides.
    pub hidden: Vec<UserId>,
    /// Whose presence the user hears of unasked, friend or not, as far as everybody may see it.
    pub watched: Vec<UserId>,
}

/// Reads the journal. Within a stream positions have no gaps and commit order is position order, so "everything after
/// position p" is exact.
#[async_trait]
pub trait Journal: Send + Sync {
    async fn extent(&self) -> Result<Extent>;

    /// The epochs before this one of which a part was kept, the latest first: those of servers whose standby became the
    /// primary. Places in them that were kept mean the same in this epoch. None of them are those of a restored backup.
    async fn former(&self, epoch: Uuid) -> Result<Vec<Former>>;

    /// The entries of these stretches, of each stream at most one, as many as fit into the chunk.
    async fn read(&self, stretches: Vec<Stretch>, chunk: Chunk) -> Result<Part>;

    /// The topics that a user followed when the journal was `at` these positions, which must not be in the future. The
    /// personal topic, which every user follows, is not included.
    async fn followed(&self, user: UserId, at: Positions) -> Result<Vec<Following>>;

    /// Whom else a connected user needs now. What has changed since a position follows as changes.
    async fn others(&self, user: UserId) -> Result<Others>;

    /// What a user missed in `(from, to]`, stream by stream, oldest first. `followed` are the topics that they follow
    /// at `to`, and all that they may see: of these they get the changes from while they followed them, as far as these
    /// concern whoever follows them after these numbers, and of their personal topic everything except entering topics
    /// that they have left since. A change that makes them leave a topic is always included, so that they know. The total
    /// cost grows with the topics plus the changes.
    fn replay(&self, user: UserId, followed: Arc<[Following]>, from: Positions, to: Positions) -> Box<dyn Replay>;

    /// These changes of somebody's personal topic as a replay would show them to its owner now: with what the journal keeps
    /// without, and without those of which the owner may see nothing any more.
    async fn completed(&self, _owner: UserId, changes: Vec<Recorded>) -> Result<Vec<Recorded>> {
        Ok(changes)
    }

    /// Forgets what it has held for longer than `keep`, a bounded number of rows per call; answers how many went. The age
    /// of a change is the time measured from one call to the next since it was first there at such a call, and at most
    /// 20 minutes of each: no clock that is wrong, of a writer or of the caller, makes anything older. Where
    /// it goes in large pieces, it may stay up to a seventh of `keep` longer.
    async fn sweep(&self, ctx: &Ctx, keep: Duration) -> Result<usize>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_bounded_by_rows_and_octets() {
        let chunk = Chunk { rows: 3, octets: 10 };
        for (sizes, expected) in [
            (&[][..], 0),
            (&[1, 1], 2),
            (&[1, 1, 1, 1], 3),
            (&[5, 5, 1], 2),
            (&[5, 6], 1),
            (&[11, 1], 1),
            (&[usize::MAX, usize::MAX], 1),
        ] {
            assert_eq!(chunk.fit(sizes.iter().copied()), expected, "{sizes:?}");
        }
    }

    #[test]
    fn a_place_is_kept_if_all_its_streams_are() {
        let at = |positions: &[i64]| Positions::new(positions.to_vec());
        let former = Former { epoch: Uuid::from_u128(1), heads: at(&[3, 4]) };
        for (positions, kept) in [(&[3, 4][..], true), (&[0, 4], true), (&[4, 4], false), (&[3, 5], false)] {
            assert_eq!(former.has_kept(Uuid::from_u128(1), &at(positions)), kept, "{positions:?}");
        }
        assert!(!former.has_kept(Uuid::from_u128(2), &at(&[0, 0])), "a place in another one");
        assert!(!former.has_kept(Uuid::from_u128(1), &at(&[3, 4, 1])), "a stream that it did not have");
    }

    #[test]
    fn positions_reach_others_in_every_stream() {
        let at = |positions: &[i64]| Positions::new(positions.to_vec());
        assert!(at(&[3, 4]).reach(&at(&[3, 4])) && at(&[3, 4]).reach(&at(&[0, 4])));
        assert!(!at(&[3, 4]).reach(&at(&[2, 5])));
        assert!(!at(&[3]).reach(&at(&[3, 1])));
        assert_eq!((at(&[3, 4]).since(&at(&[1, 4])), at(&[3, 4]).since(&at(&[0, 5]))), (2, 3));
    }
}
