//! Chats and messages.

mod rows;
mod schema;
mod summaries;

use clowder_messaging::chats::MOST;

pub use rows::*;
pub use schema::*;
pub use summaries::*;

#[derive(Debug, Clone)]
pub struct Options {
    /// How many chats one person can create.
    pub chats_per_person: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { chats_per_person: MOST }
    }
}
