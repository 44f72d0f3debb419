//! The port to the journal: the one place where what happened is written down.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{Ctx, Recorded, Result, Timestamp, Topic};

/// One position per stream. "Everything up to here" for whoever holds it.
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

    /// Whether the change at `position` of `stream` lies within these positions.
    pub fn cover(&self, stream: usize, position: i64) -> bool {
        position <= self.get(stream)
    }
}

/// How far the journal reaches.
#[derive(Debug, Clone)]
pub struct Extent {
    /// Drawn when the database was made: a cursor of another database is worth nothing here.
    pub epoch: Uuid,
    pub heads: Positions,
    /// Positions up to these were swept away and cannot be replayed.
    pub floors: Positions,
}

impl Extent {
    /// Whether everything after `from` is still there, and `from` lies not in the future.
    pub fn can_replay(&self, from: &Positions) -> bool {
        from.as_slice().len() == self.heads.as_slice().len()
            && (0..from.as_slice().len()).all(|s| self.floors.get(s) <= from.get(s) && from.get(s) <= self.heads.get(s))
    }
}

/// Reads what happened. Within a stream positions have no gaps and commit order is position order, so
/// "everything after position p" is exact.
#[async_trait]
pub trait Journal: Send + Sync {
    async fn extent(&self) -> Result<Extent>;

    /// The changes of one stream after `position`, oldest first, at most `limit`.
    async fn after(&self, stream: usize, position: i64, limit: usize) -> Result<Vec<Recorded>>;

    /// The changes of the topics in `(from, to]`, stream by stream, oldest first, at most `limit`.
    async fn replay(&self, topics: Vec<Topic>, from: Positions, to: Positions, limit: usize) -> Result<Vec<Recorded>>;

    /// Forgets what happened before `until`, a bounded number of rows per call; answers how many went.
    async fn sweep(&self, ctx: &Ctx, until: Timestamp) -> Result<usize>;
}
