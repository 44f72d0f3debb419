//! Chats and messages.

mod analytics;
mod attachments;
mod exports;
mod faces;
mod imports;
mod links;
mod mentions;
mod moderation;
mod pages;
mod polls;
mod relations;
mod rows;
mod scheduled;
mod schema;
mod search;
mod summaries;
mod templates;

use std::time::Duration;

use clowder_messaging::{chats::MOST, moderation::pace::Rate, scheduled::MOST as MOST_SCHEDULED};

pub use analytics::*;
pub use attachments::*;
pub use exports::*;
pub use faces::*;
pub use imports::*;
pub use links::*;
pub use mentions::*;
pub use moderation::*;
pub use pages::*;
pub use polls::*;
pub use relations::*;
pub use rows::*;
pub use scheduled::*;
pub use schema::*;
pub use search::*;
pub use summaries::*;
pub use templates::*;

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
    /// How fast one person can send into one chat; as fast as they like without it.
    pub pace: Option<Rate>,
    /// How fast one person can change one chat, or something else of which others are told; as fast as they like without it.
    pub changes: Option<Rate>,
    /// How often within a day one person can bring people who are not their friends into chats: all together, and each.
    pub strangers_a_day: i64,
    pub same_stranger_a_day: i64,
    /// How many scheduled messages of one person can wait.
    pub scheduled_per_person: i64,
    /// For how long after it was sent a message can be edited; always without it.
    pub editable_for: Option<Duration>,
    /// Whether links have previews.
    pub link_previews: bool,
}

impl Options {
    /// Lets one person send so many messages into one chat in a minute, and so many at once.
    pub fn set_pace(&mut self, a_minute: f64, at_once: f64) {
        self.pace = rate(a_minute, at_once);
    }

    /// Lets one person change one chat so often in a minute, and so often at once.
    pub fn set_changes(&mut self, a_minute: f64, at_once: f64) {
        self.changes = rate(a_minute, at_once);
    }
}

fn rate(a_minute: f64, at_once: f64) -> Option<Rate> {
    let interval = Duration::try_from_secs_f64(60.0 / a_minute).ok();
    let burst = at_once.clamp(1.0, f64::from(u32::MAX)) as u32;
    interval.map(|interval| Rate { interval, burst })
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chats_per_person: MOST,
            memberships: 10_000,
            people_per_group: 10_000,
            at_once: 200,
            pace: None,
            changes: None,
            strangers_a_day: i64::MAX,
            same_stranger_a_day: i64::MAX,
            scheduled_per_person: MOST_SCHEDULED,
            editable_for: None,
            link_previews: false,
        }
    }
}
