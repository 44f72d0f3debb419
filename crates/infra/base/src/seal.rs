//! Field encryption at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a ring of keys, of which the first
//! seals and all open. What belongs to a person is sealed with a key of theirs, which in its turn the ring seals.
//!
//! A value is sealed for its [`Place`], so that it opens in no other row, column or table.

mod columns;
mod ring;
mod value;

pub use columns::{Column, USER_KEY, Under};
pub use ring::{KeyRing, UserKey};
pub use value::{Place, Sealed, SealedBy};

use async_trait::async_trait;
use clowder_core::Result;
use uuid::Uuid;

/// Counts and logs a sealed value that does not open, where what lies beside it is shown all the same.
pub fn unreadable<T>(error: &dyn std::error::Error) -> Option<T> {
    metrics::counter!("clowder_sealed_unreadable_total").increment(1);
    tracing::error!(%error, "a sealed value cannot be read and is left out");
    None
}

/// How many values of a column stand under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The id of a key of the ring; `None` for what is sealed with the keys of users.
    pub key: Option<String>,
    pub count: u64,
    /// Of these, how many do not open: their key is missing, or is another key under the same id.
    pub lost: u64,
}

/// What a piece of a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotateStep {
    pub seen: usize,
    pub resealed: usize,
    /// One sentence for each value that does not open, and so stays as it is.
    pub faults: Vec<String>,
    /// Where the next piece begins; `None` when the column is done.
    pub next: Option<Uuid>,
}

/// Looking after what is sealed.
#[async_trait]
pub trait Sealing: Send + Sync {
    /// Seals one bounded piece of a column anew, as far as it is not under the active key: values whose row key comes
    /// after `after`. Safe beside a running server and beside another rotation, and idempotent: a value that somebody
    /// else has changed meanwhile is left alone.
    async fn rotate(&self, column: &'static Column, after: Option<Uuid>) -> Result<RotateStep>;

    /// Counts the sealed values of a column by key, and tries whether they open. It reads the whole column, piece by
    /// piece.
    async fn held(&self, column: &'static Column) -> Result<Vec<Held>>;

    /// Tries the oldest and the newest keys of users. Fails when the ring opens none of those that name one of its keys,
    /// which then is not the one that sealed them; what is broken beside others that open is no reason. Nothing sealed
    /// yet is fine.
    async fn try_keys(&self) -> Result<()>;

    /// The ids of the ring, the active one first.
    fn keys(&self) -> Vec<String>;
}
