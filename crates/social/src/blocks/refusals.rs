//! The refusals of blocks, mutes and notes.

use clowder_core::{Refusal, error::Kind::*};

pub const BLOCK_LIMIT: Refusal =
    Refusal::new(Conflict, "block.limit", "You have blocked as many people as one person can block");
pub const MUTE_LIMIT: Refusal =
    Refusal::new(Conflict, "mute.limit", "You have muted as many people as one person can mute");
pub const NOTE_LIMIT: Refusal = Refusal::new(Conflict, "note.limit", "You have reached the limit of notes");
pub const NOTE_UNKNOWN: Refusal = Refusal::new(Unknown, "note.unknown", "You have no note on this person");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[BLOCK_LIMIT, MUTE_LIMIT, NOTE_LIMIT, NOTE_UNKNOWN];
