//! Accounts and their sessions.

mod rows;
mod schema;

use std::time::Duration;

pub use rows::*;
pub use schema::*;

/// How long people stay signed in, and what they may do.
#[derive(Debug, Clone)]
pub struct Options {
    pub access_for: Duration,
    pub refresh_for: Duration,
    /// The maximum lifetime of a session, however often it is used.
    pub session_for: Duration,
    /// Whether people must confirm their address before they can reach others.
    pub verified_to_reach_others: bool,
    /// The address of the page of a profile, with `{username}` in it; empty if there is none but those of this server.
    pub profile_url: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access_for: Duration::from_secs(600),
            refresh_for: Duration::from_secs(30 * 24 * 60 * 60),
            session_for: Duration::from_secs(180 * 24 * 60 * 60),
            verified_to_reach_others: false,
            profile_url: String::new(),
        }
    }
}
