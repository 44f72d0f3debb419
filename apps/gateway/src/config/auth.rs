//! `[auth]`: tokens, sessions and passwords.

use std::time::Duration;

use clowder_infra::Options;

use super::{
    Secret,
    settings::{Setting, secret, setting, within},
};

#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    pub secret_key: Option<Secret>,
    pub access_token_seconds: u64,
    pub refresh_token_seconds: u64,
    pub session_seconds: u64,
    pub bcrypt_cost: u32,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            secret_key: None,
            access_token_seconds: 600,
            refresh_token_seconds: 30 * 24 * 3600,
            session_seconds: 180 * 24 * 3600,
            bcrypt_cost: 12,
        }
    }
}

impl Auth {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        options.accounts.access_for = Duration::from_secs(self.access_token_seconds);
        options.accounts.refresh_for = Duration::from_secs(self.refresh_token_seconds);
        options.accounts.session_for = Duration::from_secs(self.session_seconds);
        options.hasher.cost = self.bcrypt_cost;
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    secret(setting("auth", "secret_key", "SECRET_KEY", |c| &mut c.auth.secret_key,
        "Signs tokens and cursors; at least 32 characters. Empty (SQLite only): generated once and kept in `data_dir`.")),
    within(1, 86_400, setting("auth", "access_token_seconds", "ACCESS_TOKEN_SECONDS", |c| &mut c.auth.access_token_seconds,
        "How long an access token is valid, in seconds.")),
    within(1, 31_536_000, setting("auth", "refresh_token_seconds", "REFRESH_TOKEN_SECONDS", |c| &mut c.auth.refresh_token_seconds,
        "How long a session lasts without being used, in seconds.")),
    within(1, 315_360_000, setting("auth", "session_seconds", "SESSION_SECONDS", |c| &mut c.auth.session_seconds,
        "How long a session lasts at most, however often it is used, in seconds.")),
    within(4, 15, setting("auth", "bcrypt_cost", "BCRYPT_COST", |c| &mut c.auth.bcrypt_cost,
        "Cost of hashing a password; each step doubles the work.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("auth.secret_key", &["short", "changeme-changeme-changeme-changeme"]),
    ("auth.access_token_seconds", &["0", "86401", "-600", "10m"]),
    ("auth.refresh_token_seconds", &["0", "300", "31536001", "30d"]),
    ("auth.session_seconds", &["0", "300", "315360001", "x"]),
    ("auth.bcrypt_cost", &["3", "16", "x"]),
];
