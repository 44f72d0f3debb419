//! `[security]`: keys that encrypt fields at rest.

use clowder_infra::seal::KeyRing;

use super::{
    Secret,
    checks::Checked,
    settings::{Setting, checked, secret, setting},
};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Security {
    /// `id/base64,…`; the first encrypts, all decrypt.
    pub keys: Option<Secret>,
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(encryption_keys, secret(setting("security", "keys", "ENCRYPTION_KEYS", |c| &mut c.security.keys,
        "Keys that encrypt fields at rest: `id/base64` of 32 octets, separated by commas; the first encrypts, all decrypt. Empty: one is derived from SECRET_KEY."))),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[("security.keys", &["key", "a/AAAA", "a/b,a/b"])];

fn encryption_keys(text: &str) -> Checked {
    KeyRing::parse(text)
        .map(drop)
        .map_err(|fault| format!("{fault}; must be `id/base64` of 32 octets each, separated by commas"))
}
