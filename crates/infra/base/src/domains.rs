//! The tables of both databases, one file per domain, over SQL types that map to both. A test holds them against what
//! the migrations make.
//!
//! Each domain's file says which of its tables can be in one query, and with which of other domains: pairs cost compile
//! time, and all pairs of all tables would cost most of it.

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

/// The source of all tables, for tests.
#[cfg(test)]
pub(crate) fn source() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/schema");
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}
