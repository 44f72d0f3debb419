//! Password hashing on threads of its own, so that a storm of logins cannot starve the rest.

mod foreign;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use clowder_core::{Error, Result};
use hmac::Hmac;
use sha2::Sha384;
use unicode_normalization::UnicodeNormalization;

use crate::{
    keys,
    worker_pool::{Plan, WorkerPool},
};

/// How long a call waits for a thread that hashes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What passwords cost.
#[derive(Debug, Clone)]
pub struct Options {
    /// bcrypt's, 4 to 31: each step doubles the work.
    pub cost: u32,
    /// Threads that hash.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cost: 12, threads: std::thread::available_parallelism().map_or(2, usize::from) }
    }
}

/// bcrypt over base64(HMAC-SHA-384(label, password)): bcrypt alone reads only 72 octets and stops at NUL; this
/// reads them all. The label keeps our hashes apart from plain SHA-384 ones found elsewhere.
pub struct Hasher {
    pool: WorkerPool<()>,
    cost: u32,
    /// Verified against when there is no such account, so that nobody learns that from the time it takes.
    decoy: String,
}

impl Hasher {
    pub fn start(options: &Options) -> Result<Self> {
        let Options { cost, threads } = *options;
        let decoy = hash("no account has this password", cost)?;
        let resource = || {
            stand_back();
            Ok(())
        };
        let plan = Plan { name: "hasher", threads, depth: 256, patience: PATIENCE };
        Ok(Self { pool: WorkerPool::start(plan, resource)?, cost, decoy })
    }

    pub async fn hash(&self, password: String) -> Result<String> {
        let cost = self.cost;
        self.pool.run(move |()| hash(&password, cost)).await
    }

    /// Whether the password is the one behind `stored`. Without `stored` it works as long, and says no.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict> {
        let exists = stored.is_some();
        let (stored, cost) = (stored.unwrap_or_else(|| self.decoy.clone()), self.cost);
        let verdict = self.pool.run(move |()| verify(&password, &stored, cost)).await?;
        Ok(if exists { verdict } else { Verdict::Wrong })
    }
}

/// Lets other threads go first: a hash takes a good part of a second, and when all cores are at it, an answer that takes
/// microseconds would wait for its turn. Measured with a hundred sign-ins in flight, the p99 of others was 12 times what it
/// is without any, and is 2 to 3 times with this; the sign-ins were as many.
#[cfg(target_os = "linux")]
fn stand_back() {
    // Of the calling thread, as Linux has it; elsewhere it would be the whole process.
    if let Err(error) = rustix::process::setpriority_process(None, 15) {
        tracing::warn!(%error, "hashing does not stand back for other work");
    }
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but another system or another cost made the hash: it should be made anew.
    RightButOld,
}

/// Whether a hash from elsewhere is one that can be verified here.
pub fn is_known(stored: &str) -> bool {
    foreign::Foreign::parse(stored).is_some()
}

fn hash(password: &str, cost: u32) -> Result<String> {
    bcrypt::non_truncating_hash(folded(password), cost).map_err(|error| Error::internal(format!("bcrypt: {error}")))
}

fn verify(password: &str, stored: &str, cost: u32) -> Result<Verdict> {
    let (right, fresh) = match foreign::Foreign::parse(stored) {
        Some(foreign) => (forms(password).iter().any(|form| foreign.verify(form)), false),
        None => {
            let failed = |error| Error::internal(format!("bcrypt: {error}"));
            let parts: bcrypt::HashParts = stored.parse().map_err(failed)?;
            let right = bcrypt::non_truncating_verify(folded(password), stored).map_err(failed)?;
            (right, parts.get_cost() == cost)
        }
    };
    Ok(match (right, fresh) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::Right,
        (true, false) => Verdict::RightButOld,
    })
}

/// A password reaches us composed (NFC), however it was typed; another system may have hashed it as it came, and from
/// some devices it comes decomposed (NFD).
fn forms(password: &str) -> Vec<String> {
    let mut forms = vec![password.to_owned()];
    let decomposed: String = password.nfd().collect();
    if decomposed != password {
        forms.push(decomposed);
    }
    forms
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
        let hasher = Hasher::start(&Options { cost: 4, threads: 1 }).unwrap();
        let long = "x".repeat(200);
        let stored = hasher.hash(long.clone()).await.unwrap();
        let verify =
            async |password: String, stored: Option<&String>| hasher.verify(password, stored.cloned()).await.unwrap();
        assert_eq!(verify(long.clone(), Some(&stored)).await, Verdict::Right);
        assert_eq!(verify(format!("{long}y"), Some(&stored)).await, Verdict::Wrong, "beyond 72 octets");
        assert_eq!(verify("x".repeat(72), Some(&stored)).await, Verdict::Wrong);
        assert_eq!(verify("no account has this password".into(), None).await, Verdict::Wrong);
        let dearer = Hasher::start(&Options { cost: 5, threads: 1 }).unwrap();
        assert_eq!(dearer.verify(long, Some(stored)).await.unwrap(), Verdict::RightButOld);
    }

    #[tokio::test]
    async fn a_foreign_hash_knows_a_password_in_either_form() {
        let hasher = Hasher::start(&Options { cost: 4, threads: 1 }).unwrap();
        let (composed, decomposed) = ("correct horse b\u{e9}ttery", "correct horse be\u{301}ttery");
        for hashed in [composed, decomposed] {
            let foreign = format!("bcrypt${}", bcrypt::hash(hashed, 4).unwrap());
            // Inputs are composed before they get here.
            let typed = composed.to_owned();
            assert_eq!(hasher.verify(typed, Some(foreign.clone())).await.unwrap(), Verdict::RightButOld, "{hashed:?}");
            let wrong = "correct horse bettery".to_owned();
            assert_eq!(hasher.verify(wrong, Some(foreign)).await.unwrap(), Verdict::Wrong);
        }
    }
}
