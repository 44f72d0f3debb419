//! The `Idempotency-Key` of a call (draft-ietf-httpapi-idempotency-key-header): make it happen once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{Refusal, error::Kind};

/// A caller's promise that a repeated call is the same call. The write that it guards stores its answer under
/// this key in its own transaction, and a repeated call gets the stored answer.
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

    /// Called by the write that found its answer stored.
    pub fn mark_replayed(&self) {
        self.replayed.store(true, Ordering::Relaxed);
    }

    /// Whether the answer is that of an earlier call; the gateway says so in `Idempotent-Replayed`.
    pub fn was_replayed(&self) -> bool {
        self.replayed.load(Ordering::Relaxed)
    }
}

/// The same key came with another request.
pub const MISMATCH: Refusal = Refusal::new(
    Kind::Invalid,
    "idempotency.mismatch",
    "This Idempotency-Key has already been used for another request",
);
/// The first request with this key is not answered yet.
pub const RUNNING: Refusal =
    Refusal::new(Kind::Conflict, "idempotency.running", "The first request with this Idempotency-Key is still running");

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
