//! Reports and statements of reasons.

mod emails;
mod rows;
mod schema;

pub use rows::*;
pub use schema::*;
