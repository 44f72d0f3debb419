//! Password hashing on threads of its own, so that a storm of logins cannot starve the rest.

use base64::{Engine, engine::general_purpose::STANDARD};
use clowder_core::{Error, Result};
use hmac::Hmac;
use sha2::Sha384;

use crate::{keys, lanes::Lanes};

/// bcrypt over base64(HMAC-SHA-384(label, password)): bcrypt alone reads only 72 octets and stops at NUL; this
/// reads them all. The label keeps our hashes apart from plain SHA-384 ones found elsewhere.
pub struct Hasher {
    lanes: Lanes<()>,
    cost: u32,
    /// Verified against when there is no such account, so that nobody learns that from the time it takes.
    decoy: String,
}

impl Hasher {
    /// `cost` is bcrypt's: each step doubles the work; 4 to 31.
    pub fn start(cost: u32, threads: usize) -> Result<Self> {
        let decoy = hash("no account has this password", cost)?;
        Ok(Self { lanes: Lanes::start("hasher", threads, 256, || Ok(()))?, cost, decoy })
    }

    pub async fn hash(&self, password: String) -> Result<String> {
        let cost = self.cost;
        self.lanes.run(move |()| hash(&password, cost)).await
    }

    /// Whether the password is the one behind `stored`. Without `stored` it works as long, and says no.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let exists = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let right = self.lanes.run(move |()| verify(&password, &stored)).await?;
        Ok(right && exists)
    }
}

fn hash(password: &str, cost: u32) -> Result<String> {
    bcrypt::non_truncating_hash(folded(password), cost).map_err(|error| Error::internal(format!("bcrypt: {error}")))
}

fn verify(password: &str, stored: &str) -> Result<bool> {
    bcrypt::non_truncating_verify(folded(password), stored).map_err(|error| Error::internal(format!("bcrypt: {error}")))
}

/// 64 characters of ASCII, whatever the password.
fn folded(password: &str) -> String {
    STANDARD.encode(keys::mac_of::<Hmac<Sha384>>(b"clowder password 1", &[password.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_character_counts() {
        let hasher = Hasher::start(4, 1).unwrap();
        let long = "x".repeat(200);
        let stored = hasher.hash(long.clone()).await.unwrap();
        assert!(hasher.verify(long.clone(), Some(stored.clone())).await.unwrap());
        assert!(!hasher.verify(format!("{long}y"), Some(stored.clone())).await.unwrap(), "beyond 72 octets");
        assert!(!hasher.verify("x".repeat(72), Some(stored)).await.unwrap());
        assert!(!hasher.verify("no account has this password".into(), None).await.unwrap());
    }
}
