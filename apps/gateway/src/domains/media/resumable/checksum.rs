//! The checksum of a part of an upload.

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What has arrived so far, and what it is to be.
pub struct Checksum {
    so_far: Hash,
    expected: Vec<u8>,
}

enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// What clients can choose.
    pub const NAMES: [&str; 2] = ["sha1", "sha256"];

    /// `None` if there is no such algorithm.
    pub fn new(name: &str, expected: Vec<u8>) -> Option<Self> {
        let so_far = match name {
            "sha1" => Hash::Sha1(Sha1::new()),
            "sha256" => Hash::Sha256(Sha256::new()),
            _ => return None,
        };
        Some(Self { so_far, expected })
    }

    pub fn add(&mut self, octets: &[u8]) {
        match &mut self.so_far {
            Hash::Sha1(hash) => hash.update(octets),
            Hash::Sha256(hash) => hash.update(octets),
        }
    }

    /// Whether all that has arrived is what was announced.
    pub fn matches(self) -> bool {
        match self.so_far {
            Hash::Sha1(hash) => hash.finalize().as_slice() == self.expected,
            Hash::Sha256(hash) => hash.finalize().as_slice() == self.expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn the_sum_is_that_of_all_octets() {
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (name, expected, matches) in [
            ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d", true),
            ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89e", false),
            ("sha1", "", false),
            ("sha256", sha256, true),
            ("sha1", sha256, false),
        ] {
            let mut checksum = Checksum::new(name, hex(expected)).unwrap();
            checksum.add(b"a");
            checksum.add(b"bc");
            assert_eq!(checksum.matches(), matches, "{name} {expected}");
        }
        assert!(Checksum::new("crc32", Vec::new()).is_none());
        assert!(Checksum::NAMES.iter().all(|name| Checksum::new(name, Vec::new()).is_some()));
    }
}
