//! Blocks, mutes and notes.

mod rows;
mod schema;

pub use rows::*;
pub use schema::*;
