//! Exports and erasures.

mod emails;
mod schema;

use std::time::Duration;

pub use schema::*;

#[derive(Debug, Clone)]
pub struct Options {
    /// The grace period before an account is erased at its owner's request.
    pub erasure_after: Duration,
    /// How many changes of the journal an erasure reads in one transaction.
    pub journal_changes: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { erasure_after: Duration::from_secs(30 * 24 * 60 * 60), journal_changes: 1_000 }
    }
}
