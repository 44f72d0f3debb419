//! The high-water mark of the journal: how far it is known to have come. A journal that is found below the mark has gone
//! back, because a backup was restored or a standby without the last commits became the primary. It then gets another
//! epoch, so that nobody takes its new positions for old ones.
//!
//! On PostgreSQL each process keeps the mark in memory, because a promotion and a restore also change what the epoch is
//! derived from ([`epoch_of`]). On SQLite the mark is in a file beside the database ([`mod@file`]).

pub mod file;

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use clowder_core::{Positions, Recorded, Result};
use uuid::Uuid;

use crate::keys::sha256;

/// How far a journal has come at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub epoch: Uuid,
    pub heads: Positions,
}

/// The epoch of a journal: the stored one, combined with what changes by itself when a server is promoted or a database
/// is restored.
pub fn epoch_of(stored: Uuid, parts: &[i64]) -> Uuid {
    let parts = parts.iter().flat_map(|part| part.to_be_bytes());
    let all: Vec<u8> = stored.into_bytes().into_iter().chain(parts).collect();
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = sha256(&all);
    Uuid::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// The mark of a process, in memory.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mark: Option<Mark>,
    /// Epochs that this process has left. A journal that returns to one has gone back.
    former: HashSet<Uuid>,
}

impl InMemory {
    /// The mark. Whoever compares a journal with it reads the mark first.
    pub fn read(&self) -> Option<Mark> {
        self.lock().mark.clone()
    }

    /// Whether a journal that was read after this mark has gone back. One of another epoch has not: it is another
    /// journal, which everybody can see.
    pub fn went_back(&self, mark: Option<&Mark>, epoch: Uuid, heads: &Positions) -> bool {
        let is_lower = |mark: &Mark| mark.epoch == epoch && !heads.reach(&mark.heads);
        mark.is_some_and(is_lower) || self.lock().former.contains(&epoch)
    }

    /// A journal that has not gone back was found to come this far.
    pub fn note(&self, epoch: Uuid, heads: &Positions) {
        let mut state = self.lock();
        // Somebody who read it earlier comes late.
        if state.former.contains(&epoch) {
            return;
        }
        match &mut state.mark {
            Some(mark) if mark.epoch == epoch => {
                heads.as_slice().iter().enumerate().for_each(|(stream, head)| mark.heads.advance(stream, *head));
            }
            mark => {
                let left = mark.replace(Mark { epoch, heads: heads.clone() });
                state.former.extend(left.map(|left| left.epoch));
            }
        }
    }

    /// These changes have been committed.
    pub fn passed(&self, recorded: &[Recorded]) {
        if recorded.is_empty() {
            return;
        }
        if let Some(mark) = &mut self.lock().mark {
            recorded.iter().for_each(|change| mark.heads.advance(change.stream, change.position));
        }
    }

    /// Whether a position that a stream is about to give out was given out before.
    pub fn was_taken(&self, stream: usize, position: i64) -> bool {
        self.lock().mark.as_ref().is_some_and(|mark| mark.heads.cover(stream, position))
    }

    /// The journal gets this epoch, if the transaction commits. Nothing to do: others learn it from the database.
    pub fn renewed(&self, _epoch: Uuid, _heads: &Positions) -> Result<()> {
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(heads: &[i64]) -> Positions {
        Positions::new(heads.to_vec())
    }

    #[test]
    fn every_part_of_an_epoch_counts() {
        let stored = Uuid::from_u128(7);
        let epoch = epoch_of(stored, &[1, 2]);
        assert_eq!(epoch, epoch_of(stored, &[1, 2]));
        for other in [epoch_of(stored, &[1, 3]), epoch_of(stored, &[2, 1]), epoch_of(Uuid::from_u128(8), &[1, 2])] {
            assert_ne!(other, epoch);
        }
    }

    #[test]
    fn a_journal_below_the_mark_has_gone_back() {
        let (water, one) = (InMemory::default(), Uuid::from_u128(1));
        assert!(!water.went_back(water.read().as_ref(), one, &at(&[5, 5])), "nothing is known yet");
        water.note(one, &at(&[5, 5]));
        let earlier = water.read();
        for (heads, back) in [([5, 5], false), ([9, 5], false), ([4, 5], true), ([9, 4], true)] {
            assert_eq!(water.went_back(earlier.as_ref(), one, &at(&heads)), back, "{heads:?}");
        }
        assert!(water.was_taken(1, 5) && !water.was_taken(1, 6));
        water.note(one, &at(&[4, 7]));
        assert_eq!(water.read().map(|mark| mark.heads), Some(at(&[5, 7])), "the mark only rises");
        assert!(!water.went_back(earlier.as_ref(), one, &at(&[5, 6])), "it was read before the mark rose");
    }

    #[test]
    fn another_journal_begins_anew_and_a_former_one_does_not_return() {
        let (water, one, two) = (InMemory::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        water.note(one, &at(&[5]));
        assert!(!water.went_back(water.read().as_ref(), two, &at(&[1])));
        water.note(two, &at(&[1]));
        water.note(one, &at(&[5]));
        assert_eq!(water.read(), Some(Mark { epoch: two, heads: at(&[1]) }), "who comes late changes nothing");
        assert!(water.went_back(water.read().as_ref(), one, &at(&[5])));
    }
}
