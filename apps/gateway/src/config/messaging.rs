//! `[messaging]`: limits of messaging.

use clowder_infra::Options;

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Messaging {
    /// How many chats one person can create.
    pub chats_per_person: u64,
}

impl Default for Messaging {
    fn default() -> Self {
        Self { chats_per_person: 5_000 }
    }
}

impl Messaging {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        options.messaging.chats_per_person = i64::try_from(self.chats_per_person).unwrap_or(i64::MAX);
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(1, 1_000_000, setting("messaging", "chats_per_person", "CHATS_PER_PERSON", |c| &mut c.messaging.chats_per_person,
        "How many chats one person can create. Chats to which others add them do not count.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[("messaging.chats_per_person", &["0", "1000001", "many"])];
