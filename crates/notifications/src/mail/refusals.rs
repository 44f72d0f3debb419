//! The refusals of mail.

use clowder_core::{Refusal, error::Kind::*};

pub const UNSUBSCRIBE_UNKNOWN: Refusal =
    Refusal::new(Unknown, "unsubscribe.unknown", "This link ends no emails; make sure that it is complete");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[UNSUBSCRIBE_UNKNOWN];
