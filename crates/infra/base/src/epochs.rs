//! How one epoch of the journal follows another.
//!
//! A server of PostgreSQL that is promoted begins another timeline. It has everything up to some place in each stream, and
//! the first who appends there notes which. So whoever has seen no more than that goes on in the new epoch, and whoever has
//! seen more begins anew. That a journal has gone back in any other way says nothing of the kind.

use std::iter;

use clowder_core::{Id, Positions, Result, journal::Former};
use uuid::Uuid;

use crate::domains::journal::{FormerEpochRow, StreamRow};

/// How many epochs before the present one are kept: clients that were away for that many failovers go on, too.
pub const KEPT: usize = 8;

/// What a look at the journal finds.
#[derive(Debug, Clone)]
pub struct Look {
    pub epoch: Uuid,
    /// The part of the epoch that is stored.
    pub stored: Uuid,
    pub streams: Vec<StreamRow>,
    pub timelines: Timelines,
}

/// What an append finds.
#[derive(Debug, Clone)]
pub struct Advanced {
    /// Streams, their new heads and their segments.
    pub heads: Vec<(i16, i64, i32)>,
    /// The part of the epoch that is stored.
    pub stored: Uuid,
    pub timelines: Timelines,
}

/// On which timeline the journal is known to be written, and which the server is on. `None` stands for one that nobody
/// knows, and on SQLite for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timelines {
    pub noted: Option<i64>,
    pub present: Option<i64>,
}

/// What has to be written before anything is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing: every change since the timeline began was appended by somebody who has looked.
    None,
    /// The present timeline, which nobody knew before or knows now. Nobody can say what was appended meanwhile.
    Note,
    /// The present timeline, which begins where the journal is now.
    Fork,
    /// The present timeline, which does not follow the one before: the journal was moved to another server.
    Leave,
}

impl Timelines {
    pub fn turn(self) -> Turn {
        match (self.noted, self.present) {
            (noted, present) if noted == present => Turn::None,
            (Some(noted), Some(present)) if noted < present => Turn::Fork,
            (Some(_), Some(_)) => Turn::Leave,
            _ => Turn::Note,
        }
    }
}

/// The epochs before this one, the latest first, as far as one leads to the other.
pub fn before(epoch: Uuid, rows: &[FormerEpochRow]) -> Result<Vec<Former>> {
    let before = |epoch: &Uuid| rows.iter().find(|row| row.successor.uuid() == *epoch);
    let last = before(&epoch);
    let chain = iter::successors(last, |row| before(&row.epoch.uuid())).take(KEPT);
    let former = |row: &FormerEpochRow| -> Result<Former> {
        Ok(Former { epoch: row.epoch.uuid(), heads: Positions::new(serde_json::from_str(&row.heads)?) })
    };
    chain.map(former).collect()
}

/// What is stored when one epoch follows another.
pub fn row(epoch: Uuid, successor: Uuid, heads: &Positions) -> Result<FormerEpochRow> {
    let heads = serde_json::to_string(heads.as_slice())?;
    Ok(FormerEpochRow { epoch: Id::from_uuid(epoch), successor: Id::from_uuid(successor), heads })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(u128, u128)]) -> Vec<FormerEpochRow> {
        let heads = |at: u128| Positions::new(vec![at as i64]);
        pairs
            .iter()
            .map(|(epoch, next)| row(Uuid::from_u128(*epoch), Uuid::from_u128(*next), &heads(*epoch)).unwrap())
            .collect()
    }

    fn chain(epoch: u128, pairs: &[(u128, u128)]) -> Vec<(u128, i64)> {
        let before = before(Uuid::from_u128(epoch), &rows(pairs)).unwrap();
        before.iter().map(|former| (former.epoch.as_u128(), former.heads.get(0))).collect()
    }

    #[test]
    fn turn_table() {
        for (noted, present, turn) in [
            (None, None, Turn::None),
            (Some(1), Some(1), Turn::None),
            (Some(1), Some(2), Turn::Fork),
            (Some(1), Some(3), Turn::Fork),
            (Some(2), Some(1), Turn::Leave),
            (None, Some(1), Turn::Note),
            (Some(1), None, Turn::Note),
        ] {
            assert_eq!(Timelines { noted, present }.turn(), turn, "{noted:?} {present:?}");
        }
    }

    #[test]
    fn epochs_lead_to_the_present_one_or_do_not_count() {
        let pairs = [(1, 2), (2, 3), (3, 4)];
        assert_eq!(chain(4, &pairs), [(3, 3), (2, 2), (1, 1)]);
        assert_eq!(chain(3, &pairs), [(2, 2), (1, 1)], "who has looked earlier");
        assert!(chain(5, &pairs).is_empty(), "a restored backup");
        assert_eq!(chain(4, &[(1, 2), (3, 4)]), [(3, 3)]);
    }

    #[test]
    fn only_so_many_are_followed() {
        let pairs: Vec<_> = (0..20).map(|at| (at, at + 1)).collect();
        assert_eq!(chain(20, &pairs).len(), KEPT);
        assert_eq!(chain(1, &[(1, 1)]).len(), KEPT, "and a circle ends");
    }
}
