//! Keys for every purpose, derived from the one secret (HKDF-SHA-256, RFC 5869), so that no two purposes share one.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use clowder_core::{Error, Result};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a value is sealed for. It is authenticated with the value, so that what was sealed for one purpose opens for no
/// other: a download link is no ticket, and a stored answer no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The stored answer of an `Idempotency-Key`, bound to where it is stored.
    Answer,
    /// What a job carries, bound to its id.
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

    /// The associated data: no two pairs of purpose and place look alike, for no purpose has a NUL.
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

    /// 32 octets that only this purpose gets.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        derived(&self.root, purpose)
    }

    /// Seals what must not be readable in a dump or by its bearer: nonce, then ciphertext. `place` tells where the value
    /// belongs; it opens there only.
    pub fn seal(&self, purpose: Purpose, place: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; 24];
        random(&mut nonce)?;
        let payload = Payload { msg: plain, aad: &purpose.aad(place) };
        let sealed = self.seal.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::internal("cannot seal"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub fn unseal(&self, purpose: Purpose, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let foreign = || Error::internal(format!("not sealed by us, or not as {}", purpose.as_str()));
        let (nonce, text) = sealed.split_first_chunk::<24>().ok_or_else(foreign)?;
        let payload = Payload { msg: text, aad: &purpose.aad(place) };
        self.seal.decrypt(&XNonce::from(*nonce), payload).map_err(|_| foreign())
    }

    /// A keyed hash that tells whether two things are the same without keeping either.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.fingerprint, parts)
    }
}

fn derived(root: &Hkdf<Sha256>, purpose: &str) -> [u8; 32] {
    let mut key = [0; 32];
    // The only error is a key of more than 255 hashes in length.
    let _ = root.expand(purpose.as_bytes(), &mut key);
    key
}

/// HMAC-SHA-256 (RFC 2104) over parts, each preceded by its length so that no two lists of parts look alike.
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = [0; 32];
    mac.copy_from_slice(&mac_of::<Hmac<Sha256>>(key, parts));
    mac
}

/// Whether this is the HMAC over these parts, in a time that does not tell how much of it is right.
pub fn is_mac(key: &[u8; 32], parts: &[&[u8]], claimed: &[u8]) -> bool {
    bool::from(mac(key, parts).ct_eq(claimed))
}

/// The same with any keyed hash.
pub fn mac_of<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // An HMAC takes keys of any length; the only error is one that cannot happen.
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
