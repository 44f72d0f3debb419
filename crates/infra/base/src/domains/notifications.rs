//! Notifications.

mod rows;
mod schema;

use std::time::Duration;

pub use rows::*;
pub use schema::*;

use clowder_notifications::delivering::Delays;

/// How long push and mail wait.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub push_delay: Duration,
    pub mail_delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { push_delay: Duration::from_secs(3), mail_delay: Duration::from_secs(300) }
    }
}

impl Options {
    pub const fn delays(&self) -> Delays {
        Delays { push: self.push_delay, mail: self.mail_delay }
    }
}
