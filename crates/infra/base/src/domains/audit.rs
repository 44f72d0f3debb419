//! The audit log.

mod rows;
mod schema;

use std::time::Duration;

pub use rows::*;
pub use schema::*;

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How long entries are kept; `None` is for ever.
    pub kept_for: Option<Duration>,
}
