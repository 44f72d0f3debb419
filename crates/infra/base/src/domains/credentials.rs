//! Passwords, mailed tokens, and what slows down guessing and sending.

mod emails;
mod schema;

use clowder_accounts::policy::EMAILS_CAUSED;

pub use schema::*;

#[derive(Debug, Clone)]
pub struct Options {
    /// How many emails to other people's addresses one person or place may cause in an hour.
    pub emails_an_hour: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { emails_an_hour: EMAILS_CAUSED }
    }
}
