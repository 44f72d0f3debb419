//! Two-factor authentication, which is of people.

use super::{Domain, Reasons};
use crate::texts::{SECRET, Then};

pub const DOMAIN: Domain =
    Domain { texts: TEXTS, people: PEOPLE, not_sent: NOT_SENT, ..Domain::new("Two-factor authentication") };

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/auth/2fa/disable /otp", SECRET),
    ("POST /api/auth/2fa/enable /otp", SECRET),
    ("POST /api/auth/reauthenticate /otp", SECRET),
];

const PEOPLE: Reasons = &[
    ("POST /api/auth/2fa/setup", "a second factor is of people"),
    ("POST /api/auth/2fa/enable", "a second factor is of people"),
    ("POST /api/auth/2fa/disable", "a second factor is of people"),
    ("POST /api/auth/2fa/recovery-codes", "a second factor is of people"),
    ("POST /api/auth/reauthenticate", "a key has no session"),
];

const NOT_SENT: Reasons = &[
    ("enableTwoFactor", "a code of an authenticator changes with the time"),
    ("disableTwoFactor", "a code of an authenticator changes with the time"),
    ("renewRecoveryCodes", "only with two factors"),
];
