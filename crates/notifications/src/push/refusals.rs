//! The refusals of subscriptions to push.

use clowder_core::{Refusal, error::Kind::*};

pub const PUSH_UNKNOWN: Refusal = Refusal::new(Unknown, "push.unknown", "There is no such subscription to push");
pub const PUSH_LIMIT: Refusal = Refusal::new(
    Conflict,
    "push.limit",
    "You have as many subscriptions to push as one person can have; delete one first, or sign out on a device",
);

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[PUSH_UNKNOWN, PUSH_LIMIT];
