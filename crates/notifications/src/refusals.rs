//! The refusals of notifications.

use clowder_core::{Refusal, error::Kind::*};

pub const NOTIFICATION_UNKNOWN: Refusal =
    Refusal::new(Unknown, "notification.unknown", "There is no such notification, or you may not see it");
pub const PREFERENCES_STALE: Refusal = Refusal::new(
    Stale,
    "notification.preferences_stale",
    "Your preferences for notifications have changed since you read them",
);

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[NOTIFICATION_UNKNOWN, PREFERENCES_STALE];
