//! What each domain keeps in the database: its tables over SQL types that map to both databases, its rows, its emails and
//! its options, all in its own folder. A test holds the tables against what the migrations make.
//!
//! Each domain's `schema.rs` says which of its tables can be in one query, and with which of other domains: pairs cost
//! compile time, and all pairs of all tables would cost most of it.

pub mod accounts;
pub mod api_keys;
pub mod audit;
pub mod credentials;
pub mod idempotency;
pub mod jobs;
pub mod journal;
pub mod messaging;
pub mod preferences;
pub mod privacy;
pub mod sign_ups;
pub mod two_factor;
