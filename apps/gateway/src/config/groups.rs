//! `[groups]`: limits of groups.

use clowder_infra::Options;

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    /// How many groups one person can own.
    pub owned_per_person: u64,
    /// How many groups one person can be in.
    pub per_person: u64,
    /// How many members a group can have.
    pub members: u64,
}

impl Default for Groups {
    fn default() -> Self {
        Self { owned_per_person: 50, per_person: 1_000, members: 100_000 }
    }
}

impl Groups {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        let number = |setting: u64| i64::try_from(setting).unwrap_or(i64::MAX);
        options.groups.owned = number(self.owned_per_person);
        options.groups.memberships = number(self.per_person);
        options.groups.members = number(self.members);
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(1, 10_000, setting("groups", "owned_per_person", "GROUPS_OWNED_PER_PERSON", |c| &mut c.groups.owned_per_person,
        "How many groups one person can own.")),
    within(1, 10_000, setting("groups", "per_person", "GROUPS_PER_PERSON", |c| &mut c.groups.per_person,
        "How many groups one person can be in.")),
    within(1, 1_000_000, setting("groups", "members", "GROUP_MEMBERS", |c| &mut c.groups.members,
        "How many members a group can have.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("groups.owned_per_person", &["0", "10001", "many"]),
    ("groups.per_person", &["0", "10001", "many"]),
    ("groups.members", &["0", "1000001", "many"]),
];
