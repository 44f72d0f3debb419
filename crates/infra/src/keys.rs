//! Keys for every purpose, derived from the one secret (HKDF-SHA-256, RFC 5869), so that no two purposes share one.

use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use clowder_core::{Error, Result};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

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

    /// Seals what is stored but must not be readable in a dump: nonce, then ciphertext.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; 24];
        random(&mut nonce)?;
        let sealed = self.seal.encrypt(&XNonce::from(nonce), plain).map_err(|_| Error::internal("cannot seal"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<24>().ok_or_else(|| Error::internal("not sealed by us"))?;
        self.seal.decrypt(&XNonce::from(*nonce), text).map_err(|_| Error::internal("not sealed by us"))
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

/// In lower case.
pub fn hex(data: &[u8]) -> String {
    data.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub fn random(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|error| Error::internal(format!("no randomness: {error}")))
}
