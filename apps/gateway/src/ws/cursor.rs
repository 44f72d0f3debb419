//! Cursors: how far a client has read the journal, signed so that nobody can forge one or use another user's.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_core::{Positions, UserId};
use clowder_infra::keys::{Keys, mac};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Octets of the signature.
const SEAL: usize = 16;

/// Writes and reads cursors: base64url of the positions as LEB128 numbers, then 16 octets of HMAC-SHA-256 over user,
/// journal and positions.
pub struct Sealer {
    key: [u8; 32],
    epoch: Uuid,
}

impl Sealer {
    /// `epoch` identifies the journal: positions of another one mean nothing here.
    pub fn new(keys: &Keys, epoch: Uuid) -> Self {
        Self { key: keys.derive("cursors"), epoch }
    }

    /// The part that is the same for all users.
    pub fn pack(positions: &Positions) -> Vec<u8> {
        let mut packed = Vec::with_capacity(positions.as_slice().len() * 4);
        for position in positions.as_slice() {
            let mut rest = position.unsigned_abs();
            while rest >= 0x80 {
                packed.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            packed.push(rest as u8);
        }
        packed
    }

    pub fn seal(&self, user: UserId, packed: &[u8]) -> String {
        let mut cursor = Vec::with_capacity(packed.len() + SEAL);
        cursor.extend_from_slice(packed);
        cursor.extend_from_slice(&self.mark(user, packed));
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// The length of a cursor with these positions.
    pub fn sealed_len(packed: &[u8]) -> usize {
        (packed.len() + SEAL).saturating_mul(4).div_ceil(3)
    }

    /// `None` for a cursor that is forged, damaged, or of another user or journal.
    pub fn open(&self, user: UserId, cursor: &str) -> Option<Positions> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (packed, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)?;
        if !bool::from(self.mark(user, packed).ct_eq(seal)) {
            return None;
        }
        let (mut positions, mut position, mut shift) = (Vec::new(), 0_u64, 0);
        for byte in packed {
            position |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                positions.push(i64::try_from(position).ok()?);
                (position, shift) = (0, 0);
            }
        }
        (shift == 0).then(|| Positions::new(positions))
    }

    fn mark(&self, user: UserId, packed: &[u8]) -> [u8; SEAL] {
        let full = mac(&self.key, &[user.uuid().as_bytes(), self.epoch.as_bytes(), packed]);
        std::array::from_fn(|index| full[index])
    }
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
            let sealer = Sealer::new(&keys, Uuid::nil());
            let positions = Positions::new(positions);
            let cursor = sealer.seal(ada, &Sealer::pack(&positions));
            prop_assert_eq!(cursor.len(), Sealer::sealed_len(&Sealer::pack(&positions)));
            prop_assert_eq!(sealer.open(ada, &cursor), Some(positions));
            prop_assert_eq!(sealer.open(bob, &cursor), None);
            prop_assert_eq!(Sealer::new(&keys, Uuid::max()).open(ada, &cursor), None);
            let mut damaged = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            let index = at.index(damaged.len());
            damaged[index] ^= flip;
            prop_assert_eq!(sealer.open(ada, &URL_SAFE_NO_PAD.encode(damaged)), None);
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(text in ".{0,100}") {
            let sealer = Sealer::new(&Keys::new("secret"), Uuid::nil());
            prop_assert_eq!(sealer.open(Id::new(Timestamp::from_micros(1)), &text), None);
        }
    }
}
