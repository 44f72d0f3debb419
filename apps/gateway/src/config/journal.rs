//! `[journal]`: how long events are kept.

use std::time::Duration;

use clowder_infra::Options;

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    pub retention_days: u32,
}

impl Default for Journal {
    fn default() -> Self {
        Self { retention_days: 7 }
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
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[("journal.retention_days", &["0", "366", "a week"])];
