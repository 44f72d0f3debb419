//! Background jobs.

mod rows;
mod schema;

use std::time::Duration;

pub use rows::*;
pub use schema::*;

#[derive(Debug, Clone)]
pub struct Options {
    /// How long a worker may hold a job without renewing its lease.
    pub lease: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { lease: Duration::from_secs(60) }
    }
}
