//! What is found in files that are made here, and in some that real programs have made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may be blunt")]

mod images;
mod made;
mod metadata;
mod processes;
mod recorded;
mod recordings;
mod sandbox;
mod turned;
mod videos;
