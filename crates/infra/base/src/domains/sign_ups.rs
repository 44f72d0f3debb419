//! Invitations, and accounts that somebody asked for.

mod emails;
mod rows;
mod schema;

pub use rows::*;
pub use schema::*;

/// Who may make an account.
pub use clowder_accounts::sign_up::Rules as Options;
