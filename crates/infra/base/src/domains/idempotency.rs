//! The stored answers of calls with an `Idempotency-Key`.

mod rows;
mod schema;

pub use rows::*;
pub use schema::*;
