//! Profiles: the index of names, and the pages that belong to people.

mod back;
mod schema;

pub use back::*;
pub use schema::*;
