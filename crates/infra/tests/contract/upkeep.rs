//! The promises of `Upkeep` that concern other domains are tested with them; here is what tests of all domains need.

pub mod domain;
