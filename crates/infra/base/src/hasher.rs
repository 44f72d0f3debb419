//! Password hashing on dedicated threads, so that many logins at once cannot starve the rest.

mod foreign;

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use clowder_core::{Error, Result};
use hmac::Hmac;
use sha2::Sha384;
use tokio::time::timeout;
use unicode_normalization::UnicodeNormalization;

use crate::{
    keys,
    worker_pool::{Plan, WorkerPool},
};

/// How long a call takes at most: until a thread is free, and until that is done.
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

/// bcrypt over base64(HMAC-SHA-384(label, password)): bcrypt alone reads only 72 octets and stops at NUL; this reads
/// everything. The label makes our hashes differ from plain SHA-384 hashes found elsewhere.
pub struct Hasher {
    pool: WorkerPool<()>,
    cost: u32,
    /// How long a call takes at most.
    within: Duration,
    /// Verified if there is no such account, so that the response time does not reveal that.
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
        Ok(Self { pool: WorkerPool::start(plan, resource)?, cost, within: PATIENCE, decoy })
    }

    /// Runs a job. A thread that has begun one finishes it, but on a machine that is busy nobody waits for that for ever.
    async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (asked, mut done) = (Instant::now(), pin!(self.pool.run(move |()| job())));
        loop {
            match timeout(self.within.saturating_sub(asked.elapsed()), &mut done).await {
                Ok(done) => return done,
                // A test may have paused the runtime's clock.
                Err(_) if asked.elapsed() < self.within => {}
                Err(_) => return Err(self.pool.given_up()),
            }
        }
    }

    pub async fn hash(&self, password: String) -> Result<String> {
        let cost = self.cost;
        self.run(move || hash(&password, cost)).await
    }

    /// Whether the password matches `stored`. Without `stored` it takes as long, and returns wrong.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict> {
        let exists = stored.is_some();
        let (stored, cost) = (stored.unwrap_or_else(|| self.decoy.clone()), self.cost);
        let verdict = self.run(move || verify(&password, &stored, cost)).await?;
        Ok(if exists { verdict } else { Verdict::Wrong })
    }
}

/// Lowers the priority of the thread: a hash takes a good part of a second, and if all cores were busy with hashes, an
/// answer that takes microseconds would have to wait. Each step leaves the thread about 1.25 times less of a busy core: with
/// these five it still gets a quarter of it beside one other thread, and sign-ins go on while everything else is busy.
#[cfg(target_os = "linux")]
fn stand_back() {
    // On Linux it applies to the calling thread; elsewhere it would apply to the whole process.
    if let Err(error) = rustix::process::setpriority_process(None, 5) {
        tracing::warn!(%error, "cannot lower the priority of the hashing threads");
    }
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but the hash was made by another system or at another cost, so it should be replaced.
    RightButOld,
}

/// Whether a foreign hash can be verified here.
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

/// Passwords reach us composed (NFC), however they were typed; another system may have hashed them as they came, and
/// some devices send them decomposed (NFD).
fn forms(password: &str) -> Vec<String> {
    let mut forms = vec![password.to_owned()];
    let decomposed: String = password.nfd().collect();
    if decomposed != password {
        forms.push(decomposed);
    }
    forms
}

/// 64 ASCII characters for every password.
fn folded(password: &str) -> String {
    STANDARD.encode(keys::mac_of::<Hmac<Sha384>>(b"clowder password 1", &[password.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use clowder_core::Cause;

    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_ever_for_a_hash_that_has_begun_or_has_not() {
        let mut hasher = Hasher::start(&Options { cost: 4, threads: 1 }).unwrap();
        hasher.within = Duration::from_millis(500);
        let ((begins, begun), (gate, opened)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
        let slow = hasher.run(move || {
            let _ = begins.send(());
            let _ = opened.recv();
            Ok(())
        });
        assert_eq!(slow.await.unwrap_err().cause(), Some(Cause::Busy));
        assert!(begun.recv().is_ok(), "it runs");
        assert_eq!(hasher.hash("waits".into()).await.unwrap_err().cause(), Some(Cause::Busy));
        gate.send(()).unwrap();
        hasher.within = PATIENCE;
        assert!(hasher.hash("has its turn".into()).await.is_ok());
    }

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
            // Inputs have already been composed.
            let typed = composed.to_owned();
            assert_eq!(hasher.verify(typed, Some(foreign.clone())).await.unwrap(), Verdict::RightButOld, "{hashed:?}");
            let wrong = "correct horse bettery".to_owned();
            assert_eq!(hasher.verify(wrong, Some(foreign)).await.unwrap(), Verdict::Wrong);
        }
    }
}
