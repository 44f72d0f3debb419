//! Cursors: how far a client has read the journal, signed so that nobody can forge one or use another user's.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_core::{Positions, UserId};
use clowder_infra::keys::{Keys, mac};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Octets of the signature.
const SEAL: usize = 16;

/// Positions in one journal: in another one they mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Which journal it is.
    pub epoch: Uuid,
    pub positions: Positions,
}

/// The part of a cursor that is the same for all users.
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

    /// The length of a cursor with these positions.
    pub fn sealed_len(&self) -> usize {
        (self.positions.len() + SEAL).saturating_mul(4).div_ceil(3)
    }
}

/// Writes and reads cursors: base64url of the positions as LEB128 numbers, then 16 octets of HMAC-SHA-256 over user,
/// journal and positions.
pub struct Sealer([u8; 32]);

impl Sealer {
    pub fn new(keys: &Keys) -> Self {
        Self(keys.derive("cursors"))
    }

    pub fn seal(&self, user: UserId, Packed { epoch, positions }: &Packed) -> String {
        let mut cursor = Vec::with_capacity(positions.len() + SEAL);
        cursor.extend_from_slice(positions);
        cursor.extend_from_slice(&self.mark(user, *epoch, positions));
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// `None` for a cursor that is forged, damaged, or of another user or journal than this one.
    pub fn open(&self, user: UserId, epoch: Uuid, cursor: &str) -> Option<Place> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (packed, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)?;
        if !bool::from(self.mark(user, epoch, packed).ct_eq(seal)) {
            return None;
        }
        unpack(packed).map(|positions| Place::new(epoch, Positions::new(positions)))
    }

    fn mark(&self, user: UserId, epoch: Uuid, positions: &[u8]) -> [u8; SEAL] {
        let full = mac(&self.0, &[user.uuid().as_bytes(), epoch.as_bytes(), positions]);
        std::array::from_fn(|index| full[index])
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
    use clowder_core::{Id, Timestamp};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_the_own_and_whole_cursor_opens(positions in prop::collection::vec(0_i64.., 0..20), at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let now = Timestamp::from_micros(1);
            let (ada, bob): (UserId, UserId) = (Id::new(now), Id::new(now));
            let keys = Keys::new("secret");
            let (sealer, here) = (Sealer::new(&keys), Uuid::nil());
            let place = Place::new(here, Positions::new(positions));
            let cursor = sealer.seal(ada, &place.pack());
            prop_assert_eq!(cursor.len(), place.pack().sealed_len());
            prop_assert_eq!(sealer.open(ada, here, &cursor), Some(place));
            prop_assert_eq!(sealer.open(bob, here, &cursor), None);
            prop_assert_eq!(sealer.open(ada, Uuid::max(), &cursor), None);
            let mut damaged = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            let index = at.index(damaged.len());
            damaged[index] ^= flip;
            prop_assert_eq!(sealer.open(ada, here, &URL_SAFE_NO_PAD.encode(damaged)), None);
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(text in ".{0,100}") {
            let sealer = Sealer::new(&Keys::new("secret"));
            prop_assert_eq!(sealer.open(Id::new(Timestamp::from_micros(1)), Uuid::nil(), &text), None);
        }
    }
}
