//! Presence: the row, and who is connected to this process.

mod online;
mod rows;
mod schema;

pub use online::*;
pub use rows::*;
pub use schema::*;
