//! Profiles: the index of names.

mod schema;

pub use schema::*;
