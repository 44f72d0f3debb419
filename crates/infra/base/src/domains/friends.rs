//! Friends.

mod lists;
mod rows;
mod schema;

pub use lists::*;
pub use rows::*;
pub use schema::*;
