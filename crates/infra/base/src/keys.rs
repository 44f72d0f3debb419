//! Keys for all purposes, derived from the one secret (HKDF-SHA-256, RFC 5869), so that no two purposes share a key.

use std::ops::RangeInclusive;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use clowder_core::{Error, Result};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a value is encrypted for. The purpose is authenticated with the value, so that it cannot be used for another
/// one: a download link is no ticket, and a stored answer no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The stored answer of an `Idempotency-Key`, bound to its row.
    Answer,
    /// The payload of a job, bound to its id.
    Job,
    /// A ticket for a socket.
    Ticket,
    /// The token of a download link, bound to its export.
    ExportLink,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Job => "job",
            Self::Ticket => "ticket",
            Self::ExportLink => "export link",
        }
    }

    /// The associated data: no two pairs of purpose and place are alike, because no purpose contains a NUL.
    fn aad(self, place: &[u8]) -> Vec<u8> {
        [self.as_str().as_bytes(), b"\0", place].concat()
    }
}

pub struct Keys {
    root: Hkdf<Sha256>,
    seal: XChaCha20Poly1305,
    fingerprint: [u8; 32],
}

impl Keys {
    pub fn new(secret: &str) -> Self {
        let root = Hkdf::<Sha256>::new(Some(b"clowder"), secret.as_bytes());
        let seal = XChaCha20Poly1305::new((&derived(&root, "stored answers")).into());
        let fingerprint = derived(&root, "fingerprints");
        Self { root, seal, fingerprint }
    }

    /// 32 octets for this purpose only.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        derived(&self.root, purpose)
    }

    /// Encrypts what must not be readable in a dump or by its bearer: nonce, then ciphertext. `place` says where the
    /// value belongs; it can be decrypted only there.
    pub fn seal(&self, purpose: Purpose, place: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; 24];
        random(&mut nonce)?;
        let payload = Payload { msg: plain, aad: &purpose.aad(place) };
        let sealed = self.seal.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::internal("cannot seal"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub fn unseal(&self, purpose: Purpose, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let foreign = || Error::internal(format!("not encrypted by this server, or not as {}", purpose.as_str()));
        let (nonce, text) = sealed.split_first_chunk::<24>().ok_or_else(foreign)?;
        let payload = Payload { msg: text, aad: &purpose.aad(place) };
        self.seal.decrypt(&XNonce::from(*nonce), payload).map_err(|_| foreign())
    }

    /// Encryption for this purpose only, whose nonces follow from what is encrypted.
    pub fn synthetic(&self, purpose: &str) -> SyntheticSeal {
        let [cipher, nonces] = ["seal", "nonces"].map(|part| self.derive(&format!("{purpose}: {part}")));
        SyntheticSeal { cipher: XChaCha20Poly1305::new((&cipher).into()), nonces }
    }

    /// A keyed hash that shows whether two things are equal without storing either.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.fingerprint, parts)
    }
}

/// Encrypts so that the same text at the same place gives the same value each time. The nonce is a keyed hash of both (a
/// synthetic one, as in RFC 5297), so it is never used for two texts. For values that people compare, such as links.
pub struct SyntheticSeal {
    cipher: XChaCha20Poly1305,
    nonces: [u8; 32],
}

impl SyntheticSeal {
    /// Nonce, then ciphertext; it can be decrypted only for this place.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let full = mac(&self.nonces, &[place, plain]);
        let nonce: [u8; 24] = std::array::from_fn(|index| full[index]);
        // The only error is a text of more than 256 GiB.
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: place }).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// `None` for what was not encrypted here, or for another place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<24>()?;
        self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: place }).ok()
    }
}

fn derived(root: &Hkdf<Sha256>, purpose: &str) -> [u8; 32] {
    let mut key = [0; 32];
    // The only error is a key of more than 255 hashes in length.
    let _ = root.expand(purpose.as_bytes(), &mut key);
    key
}

/// HMAC-SHA-256 (RFC 2104) over parts, each preceded by its length so that different lists of parts differ.
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = [0; 32];
    mac.copy_from_slice(&mac_of::<Hmac<Sha256>>(key, parts));
    mac
}

/// Whether this is the HMAC over these parts, in constant time.
pub fn is_mac(key: &[u8; 32], parts: &[&[u8]], claimed: &[u8]) -> bool {
    bool::from(mac(key, parts).ct_eq(claimed))
}

/// The same with any keyed hash.
pub fn mac_of<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // An HMAC accepts keys of any length, so this error cannot occur.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

pub fn random(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|error| Error::internal(format!("no randomness: {error}")))
}

/// A number of this range, so that not everybody does something at the same moment. Without randomness it is the first.
pub fn random_within(range: RangeInclusive<u64>) -> u64 {
    let mut octets = [0; 8];
    let (first, count) = (*range.start(), (range.end() - range.start()).saturating_add(1));
    random(&mut octets).map_or(first, |()| first + u64::from_le_bytes(octets) % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_for_its_purpose_and_in_its_place_only() {
        let keys = Keys::new("a secret");
        let all = [Purpose::Answer, Purpose::Job, Purpose::Ticket, Purpose::ExportLink];
        for sealed_for in all {
            let sealed = keys.seal(sealed_for, b"here", b"text").unwrap();
            for opened_for in all {
                let opened = keys.unseal(opened_for, b"here", &sealed).ok();
                assert_eq!(
                    opened.as_deref(),
                    (opened_for == sealed_for).then_some(b"text".as_slice()),
                    "{opened_for:?}"
                );
            }
            assert!(keys.unseal(sealed_for, b"there", &sealed).is_err(), "{sealed_for:?}");
            assert!(Keys::new("another").unseal(sealed_for, b"here", &sealed).is_err());
            assert!(keys.unseal(sealed_for, b"here", &sealed[..23]).is_err());
        }
    }
}
