//! Readers of the journal.

mod schema;

pub use schema::*;
