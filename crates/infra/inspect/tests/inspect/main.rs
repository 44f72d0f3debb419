//! What is found in files, all of which are made here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may be blunt")]

mod images;
mod made;
mod metadata;
mod processes;
mod recordings;
mod turned;
mod videos;
