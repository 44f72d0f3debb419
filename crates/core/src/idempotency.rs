//! The `Idempotency-Key` of a call (draft-ietf-httpapi-idempotency-key-header): its effect happens once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{Refusal, error::Kind};

/// The caller's promise that a repeated call is the same call. The write stores its answer under this key in its own
/// transaction, and a repeated call gets the stored answer.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    pub key: Arc<str>,
    /// A keyed hash of method, path and body: the same key with another fingerprint is a mismatch.
    pub fingerprint: [u8; 32],
    replayed: Arc<AtomicBool>,
}

impl IdempotencyKey {
    pub fn new(key: impl Into<Arc<str>>, fingerprint: [u8; 32]) -> Self {
        Self { key: key.into(), fingerprint, replayed: Arc::default() }
    }

    /// The same key of a call that also says this, which was not known before its body had been read.
    pub fn with(&self, said: &[u8; 32]) -> Self {
        let fingerprint = std::array::from_fn(|index| self.fingerprint[index] ^ said[index]);
        Self { fingerprint, ..self.clone() }
    }

    /// Called by a write that found a stored answer.
    pub fn mark_replayed(&self) {
        self.replayed.store(true, Ordering::Relaxed);
    }

    /// Whether the answer is that of an earlier call, for the header `Idempotent-Replayed`.
    pub fn was_replayed(&self) -> bool {
        self.replayed.load(Ordering::Relaxed)
    }
}

/// The same key was used for another request.
pub const MISMATCH: Refusal = Refusal::new(
    Kind::Invalid,
    "idempotency.mismatch",
    "This Idempotency-Key has already been used for another request",
);
/// The first request with this key is still running.
pub const RUNNING: Refusal =
    Refusal::new(Kind::Conflict, "idempotency.running", "The first request with this Idempotency-Key is still running");

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
