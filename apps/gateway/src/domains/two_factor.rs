//! The second factor, and authenticating again.

mod examples;
mod handlers;
mod routes;

use super::Domain;
use crate::docs::patterns::{code, password};

pub const DOMAIN: Domain = Domain {
    forms: &[
        ("Enabling", "otp", code),
        ("Disabling", "otp", code),
        ("Disabling", "password", password),
        ("Reauthentication", "otp", code),
        ("Reauthentication", "password", password),
    ],
    ..Domain::new(
        "Two-factor authentication",
        "Set up an authenticator and recovery codes, and authenticate again before sensitive calls.",
        routes::all,
        examples::of,
    )
};
