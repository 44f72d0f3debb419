//! Friends.

mod schema;

pub use schema::*;
