//! `[audit]`: how long the audit log is kept.

use std::time::Duration;

use clowder_infra::Options;

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// 0: forever.
    pub retention_days: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { retention_days: 400 }
    }
}

impl Audit {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        let kept_for = Duration::from_secs(u64::from(self.retention_days) * 24 * 3600);
        options.audit.kept_for = Some(kept_for).filter(|kept_for| !kept_for.is_zero());
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(0, 36_500, setting("audit", "retention_days", "", |c| &mut c.audit.retention_days,
        "How long audit log entries are kept, in days; older ones are deleted, and a signed checkpoint marks where the chain begins. 0: forever.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[("audit.retention_days", &["-1", "36501", "a year"])];
