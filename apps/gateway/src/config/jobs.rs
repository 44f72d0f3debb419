//! `[jobs]`: work that is done later.

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Jobs {
    /// How many are worked on at a time; 0 leaves them to others.
    pub concurrency: usize,
    /// How long a job stays with a worker that is not heard of.
    pub lease_seconds: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { concurrency: 4, lease_seconds: 60 }
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(0, 256, setting("jobs", "concurrency", "JOB_CONCURRENCY", |c| &mut c.jobs.concurrency,
        "How many jobs run at a time. 0: none in this process; `clowder jobs run` runs them.")),
    within(1, 3_600, setting("jobs", "lease_seconds", "JOB_LEASE_SECONDS", |c| &mut c.jobs.lease_seconds,
        "How long a job stays with a worker that does not respond, in seconds; then another worker takes it.")),
];
