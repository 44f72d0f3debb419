//! The handlers: each reads its arguments, calls one port method and says how to answer.

pub mod account_page;
pub mod accounts;
pub mod api_keys;
pub mod audit;
pub mod credentials;
pub mod docs;
pub mod health;
pub mod messaging;
pub mod metrics;
pub mod preferences;
pub mod problems;
pub mod sign_ups;
pub mod staff;
pub mod token;
pub mod two_factor;
