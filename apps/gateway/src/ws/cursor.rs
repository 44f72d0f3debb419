//! Cursors: how far a client has read the journal, encrypted so that nobody can make one or read how much is written here.
//!
//! A cursor names a place in the journal and not a person, so all recipients of an event get the same one; what is replayed
//! from it depends on who asks.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_core::{Positions, journal::Former};
use clowder_infra::keys::{Keys, SyntheticSeal};
use uuid::Uuid;

/// Positions in one journal: in another one they mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Which journal it is.
    pub epoch: Uuid,
    pub positions: Positions,
}

/// What is encrypted in a cursor.
pub struct Packed {
    epoch: Uuid,
    positions: Vec<u8>,
}

impl Place {
    pub fn new(epoch: Uuid, positions: Positions) -> Self {
        Self { epoch, positions }
    }

    pub fn pack(&self) -> Packed {
        let mut packed = Vec::with_capacity(self.positions.as_slice().len() * 4);
        for position in self.positions.as_slice() {
            let mut rest = position.unsigned_abs();
            while rest >= 0x80 {
                packed.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            packed.push(rest as u8);
        }
        Packed { epoch: self.epoch, positions: packed }
    }

    /// What was packed like this; `None` if nothing was.
    pub fn unpack(epoch: Uuid, packed: &[u8]) -> Option<Self> {
        unpack(packed).map(|positions| Self::new(epoch, Positions::new(positions)))
    }

    /// Whether it is in the same journal and includes everything that `other` includes.
    pub fn reach(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.positions.reach(&other.positions)
    }
}

impl Packed {
    /// The same place before this position of a stream: resumed from there, it is the first thing that is missed.
    pub fn before(&self, stream: usize, position: i64) -> Self {
        let mut positions = unpack(&self.positions).unwrap_or_default();
        if let Some(reached) = positions.get_mut(stream) {
            *reached = position - 1;
        }
        Place::new(self.epoch, Positions::new(positions)).pack()
    }
}

/// Writes and reads cursors: base64url of the positions as LEB128 numbers, encrypted for one journal.
#[derive(Clone)]
pub struct Sealer(Arc<SyntheticSeal>);

impl Sealer {
    pub fn new(keys: &Keys) -> Self {
        Self(Arc::new(keys.synthetic("cursors")))
    }

    /// The same place has the same cursor, on every node.
    pub fn seal(&self, Packed { epoch, positions }: &Packed) -> String {
        URL_SAFE_NO_PAD.encode(self.0.seal(epoch.as_bytes(), positions))
    }

    /// The place in this epoch of a cursor of one before it; `None` if something that came up to there was not kept.
    pub fn open_former(&self, epoch: Uuid, former: &[Former], cursor: &str) -> Option<Place> {
        let place = former.iter().find_map(|former| self.open(former.epoch, cursor))?;
        let is_kept = former.iter().any(|former| former.has_kept(place.epoch, &place.positions));
        is_kept.then(|| Place::new(epoch, place.positions))
    }

    /// `None` for a cursor that is forged, damaged, or of another journal than this one.
    pub fn open(&self, epoch: Uuid, cursor: &str) -> Option<Place> {
        let packed = self.0.open(epoch.as_bytes(), &URL_SAFE_NO_PAD.decode(cursor).ok()?)?;
        Place::unpack(epoch, &packed)
    }
}

fn unpack(packed: &[u8]) -> Option<Vec<i64>> {
    let (mut positions, mut position, mut shift) = (Vec::new(), 0_u64, 0);
    for byte in packed {
        position |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            positions.push(i64::try_from(position).ok()?);
            (position, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(positions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_a_whole_cursor_of_this_journal_opens(positions in prop::collection::vec(0_i64.., 0..20), at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let keys = Keys::new("secret");
            let (sealer, here) = (Sealer::new(&keys), Uuid::nil());
            let place = Place::new(here, Positions::new(positions));
            let cursor = sealer.seal(&place.pack());
            prop_assert_eq!(&Sealer::new(&keys).seal(&place.pack()), &cursor, "the same on every node");
            prop_assert_eq!(sealer.open(here, &cursor), Some(place));
            prop_assert_eq!(sealer.open(Uuid::max(), &cursor), None);
            prop_assert_eq!(Sealer::new(&Keys::new("other")).open(here, &cursor), None);
            let mut damaged = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            let index = at.index(damaged.len());
            damaged[index] ^= flip;
            prop_assert_eq!(sealer.open(here, &URL_SAFE_NO_PAD.encode(damaged)), None);
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(text in ".{0,100}") {
            prop_assert_eq!(Sealer::new(&Keys::new("secret")).open(Uuid::nil(), &text), None);
        }
    }

    #[test]
    fn a_cursor_of_a_former_epoch_means_the_same_as_far_as_it_was_kept() {
        let sealer = Sealer::new(&Keys::new("secret"));
        let [first, second, present, other] = [1, 2, 3, 4].map(Uuid::from_u128);
        let at = |positions: [i64; 2]| Positions::new(positions.to_vec());
        let former = |epoch, heads| Former { epoch, heads: at(heads) };
        let former = [former(second, [9, 9]), former(first, [5, 7])];
        for (epoch, positions, kept) in [
            (second, [9, 9], true),
            (second, [9, 10], false),
            (first, [5, 7], true),
            (first, [0, 0], true),
            (first, [6, 7], false),
            (other, [0, 0], false),
        ] {
            let cursor = sealer.seal(&Place::new(epoch, at(positions)).pack());
            let place = kept.then(|| Place::new(present, at(positions)));
            assert_eq!(sealer.open_former(present, &former, &cursor), place, "{epoch} {positions:?}");
        }
        assert_eq!(sealer.open_former(present, &former, "nonsense"), None);
    }

    /// Clients keep them over an upgrade, and nodes of two versions give them out together.
    #[test]
    fn cursors_of_earlier_versions_open() {
        let sealer = Sealer::new(&Keys::new("secret"));
        let place = Place::new(Uuid::from_u128(7), Positions::new((0..16).map(|stream| stream * 1_000).collect()));
        assert_eq!(sealer.open(place.epoch, OF_AN_EARLIER_VERSION), Some(place.clone()));
        assert_eq!(sealer.seal(&place.pack()), OF_AN_EARLIER_VERSION, "and those of this one open there");
    }

    const OF_AN_EARLIER_VERSION: &str =
        "d6PfjGum-ZQAScMFURyIghG4GjdOXDjDb1EKg4sKGAUrf0xoO-ICZG8OFz9YWe1aQ7QPbOCitIbCjlvUi7sgUVSg3GM42Wk";

    /// Two cursors do not tell how much was written between them.
    #[test]
    fn positions_cannot_be_read() {
        let sealer = Sealer::new(&Keys::new("secret"));
        let [one, next] = [1, 2].map(|position| {
            let cursor = sealer.seal(&Place::new(Uuid::nil(), Positions::new(vec![position; 16])).pack());
            URL_SAFE_NO_PAD.decode(cursor).unwrap()
        });
        let alike = one.iter().zip(&next).filter(|(one, next)| one == next).count();
        assert!(alike < one.len() / 4, "{alike} of {} octets are the same", one.len());
    }
}
