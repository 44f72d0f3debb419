//! Field encryption at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a key ring, whose first key encrypts
//! and all of whose keys decrypt. Personal data are encrypted with a key per user, which in turn is encrypted with the
//! ring.
//!
//! A value is encrypted for its [`Place`], so that it cannot be decrypted in another row, column or table.

mod columns;
mod ring;
mod value;

pub use columns::{Column, USER_KEY, Under};
pub use ring::{KeyRing, UserKey};
pub use value::{Place, Sealed, SealedBy};

use async_trait::async_trait;
use clowder_core::Result;
use uuid::Uuid;

/// Counts and logs an encrypted value that does not decrypt, where the rest of its row is shown all the same.
pub fn unreadable<T>(error: &dyn std::error::Error) -> Option<T> {
    metrics::counter!("clowder_sealed_unreadable_total").increment(1);
    tracing::error!(%error, "cannot decrypt a value; it is left out");
    None
}

/// How many values of a column are encrypted with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The id of a key of the ring; `None` for values encrypted with user keys.
    pub key: Option<String>,
    pub count: u64,
    /// How many of these do not decrypt: their key is missing, or is another key with the same id.
    pub lost: u64,
}

/// The result of one step of a rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotateStep {
    pub seen: usize,
    pub resealed: usize,
    /// One sentence for each value that does not decrypt, and so stays unchanged.
    pub faults: Vec<String>,
    /// Where the next step begins; `None` after the last.
    pub next: Option<Uuid>,
}

/// Key rotation and checks of encrypted values.
#[async_trait]
pub trait Sealing: Send + Sync {
    /// Re-encrypts one bounded piece of a column with the active key: values whose row key comes after `after`. Safe
    /// while a server or another rotation runs, and idempotent: a value that has changed meanwhile is left alone.
    async fn rotate(&self, column: &'static Column, after: Option<Uuid>) -> Result<RotateStep>;

    /// Counts the encrypted values of a column by key, and tests whether they decrypt. It reads the whole column, piece
    /// by piece.
    async fn held(&self, column: &'static Column) -> Result<Vec<Held>>;

    /// Tests the oldest and the newest user keys. Fails if the ring decrypts none of those that name one of its keys:
    /// then that is not the key that encrypted them. Corrupt values beside others that decrypt don't fail the test, nor
    /// does an empty table.
    async fn try_keys(&self) -> Result<()>;

    /// The ids of the ring, the active one first.
    fn keys(&self) -> Vec<String>;
}
