//! `[journal]`: how long events are kept, and how many a client is sent when it comes back.

use std::time::Duration;

use clowder_infra::Options;

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    pub retention_days: u32,
    pub resume_events: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Self { retention_days: 7, resume_events: 5_000 }
    }
}

impl Journal {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        options.journal.kept_for = Duration::from_secs(u64::from(self.retention_days) * 24 * 3600);
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(1, 365, setting("journal", "retention_days", "", |c| &mut c.journal.retention_days,
        "How long clients can be away and still resume, in days.")),
    within(1, 100_000, setting("journal", "resume_events", "", |c| &mut c.journal.resume_events,
        "How many missed events a socket or stream is sent. If it has missed more, it gets `reset` with the reason `too_many`, and the client loads its state anew.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] =
    &[("journal.retention_days", &["0", "366", "a week"]), ("journal.resume_events", &["0", "100001", "all"])];
