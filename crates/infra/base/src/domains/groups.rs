//! Groups.

mod rows;
mod schema;

pub use rows::*;
pub use schema::*;

/// How much one person and one group can have.
pub use clowder_social::groups::policy::Limits as Options;
