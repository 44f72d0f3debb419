//! The journal.

mod rows;
mod schema;

use std::time::Duration;

pub use rows::*;
pub use schema::*;

#[derive(Debug, Clone)]
pub struct Options {
    /// How long changes are kept.
    pub kept_for: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { kept_for: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}
