//! `[messaging]`: limits of messaging.

use std::time::Duration;

use clowder_infra::Options;

use super::settings::{Setting, setting, within};

#[derive(Debug, Clone, PartialEq)]
pub struct Messaging {
    /// How many chats one person can create.
    pub chats_per_person: u64,
    /// In how many chats one person can be.
    pub memberships: u64,
    /// How many people can be in a group.
    pub people_per_group: u64,
    /// How many messages one person can send into one chat in a minute.
    pub messages_per_minute: u64,
    /// How many of them at once.
    pub messages_at_once: u64,
    /// How often one person can change one chat in a minute.
    pub changes_per_minute: u64,
    /// How often at once.
    pub changes_at_once: u64,
    /// How many people who are not their friends one person can bring into chats in a day.
    pub strangers_per_day: u64,
    /// How often the same one.
    pub same_stranger_per_day: u64,
    /// How many scheduled messages of one person can wait.
    pub scheduled_per_person: u64,
    /// For how many minutes after it was sent a message can be edited; 0 for ever.
    pub editable_minutes: u32,
}

impl Default for Messaging {
    fn default() -> Self {
        Self {
            chats_per_person: 5_000,
            memberships: 10_000,
            people_per_group: 10_000,
            messages_per_minute: 600,
            messages_at_once: 100,
            changes_per_minute: 60,
            changes_at_once: 30,
            strangers_per_day: 500,
            same_stranger_per_day: 20,
            scheduled_per_person: 200,
            editable_minutes: 0,
        }
    }
}

impl Messaging {
    /// What the store is told.
    /// `factor` multiplies all limits on rates.
    pub fn apply_to(&self, factor: f64, options: &mut Options) {
        options.messaging.chats_per_person = i64::try_from(self.chats_per_person).unwrap_or(i64::MAX);
        options.messaging.memberships = i64::try_from(self.memberships).unwrap_or(i64::MAX);
        options.messaging.people_per_group = i64::try_from(self.people_per_group).unwrap_or(i64::MAX);
        let (a_minute, at_once) = (self.messages_per_minute as f64, self.messages_at_once as f64);
        options.messaging.set_pace(a_minute * factor, at_once * factor);
        let (a_minute, at_once) = (self.changes_per_minute as f64, self.changes_at_once as f64);
        options.messaging.set_changes(a_minute * factor, at_once * factor);
        // At least one, however small the factor is.
        let a_day = |most: u64| (most as f64 * factor).max(1.0) as i64;
        options.messaging.strangers_a_day = a_day(self.strangers_per_day);
        options.messaging.same_stranger_a_day = a_day(self.same_stranger_per_day);
        options.messaging.scheduled_per_person = i64::try_from(self.scheduled_per_person).unwrap_or(i64::MAX);
        let editable_for = Duration::from_secs(u64::from(self.editable_minutes) * 60);
        options.messaging.editable_for = Some(editable_for).filter(|limit| !limit.is_zero());
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(1, 1_000_000, setting("messaging", "chats_per_person", "CHATS_PER_PERSON", |c| &mut c.messaging.chats_per_person,
        "How many chats one person can create. Chats to which others add them do not count.")),
    within(1, 1_000_000, setting("messaging", "memberships", "CHAT_MEMBERSHIPS", |c| &mut c.messaging.memberships,
        "In how many chats one person can be. Nobody is added to more, and nobody joins more; chats that they create themselves always fit.")),
    within(2, 1_000_000, setting("messaging", "people_per_group", "PEOPLE_PER_GROUP", |c| &mut c.messaging.people_per_group,
        "How many people can be in a chat of type `group`. Channels have no limit, and groups (`/api/groups`) have one of their own.")),
    within(1, 1_000_000, setting("messaging", "messages_per_minute", "CHAT_MESSAGES_PER_MINUTE", |c| &mut c.messaging.messages_per_minute,
        "How many messages one person can send to one chat in a minute, on each node. `RATE_LIMIT_FACTOR` multiplies it.")),
    within(1, 1_000_000, setting("messaging", "messages_at_once", "CHAT_MESSAGES_AT_ONCE", |c| &mut c.messaging.messages_at_once,
        "How many of these at once. `RATE_LIMIT_FACTOR` multiplies it.")),
    within(1, 1_000_000, setting("messaging", "changes_per_minute", "CHAT_CHANGES_PER_MINUTE", |c| &mut c.messaging.changes_per_minute,
        "How often one person can change one chat, group or pet, or block and unblock one other person, in a minute, on each node. `RATE_LIMIT_FACTOR` multiplies it.")),
    within(1, 1_000_000, setting("messaging", "changes_at_once", "CHAT_CHANGES_AT_ONCE", |c| &mut c.messaging.changes_at_once,
        "How often at once. `RATE_LIMIT_FACTOR` multiplies it.")),
    within(1, 1_000_000, setting("messaging", "strangers_per_day", "CHAT_STRANGERS_PER_DAY", |c| &mut c.messaging.strangers_per_day,
        "How often one person can bring people who are not their friends into chats within 24 hours, by creating chats with them or adding them. `RATE_LIMIT_FACTOR` multiplies it.")),
    within(1, 1_000_000, setting("messaging", "same_stranger_per_day", "CHAT_SAME_STRANGER_PER_DAY", |c| &mut c.messaging.same_stranger_per_day,
        "How often the same one of them. `RATE_LIMIT_FACTOR` multiplies it.")),
    within(1, 100_000, setting("messaging", "scheduled_per_person", "SCHEDULED_MESSAGES_PER_PERSON", |c| &mut c.messaging.scheduled_per_person,
        "How many messages of one person can wait to be sent later.")),
    within(0, 5_256_000, setting("messaging", "editable_minutes", "MESSAGE_EDITABLE_MINUTES", |c| &mut c.messaging.editable_minutes,
        "For how many minutes after it was sent a message can be edited; 0 sets no limit.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("messaging.chats_per_person", &["0", "1000001", "many"]),
    ("messaging.memberships", &["0", "1000001", "many"]),
    ("messaging.people_per_group", &["1", "1000001", "many"]),
    ("messaging.messages_per_minute", &["0", "1000001", "many"]),
    ("messaging.messages_at_once", &["0", "1000001", "many"]),
    ("messaging.changes_per_minute", &["0", "1000001", "many"]),
    ("messaging.changes_at_once", &["0", "1000001", "many"]),
    ("messaging.strangers_per_day", &["0", "1000001", "many"]),
    ("messaging.same_stranger_per_day", &["0", "1000001", "many"]),
    ("messaging.scheduled_per_person", &["0", "100001", "many"]),
    ("messaging.editable_minutes", &["-1", "5256001", "many"]),
];
