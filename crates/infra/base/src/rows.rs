//! What a row looks like, once for both databases, and how it becomes a thing of the domain. One file per domain.

pub mod accounts;
pub mod api_keys;
pub mod audit;
pub mod idempotency;
pub mod jobs;
pub mod journal;
pub mod messaging;
pub mod preferences;
pub mod sign_ups;
pub mod two_factor;
