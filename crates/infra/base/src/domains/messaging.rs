//! Chats and messages.

mod rows;
mod scheduled;
mod schema;
mod summaries;

use clowder_messaging::{chats::MOST, scheduled::MOST as MOST_SCHEDULED};

pub use rows::*;
pub use scheduled::*;
pub use schema::*;
pub use summaries::*;

#[derive(Debug, Clone)]
pub struct Options {
    /// How many chats one person can create.
    pub chats_per_person: i64,
    /// In how many chats one person can be; those that they create always fit.
    pub memberships: i64,
    /// How many people can be in a group. Channels have no limit.
    pub people_per_group: i64,
    /// In a chat that is deleted at once, and not by a job, so many people can be.
    pub at_once: i64,
    /// How many scheduled messages of one person can wait.
    pub scheduled_per_person: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chats_per_person: MOST,
            memberships: 10_000,
            people_per_group: 10_000,
            at_once: 200,
            scheduled_per_person: MOST_SCHEDULED,
        }
    }
}
