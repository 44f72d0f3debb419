//! `[notifications]`: how long push and mail wait.

use std::time::Duration;

use clowder_infra::Options;

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Notifications {
    /// For so long a push waits, because what is read meanwhile need not be pushed.
    pub push_delay_seconds: u32,
    /// The same for an email.
    pub mail_delay_seconds: u32,
}

impl Default for Notifications {
    fn default() -> Self {
        Self { push_delay_seconds: 3, mail_delay_seconds: 300 }
    }
}

impl Notifications {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        options.notifications.push_delay = Duration::from_secs(self.push_delay_seconds.into());
        options.notifications.mail_delay = Duration::from_secs(self.mail_delay_seconds.into());
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(0, 3_600, setting("notifications", "push_delay_seconds", "PUSH_DELAY_SECONDS", |c| &mut c.notifications.push_delay_seconds,
        "How long a push waits; what the person reads meanwhile is not pushed.")),
    within(0, 86_400, setting("notifications", "mail_delay_seconds", "MAIL_DELAY_SECONDS", |c| &mut c.notifications.mail_delay_seconds,
        "How long an email about a notification waits; what the person reads meanwhile is not mailed.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("notifications.push_delay_seconds", &["-1", "3601", "soon"]),
    ("notifications.mail_delay_seconds", &["-1", "86401", "soon"]),
];
